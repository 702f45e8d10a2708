"""Complexity, guards and the caller's wish in, a `Decision` out. Pure: no clock, no I/O.

Order: an explicit model name; embeddings; what each pool can do (guards); the client's preference
where it is allowed; stickiness; the threshold. A guard only ever narrows the choice.
"""

import math

import msgspec

from weighbridge.classifier import Complexity
from weighbridge.contract import (
    MODEL_PREFIX,
    PREFER_AUTO,
    Endpoint,
    Outcome,
    Reason,
)
from weighbridge.prompt import Prompt
from weighbridge.settings import Settings

_DECILES = 10


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Where a request goes and why.

    Attributes:
        tier: name of the tier.
        reason: why.
        outcome: whether the prompt was weighed.
        score: 0..1; None where nothing was weighed.
    """

    tier: str
    reason: Reason
    outcome: Outcome
    score: float | None = None

    @property
    def decile(self) -> int | None:
        """floor(score x 10), 0..9; None where there is no score."""
        return None if self.score is None else min(_DECILES - 1, int(self.score * _DECILES))


class Policy:
    """The rules of one generation of settings, prepared once."""

    def __init__(self, settings: Settings) -> None:
        self._policy = settings.policy
        self._band = settings.classifier.band
        self._limits = settings.limits
        self._tiers = settings.tiers
        self._explicit = {
            **{model: name for name, tier in settings.tiers.items() for model in tier.models},
            **{MODEL_PREFIX + name: name for name in settings.tiers},
            **{a: t for a, t in settings.policy.aliases.items() if t != PREFER_AUTO},
        }
        self._by_window = sorted(
            settings.tiers, key=lambda name: settings.tiers[name].context_window
        )
        policy = settings.policy
        self._passed = {
            reason: Decision(policy.passive_tier, reason, Outcome.PASSED)
            for reason in (Reason.NO_BODY, Reason.OTHER_PATH, Reason.NO_TEXT)
        }
        self._failed = {
            reason: Decision(policy.fallback_tier, reason, Outcome.FAILED) for reason in Reason
        }

    def passed(self, reason: Reason) -> Decision:
        """The decision for a request with nothing to weigh."""
        return self._passed[reason]

    def failed(self, reason: Reason) -> Decision:
        """The decision for a request that could not be weighed."""
        return self._failed[reason]

    def settle(self, prompt: Prompt) -> Decision | None:
        """The decision for a prompt that needs no weighing; None if it does."""
        explicit = self._explicit.get(prompt.model)
        if explicit is not None:
            return Decision(explicit, Reason.EXPLICIT, Outcome.PASSED)
        if prompt.endpoint is Endpoint.EMBEDDINGS:
            return Decision(self._policy.embeddings_tier, Reason.EMBEDDINGS, Outcome.PASSED)
        if prompt.ask is None:
            tier, guard = self._guarded(self._unread_tier(prompt), prompt)
            return Decision(tier, guard or Reason.NO_TEXT, Outcome.PASSED)
        return None

    def decide(self, prompt: Prompt, complexity: Complexity, prefer: str = "") -> Decision:
        """Choose the tier of a weighed prompt.

        Args:
            prompt: what was read.
            complexity: what the classifier said of it.
            prefer: value of the client's preference header, "" if none.
        """
        wanted, reason = self._wanted(complexity, prefer)
        tier, guard = self._guarded(wanted, prompt)
        return Decision(tier, guard or reason, Outcome.WEIGHED, complexity.score)

    def is_open(self, prompt: Prompt, complexity: Complexity, prefer: str = "") -> bool:
        """Whether a second look could change the tier: it is near, and nothing else decides.

        Args:
            prompt: what was read.
            complexity: what the classifier's first look said of it.
            prefer: value of the client's preference header, "" if none.
        """
        policy = self._policy
        if complexity.is_refined or abs(complexity.score - policy.threshold) > self._band:
            return False
        if policy.honour_preference and prefer in self._tiers:
            return False
        if policy.sticky and complexity.earlier >= policy.threshold:
            return False
        ends = (policy.easy_tier, policy.hard_tier)
        easy, hard = (self._guarded(tier, prompt)[0] for tier in ends)
        return easy != hard

    def estimate_tokens(self, prompt: Prompt) -> int:
        """Tokens that prompt and answer may take together, on the high side."""
        limits = self._limits
        answer = limits.default_max_tokens if prompt.max_tokens is None else prompt.max_tokens
        text = math.ceil(prompt.text_bytes / limits.bytes_per_token)
        return text + prompt.token_ids + prompt.images * limits.image_tokens + answer

    def _unread_tier(self, prompt: Prompt) -> str:
        # Token ids say nothing of how hard they are; an empty prompt is the pool's to refuse.
        policy = self._policy
        return policy.fallback_tier if prompt.token_ids else policy.passive_tier

    def _wanted(self, complexity: Complexity, prefer: str) -> tuple[str, Reason]:
        policy = self._policy
        if policy.honour_preference and prefer in self._tiers:
            return prefer, Reason.PREFERRED
        reason = Reason.DEADLINE if complexity.late else Reason.SCORE
        if complexity.score >= policy.threshold:
            return policy.hard_tier, reason
        if policy.sticky and complexity.earlier >= policy.threshold:
            return policy.hard_tier, Reason.STICKY
        return policy.easy_tier, reason

    def _guarded(self, wanted: str, prompt: Prompt) -> tuple[str, Reason | None]:
        """The wanted tier if it can serve the prompt, else the smallest that can, and why."""
        fault = self.fault(wanted, prompt)
        if fault is None:
            return wanted, None
        for name in self._tiers:
            if self.fault(name, prompt) is None:
                return name, fault
        return self._least_bad(prompt), fault

    def fault(self, name: str, prompt: Prompt) -> Reason | None:
        """What keeps a tier from serving a prompt; None if nothing does."""
        tier = self._tiers[name]
        if not prompt.needs <= tier.capabilities:
            return Reason.CAPABILITY
        if self.estimate_tokens(prompt) > tier.context_window:
            return Reason.CONTEXT_WINDOW
        return None

    def _least_bad(self, prompt: Prompt) -> str:
        """No tier fits: the widest of those that have the capabilities, else the widest of all."""
        able = [name for name in self._by_window if prompt.needs <= self._tiers[name].capabilities]
        return (able or self._by_window)[-1]
