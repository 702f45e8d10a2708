"""The state of canaries in, one screen out for a person; never wider than the console."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.canary.advice import Advice, advice
from weighbridge.canary.gates import NO_DATA, Analysis, Gate
from weighbridge.canary.status import CanaryState

_COLOURS = {
    "Healthy": "green",
    "Successful": "green",
    "Progressing": "cyan",
    "Running": "cyan",
    "Paused": "yellow",
    "Inconclusive": "yellow",
    "Degraded": "red",
    "Failed": "red",
    "Error": "red",
}
_HASH_CELLS = 10


def screen(
    states: Sequence[CanaryState], missing: Sequence[str] = (), context: str = ""
) -> RenderableType:
    """Draw them: one in full; of several a table, and in full those that want attention."""
    parts: list[RenderableType] = []
    if len(states) > 1:
        parts.append(_summary(states))
    for state in states:
        if len(states) == 1 or state.phase != "Healthy":
            parts += _whole(state, context) if not parts else [Text(), *_whole(state, context)]
    parts += [Text(f"not read: {line}", style="yellow") for line in missing]
    return Group(*parts)


def _summary(states: Sequence[CanaryState]) -> Table:
    table = _table("pool", "tier", "phase", "step", "canary", "message")
    for state in states:
        table.add_row(
            Text(state.pool, style="bold"),
            state.tier,
            _phase(state.phase),
            _step(state),
            _share(state),
            Text(state.aborted or state.message),
        )
    return table


def _whole(state: CanaryState, context: str) -> list[RenderableType]:
    return [
        _heading(state),
        *_reasons(state),
        _facts(state),
        _revisions(state),
        *_troubles(state),
        *_gates(state),
        *_next(advice(state, context)),
    ]


def _heading(state: CanaryState) -> Text:
    tier = f"   tier {state.tier}" if state.tier else ""
    return Text.assemble(
        (state.pool, "bold"), f" in {state.namespace}{tier}   ", _phase(state.phase)
    )


def _phase(phase: str) -> Text:
    return Text(phase, style=_COLOURS.get(phase, ""))


def _reasons(state: CanaryState) -> Iterable[Text]:
    if state.aborted:
        yield Text(f"aborted: {state.aborted}", style="red")
    elif state.pause:
        left = "" if state.pause.left_s is None else f", {state.pause.left_s} s left"
        since = f" since {state.pause.since}" if state.pause.since else ""
        yield Text(f"paused: {state.pause.reason}{since}{left}", style="yellow")
    elif state.message:
        yield Text(state.message)


def _facts(state: CanaryState) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("weight", _weights(state))
    if state.position.steps:
        table.add_row("steps", _steps(state))
    table.add_row("pods", f"{state.ready} of {state.pods} ready, {state.replicas} wanted")
    table.add_row("template", state.template)
    if state.experiment:
        shown = state.experiment
        words = "; ".join((shown.phase, *shown.sides, *filter(None, [shown.message])))
        table.add_row("experiment", f"{shown.name}: {words}")
    return table


def _weights(state: CanaryState) -> Text:
    """Wanted, and what stands in the VirtualService, which follows within seconds."""
    text = Text(f"canary {state.position.weight} % wanted")
    for split in state.splits:
        follows = split.canary == state.position.weight
        waits = not follows and _grows(state)
        text.append(", " if follows else ", still " if waits else ", but ")
        text.append(f"{split.canary} %", "" if follows or waits else "red")
        text.append(f" in VirtualService {split.virtual_service} route {split.route}")
        text.append(" until the canary's pods are ready" if waits else "")
    if not state.splits:
        text.append(", no VirtualService read", "yellow")
    for name in state.managed_routes:
        text.append(f", route {name} open")
    return text


def _grows(state: CanaryState) -> bool:
    """Whether the canary has pods that are not ready: a new weight is written when they are."""
    return any(each.role == "canary" and each.ready < each.pods for each in state.revisions)


def _steps(state: CanaryState) -> Text:
    text = Text(f"{_step(state)}: ")
    for index, words in enumerate(state.position.steps):
        if index:
            text.append(" · ", "dim")
        if state.promoted or index < state.position.index:
            text.append(f"✓ {words}", "dim")
        elif index == state.position.index and not state.aborted:
            text.append(f"▶ {words}", "bold")
        else:
            text.append(words)
    return text


def _step(state: CanaryState) -> str:
    """Counted from one; a canary that was aborted stands nowhere."""
    total = len(state.position.steps)
    if state.promoted or not total:
        return "done"
    return (
        f"none of {total}"
        if state.aborted
        else f"{min(state.position.index + 1, total)} of {total}"
    )


def _share(state: CanaryState) -> str:
    shares = sorted({split.canary for split in state.splits} or {state.position.weight})
    return ", ".join(f"{share} %" for share in shares)


def _revisions(state: CanaryState) -> Table:
    table = _table("", "revision", "model", "image", "ready")
    for each in state.revisions:
        number = "?" if each.number is None else str(each.number)
        table.add_row(
            Text("serves" if state.promoted else each.role, style="bold"),
            f"{number} {each.hash[:_HASH_CELLS]}",
            each.model or "?",
            each.image or "?",
            f"{each.ready} of {each.pods}",
        )
    return table


def _troubles(state: CanaryState) -> Iterable[Text]:
    for each in state.revisions:
        if each.trouble:
            yield Text(f"{each.role}: {each.trouble}", style="red")


def _gates(state: CanaryState) -> Iterable[RenderableType]:
    if not state.analyses:
        yield Text("no analysis of this revision", style="dim")
        return
    table = _table("analysis", "gate", "last", "limit", "verdict", "ok", "bad", "unclear", "error")
    for analysis in state.analyses:
        for gate in analysis.gates:
            table.add_row(*_gate(analysis, gate))
    yield table
    for analysis in state.analyses:
        yield from _complaints(analysis)


def _gate(analysis: Analysis, gate: Gate) -> tuple[RenderableType, ...]:
    kind = analysis.kind + (" (dry run)" if gate.dry_run else "")
    value = Text(gate.value or "-", style="yellow" if gate.value.startswith(NO_DATA) else "")
    counts = (gate.successful, gate.failed, gate.inconclusive, gate.errors)
    # As good as its last look, also where it was ended meanwhile: Argo calls that Successful.
    undecided = gate.phase in {"Running", "Successful"}
    verdict = gate.verdict if undecided and gate.verdict else gate.phase
    return (kind, gate.name, value, gate.limit or "-", _phase(verdict), *map(str, counts))


def _complaints(analysis: Analysis) -> Iterable[Text]:
    if analysis.message:
        yield Text(f"{analysis.kind}: {analysis.message}")
    for gate in analysis.gates:
        if gate.message and gate.message not in analysis.message:
            yield Text(f"{gate.name}: {gate.message}")


def _next(found: Sequence[Advice]) -> Iterable[Text]:
    yield Text("next", style="bold")
    for each in found:
        if each.command:
            yield Text(f"  {each.command}")
            yield Text(f"    {each.effect}", style="dim")
        else:
            yield Text(f"  {each.effect}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
