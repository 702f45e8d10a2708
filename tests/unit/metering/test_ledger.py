"""The counters, after some receipts."""

import pytest
from envoy_rig.expositions import total
from prometheus_client import generate_latest
from weighbridge.catalog import Prices
from weighbridge.contract import TokenKind, Unmetered
from weighbridge.metering.ledger import Bounds, Ledger
from weighbridge.metering.prices import PriceList
from weighbridge.metering.receipt import Counts, Details, Receipt, Seen

PRICES = {"small": Prices(1.0, 2.0), "large": Prices(10.0, 20.0)}
CHAT = "/v1/chat/completions"
COUNTS = Counts(prompt_tokens=70, completion_tokens=50, prompt_tokens_details=Details(16))


@pytest.fixture
def book():
    return Book(Bounds(teams=2, users=1))


class Book:
    def __init__(self, bounds):
        self.ledger = Ledger(PriceList(PRICES, "large"), bounds)

    def add(self, *, counts=COUNTS, events=0, **fields):
        seen = Seen(events, counts, counts)
        fields = {"tier": "small", "path": CHAT, "status": 200, "team": "blue", **fields}
        self.ledger.add(Receipt(seen=seen, **fields))

    def total(self, name, **labels):
        exposition = generate_latest(self.ledger.registry).decode()
        return total(exposition, f"weighbridge_{name}_total", **labels)


@pytest.mark.parametrize(("kind", "count"), [("prompt", 70), ("completion", 50), ("cached", 16)])
def test_reported_tokens_are_counted_by_tier_and_team(book, kind, count):
    book.add()
    assert book.total("tokens", tier="small", team="blue", kind=kind) == count


def test_what_was_reported_is_not_estimated(book):
    book.add(events=40)
    assert book.total("estimated_tokens") == 0
    assert book.total("unmetered_requests") == 0
    assert book.total("metered_requests", tier="small", team="blue", end="whole") == 1


def test_dollars_and_what_the_reference_would_have_cost(book):
    book.add()
    labels = {"tier": "small", "team": "blue", "basis": "reported"}
    assert book.total("cost_dollars", **labels) == pytest.approx((70 + 2 * 50) / 1e6)
    assert book.total("reference_cost_dollars", **labels) == pytest.approx(1700 / 1e6)


def test_tokens_of_a_tier_without_a_price_are_said_to_be_so(book):
    book.add(tier="huge")
    assert book.total("cost_dollars") == 0
    assert book.total("unpriced_tokens", tier="huge") == 120
    assert book.total("tokens", tier="huge", kind="prompt") == 70


def test_prompts_without_usage_are_estimated_by_what_others_told(book):
    book.add(request_bytes=700)
    book.add(counts=None, events=12, request_bytes=350)

    assert book.total("estimated_tokens", kind="prompt") == 35
    assert book.total("estimated_tokens", kind="completion") == 10
    assert book.total("unmetered_requests", tier="small", reason="no-usage") == 1
    assert book.total("cost_dollars", basis="estimated") == pytest.approx(55 / 1e6)


def test_before_anything_was_told_four_bytes_are_a_token(book):
    book.add(counts=None, request_bytes=400)
    assert book.total("estimated_tokens", kind="prompt") == 100


def test_a_refused_request_has_no_tokens(book):
    book.add(counts=None, status=400, request_bytes=400)
    assert book.total("estimated_tokens") == 0
    assert book.total("unmetered_requests", reason="refused") == 1


def test_of_a_stream_cut_short_the_rest_is_estimated(book):
    head = Counts(input_tokens=70, output_tokens=0)
    book.add(counts=head, events=32, flags="DC", path="/v1/messages")

    assert book.total("tokens", kind="prompt") == 70
    assert book.total("metered_requests", end="hung-up") == 1
    assert book.total("estimated_tokens", kind="completion") == 30


def test_paths_without_tokens_are_passed_over(book):
    book.add(path="/v1/models")
    assert book.total("metered_requests") + book.total("unmetered_requests") == 0


def test_teams_and_users_are_bounded(book):
    for number in range(50):
        book.add(team=f"team-{number}", user=f"user-{number % 3}")
    samples = [s for f in book.ledger.registry.collect() for s in f.samples]
    teams = {s.labels["team"] for s in samples if "team" in s.labels}
    users = {s.labels["user"] for s in samples if "user" in s.labels}

    assert teams == {"team-0", "team-1", "other"}
    assert len(users - {"other"}) <= 1
    assert book.total("tokens", kind="prompt") == 50 * 70


def test_there_are_no_more_series_than_the_guide_says():
    book = Book(Bounds(teams=3, users=2))
    for number in range(400):
        names = {"team": f"t{number % 7}" if number % 5 else "", "user": f"u{number % 11}"}
        for flags in ("-", "DC", "UC"):
            for tier in PRICES:
                book.add(**names, tier=tier, flags=flags, events=90, request_bytes=9)
                book.add(**names, tier=tier, flags=flags, counts=None, events=9, request_bytes=99)
    series = sum(len(family.samples) for family in book.ledger.registry.collect())

    assert series <= 2 * (3 + 2) * 13 + 2 * 8 + (2 + 2) * 3 + 1


def test_a_user_who_loses_the_seat_loses_the_series(book):
    book.add(user="ann")
    book.add(user="bob")
    book.add(user="bob")
    assert book.total("user_tokens", user="ann") == 0
    assert book.total("user_tokens", user="bob", kind="prompt") == 70
    assert book.total("user_tokens", user="other", kind="prompt") == 70


def test_users_are_not_told_unless_asked_for():
    book = Book(Bounds())
    book.add(user="ann")
    assert book.total("user_tokens") == 0


def test_every_reason_has_a_series_from_the_start(book):
    exposition = generate_latest(book.ledger.registry).decode()
    assert all(f'reason="{reason}",tier="small"' in exposition for reason in Unmetered)


def test_receipts_that_are_none_are_counted(book):
    book.ledger.add_unreadable()
    assert book.total("unreadable_receipts") == 1


def test_kinds_stand_in_the_order_of_the_counts():
    assert [kind.value for kind in TokenKind] == ["prompt", "completion", "cached"]
