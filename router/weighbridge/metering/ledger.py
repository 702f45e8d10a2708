"""Receipts in, counters out: tokens by tier and team, by user, and what they cost.

What pools reported and what was estimated never share a counter, so that the first can be held
against the pools' own. Labels are bounded: tiers and teams by a roll, users by weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from weighbridge.contract import Basis, MeterMetric, TokenKind, Unmetered
from weighbridge.metering.prices import PriceList
from weighbridge.metering.prompt_sizes import PromptSizes
from weighbridge.metering.receipt import Reading, Receipt, Tokens, read
from weighbridge.metering.seats import Heavyweights, Roll

# A second series for each counter, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

_MOST_TIERS: Final = 16
_KINDS: Final = tuple(kind.value for kind in TokenKind)
"""In the order of `Tokens`."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How many label values there may be.

    Attributes:
        known_teams: the only teams that get series, where given.
        teams: most teams otherwise; those who come later are `other`.
        users: most users at a time; 0: users are not told apart, which is the default, as they are
            people.
    """

    known_teams: Sequence[str] = ()
    teams: int = 100
    users: int = 0


class Ledger:
    """Counts tokens and dollars in a registry of its own.

    Args:
        prices: by tier.
        bounds: of labels.
    """

    def __init__(self, prices: PriceList, bounds: Bounds) -> None:
        self.registry = CollectorRegistry()
        self._prices = prices
        self._sizes = PromptSizes()
        self._tiers = Roll(_MOST_TIERS)
        self._teams = Roll(bounds.teams, bounds.known_teams)
        self._users = Heavyweights(bounds.users, self._forget)
        self._named_users = bounds.users > 0
        self._tokens = self._counter(
            MeterMetric.TOKENS, "Tokens that pools reported", "tier", "team", "kind"
        )
        self._estimated = self._counter(
            MeterMetric.ESTIMATED_TOKENS, "Tokens that nobody reported", "tier", "team", "kind"
        )
        self._metered = self._counter(
            MeterMetric.METERED_REQUESTS, "Requests whose tokens were told", "tier", "team", "end"
        )
        self._unmetered = self._counter(
            MeterMetric.UNMETERED_REQUESTS, "Requests whose tokens were not", "tier", "reason"
        )
        self._cost = self._counter(
            MeterMetric.COST, "Dollars by catalog prices", "tier", "team", "basis"
        )
        self._reference = self._counter(
            MeterMetric.REFERENCE_COST,
            "Dollars of the same tokens at the reference tier",
            *("tier", "team", "basis"),
        )
        self._unpriced = self._counter(
            MeterMetric.UNPRICED_TOKENS, "Tokens of tiers without a price", "tier"
        )
        self._user_tokens = self._counter(
            MeterMetric.USER_TOKENS, "Reported tokens of the heaviest users", "user", "kind"
        )
        self._unreadable = self._counter(MeterMetric.UNREADABLE_RECEIPTS, "Receipts that were none")
        self._show_prices()

    def add(self, receipt: Receipt) -> None:
        """Count one request. Those that have no tokens, such as for /v1/models, are passed over."""
        if receipt.endpoint is None:
            return
        tier, team = self._tiers.label(receipt.tier), self._teams.label(receipt.team)
        reading = read(receipt)
        if reading.tokens is not None:
            self._sizes.learn(
                (tier, receipt.endpoint), receipt.request_bytes, reading.tokens.prompt
            )
            self._metered.labels(tier, team, receipt.end.value).inc()
            self._count(self._tokens, tier, team, reading.tokens)
            self._charge(tier, team, reading.tokens, Basis.REPORTED)
            self._count_user(receipt.user, reading.tokens)
        if reading.unmetered is not None:
            self._unmetered.labels(tier, reading.unmetered.value).inc()
        estimate = self._estimate(tier, receipt, reading)
        if any(estimate):
            self._count(self._estimated, tier, team, estimate)
            self._charge(tier, team, estimate, Basis.ESTIMATED)

    def add_unreadable(self) -> None:
        """Count a receipt that was none."""
        self._unreadable.inc()

    def _estimate(self, tier: str, receipt: Receipt, reading: Reading) -> Tokens:
        if reading.tokens is not None:
            # Cut short: its last usage may speak of fewer tokens than were streamed.
            return Tokens(completion=max(0, reading.streamed - reading.tokens.completion))
        if reading.unmetered is Unmetered.REFUSED:
            return Tokens()
        prompt = self._sizes.estimate((tier, receipt.endpoint), receipt.request_bytes)
        return Tokens(prompt, reading.streamed)

    def _count(self, counter: Counter, tier: str, team: str, tokens: Tokens) -> None:
        for kind, count in zip(_KINDS, tokens, strict=True):
            if count:
                counter.labels(tier, team, kind).inc(count)

    def _charge(self, tier: str, team: str, tokens: Tokens, basis: Basis) -> None:
        cost = self._prices.cost(tier, tokens)
        if cost is None:
            self._unpriced.labels(tier).inc(tokens.prompt + tokens.completion)
            return
        self._cost.labels(tier, team, basis.value).inc(cost)
        self._reference.labels(tier, team, basis.value).inc(self._prices.reference_cost(tokens))

    def _count_user(self, user: str, tokens: Tokens) -> None:
        if not self._named_users:
            return
        label = self._users.label(user, tokens.prompt + tokens.completion)
        for kind, count in zip(_KINDS, tokens, strict=True):
            self._user_tokens.labels(label, kind).inc(count)

    def _forget(self, user: str) -> None:
        for kind in _KINDS:
            self._user_tokens.remove(user, kind)

    def _show_prices(self) -> None:
        gauge = Gauge(
            MeterMetric.PRICE,
            "Dollars for a million tokens, as the catalog says",
            ("tier", "kind"),
            registry=self.registry,
        )
        for tier, prices in self._prices.by_tier.items():
            gauge.labels(tier, TokenKind.PROMPT.value).set(prices.input_per_million)
            gauge.labels(tier, TokenKind.COMPLETION.value).set(prices.output_per_million)
            # There from the start: a rate over a counter that begins at its first value misses it.
            for reason in Unmetered:
                self._unmetered.labels(tier, reason.value)

    def _counter(self, name: MeterMetric, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
