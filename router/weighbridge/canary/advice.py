"""The state of a canary in, what to type next out: commands with what each does.

Commands that change something are those of Argo's own kubectl plugin: this package only reads.
"""

from dataclasses import dataclass

from weighbridge.canary.status import PAUSED_BY_HAND, CanaryState

_INCONCLUSIVE = frozenset({"InconclusiveAnalysisRun", "InconclusiveExperiment"})


@dataclass(frozen=True)
class Advice:
    """What to type, and what happens then; `command` empty: nothing to type."""

    command: str
    effect: str


def advice(state: CanaryState, context: str = "") -> tuple[Advice, ...]:
    """Return what one may do now, the likeliest first.

    Args:
        state: of the canary.
        context: of the kubeconfig, if it is not the current one.
    """
    ask = _Asker(state, context)
    if state.aborted:
        return (*ask.why_pods_fail(), ask.retry(), ask.go_back())
    if state.phase == "Degraded":
        return _degraded(state, ask)
    if state.promoted:
        return (Advice("", _settled(state)),)
    if state.pause:
        return _paused(state, ask)
    return (*ask.why_pods_fail(), Advice("", "it goes on by itself"), ask.abort())


def _settled(state: CanaryState) -> str:
    if state.phase == "Healthy":
        return "nothing to do: what is wanted serves everybody"
    return "no canary runs; the pool's own pods are not all ready"


def _degraded(state: CanaryState, ask: "_Asker") -> tuple[Advice, ...]:
    if state.message.startswith("InvalidSpec"):
        return (Advice("", "mend what the message says; the controller then goes on by itself"),)
    return (*ask.why_pods_fail(always=True), ask.abort())


def _paused(state: CanaryState, ask: "_Asker") -> tuple[Advice, ...]:
    pause = state.pause
    if pause is not None and pause.reason in _INCONCLUSIVE:
        return (ask.measure_again(), ask.abort(), ask.promote("goes on without that verdict"))
    if pause is not None and pause.reason == PAUSED_BY_HAND:
        past = ask.promote("goes on, past the step in which it was paused")
        return (ask.resume(), past, ask.abort())
    if pause is not None and pause.left_s is not None:
        goes_on = Advice("", f"it goes on by itself in {pause.left_s} s")
        return (goes_on, ask.promote("goes on now"), ask.abort())
    return (ask.promote("goes on with the next step"), ask.abort())


class _Asker:
    """Spells commands for one pool."""

    def __init__(self, state: CanaryState, context: str) -> None:
        self._state = state
        self._where = f"--namespace {state.namespace}" + (f" --context {context}" * bool(context))

    def promote(self, effect: str) -> Advice:
        return self._plugin("promote", effect)

    def abort(self) -> Advice:
        return self._plugin("abort", "all traffic back to stable, the canary is scaled down")

    def retry(self) -> Advice:
        return self._plugin("retry rollout", "the same version again, from the first step")

    def go_back(self) -> Advice:
        return Advice("", "or take the change back where it was made: helm rollback, or git revert")

    def measure_again(self) -> Advice:
        patch = (
            """--subresource status --type merge --patch '{"status":{"pauseConditions":null}}'"""
        )
        return Advice(
            f"kubectl patch rollout {self._state.pool} {self._where} {patch}",
            "measures again; first see to it that there is data",
        )

    def resume(self) -> Advice:
        patch = """--type merge --patch '{"spec":{"paused":false}}'"""
        return Advice(
            f"kubectl patch rollout {self._state.pool} {self._where} {patch}",
            "goes on where it was",
        )

    def why_pods_fail(self, *, always: bool = False) -> tuple[Advice, ...]:
        """How to look at the canary's pods, if any of them is in trouble."""
        canary = self._state.revisions[-1:]
        return tuple(
            Advice(
                f"kubectl describe pods {self._where} "
                f"--selector rollouts-pod-template-hash={each.hash}",
                "says what ails the pods",
            )
            for each in canary
            if each.trouble or always
        )

    def _plugin(self, verb: str, effect: str) -> Advice:
        return Advice(f"kubectl argo rollouts {verb} {self._state.pool} {self._where}", effect)
