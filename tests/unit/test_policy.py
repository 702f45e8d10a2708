"""The policy as a table: who wins over whom, each reason, and the edges."""

import pytest
from unit.bodies import make_settings
from weighbridge.classifier import Complexity
from weighbridge.contract import Capability, Endpoint, Outcome, Reason
from weighbridge.policy import Decision, Policy
from weighbridge.prompt import Ask, Prompt

ASK = Ask("What now?", 11)
TIERS = {
    "small": {"models": ["gemma"], "context_window": 1000, "capabilities": ["tools"]},
    "large": {
        "models": ["llama", "llama-3"],
        "context_window": 10_000,
        "capabilities": ["tools", "json-schema"],
    },
    "seeing": {"context_window": 4000, "capabilities": ["vision", "audio"]},
}
ROUGH = {"bytes_per_token": 1.0, "default_max_tokens": 100, "image_tokens": 500}


def policy(*, tiers=None, limits=None, **fields):
    return Policy(
        make_settings(
            tiers=TIERS if tiers is None else tiers,
            limits=ROUGH if limits is None else limits,
            policy={"threshold": 0.5, **fields},
        )
    )


def prompt(**fields):
    return Prompt(**{"endpoint": Endpoint.CHAT, "ask": ASK, "turns": 1, **fields})


def needing(*needs, **fields):
    return prompt(needs=frozenset(map(Capability, needs)), **fields)


def decide(asked, score, earlier=0.0, prefer="", **fields):
    decision = policy(**fields).decide(asked, Complexity(score, earlier), prefer)
    assert decision.outcome is Outcome.WEIGHED
    assert decision.score == score
    return decision.tier, decision.reason


@pytest.mark.parametrize(
    ("score", "threshold", "tier"),
    [
        (0.0, 0.5, "small"),
        (0.4999999, 0.5, "small"),
        (0.5, 0.5, "large"),
        (1.0, 0.5, "large"),
        (0.0, 0.0, "large"),
        (0.9999, 1.0, "small"),
        (1.0, 1.0, "large"),
    ],
)
def test_the_threshold_belongs_to_the_hard_tier(score, threshold, tier):
    assert decide(prompt(), score, threshold=threshold) == (tier, Reason.SCORE)


@pytest.mark.parametrize(
    ("score", "earlier", "sticky", "expected"),
    [
        (0.1, 0.5, True, ("large", Reason.STICKY)),
        (0.1, 0.49, True, ("small", Reason.SCORE)),
        (0.1, 0.9, False, ("small", Reason.SCORE)),
        (0.9, 0.9, True, ("large", Reason.SCORE)),
    ],
)
def test_a_conversation_that_was_hard_stays_where_it_was(score, earlier, sticky, expected):
    assert decide(prompt(), score, earlier, sticky=sticky) == expected


@pytest.mark.parametrize(
    ("prefer", "honoured", "expected"),
    [
        ("large", True, ("large", Reason.PREFERRED)),
        ("small", True, ("small", Reason.PREFERRED)),
        ("seeing", True, ("seeing", Reason.PREFERRED)),
        ("large", False, ("small", Reason.SCORE)),
        ("auto", True, ("small", Reason.SCORE)),
        ("", True, ("small", Reason.SCORE)),
        ("huge", True, ("small", Reason.SCORE)),
    ],
)
def test_a_wish_counts_where_the_settings_honour_it(prefer, honoured, expected):
    assert decide(prompt(), 0.1, prefer=prefer, honour_preference=honoured) == expected


def test_a_wish_for_the_small_tier_beats_score_and_stickiness():
    decided = decide(prompt(), 0.9, 0.9, "small", honour_preference=True)

    assert decided == ("small", Reason.PREFERRED)


@pytest.mark.parametrize(
    ("asked", "score", "expected"),
    [
        (needing("tools"), 0.1, ("small", Reason.SCORE)),
        (needing("json-schema"), 0.1, ("large", Reason.CAPABILITY)),
        (needing("json-schema"), 0.9, ("large", Reason.SCORE)),
        (needing("vision"), 0.1, ("seeing", Reason.CAPABILITY)),
        (needing("vision", "audio"), 0.9, ("seeing", Reason.CAPABILITY)),
        (prompt(text_bytes=900), 0.1, ("small", Reason.SCORE)),
        (prompt(text_bytes=901), 0.1, ("large", Reason.CONTEXT_WINDOW)),
        (prompt(token_ids=901), 0.1, ("large", Reason.CONTEXT_WINDOW)),
        (prompt(max_tokens=1001), 0.1, ("large", Reason.CONTEXT_WINDOW)),
        (prompt(max_tokens=0, text_bytes=1000), 0.1, ("small", Reason.SCORE)),
        (needing("vision", text_bytes=3900), 0.1, ("seeing", Reason.CAPABILITY)),
    ],
)
def test_a_tier_that_can_not_serve_gives_way_to_the_smallest_that_can(asked, score, expected):
    assert decide(asked, score) == expected


@pytest.mark.parametrize(
    ("asked", "tier", "reason"),
    [
        (prompt(text_bytes=50_000), "large", Reason.CONTEXT_WINDOW),
        (needing("vision", text_bytes=50_000), "seeing", Reason.CAPABILITY),
        (needing("vision", "json-schema"), "large", Reason.CAPABILITY),
    ],
)
def test_where_no_tier_fits_the_widest_that_is_able_is_the_least_bad(asked, tier, reason):
    assert decide(asked, 0.1) == (tier, reason)


def test_a_guard_beats_a_wish_and_stickiness():
    asked = needing("vision")

    assert decide(asked, 0.1, prefer="small", honour_preference=True) == (
        "seeing",
        Reason.CAPABILITY,
    )
    assert decide(asked, 0.1, earlier=0.9) == ("seeing", Reason.CAPABILITY)


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("gemma", "small"),
        ("llama", "large"),
        ("llama-3", "large"),
        ("weighbridge/small", "small"),
        ("weighbridge/seeing", "seeing"),
        ("gpt-cheap", "small"),
    ],
)
@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_model_named_outright_is_obeyed_before_all_guards(model, tier, endpoint):
    asked = needing("audio", model=model, text_bytes=10**7, endpoint=endpoint)

    settled = policy(aliases={"gpt-cheap": "small", "auto": "auto"}).settle(asked)

    assert settled == Decision(tier, Reason.EXPLICIT, Outcome.PASSED)


@pytest.mark.parametrize(
    "model", ["", "auto", "gpt-4o", "unknown", "weighbridge/", "weighbridge/x"]
)
def test_other_model_names_are_weighed(model):
    assert policy(aliases={"auto": "auto", "gpt-4o": "auto"}).settle(prompt(model=model)) is None


def test_all_embeddings_go_to_their_one_tier():
    asked = needing("vision", endpoint=Endpoint.EMBEDDINGS, text_bytes=10**7)

    settled = policy(embeddings_tier="large").settle(asked)

    assert settled == Decision("large", Reason.EMBEDDINGS, Outcome.PASSED)


@pytest.mark.parametrize(
    ("asked", "tier", "reason"),
    [
        (prompt(ask=None), "small", Reason.NO_TEXT),
        (prompt(ask=None, token_ids=5), "large", Reason.NO_TEXT),
        (prompt(ask=None, needs=frozenset({Capability.VISION})), "seeing", Reason.CAPABILITY),
        (prompt(ask=None, text_bytes=5000), "large", Reason.CONTEXT_WINDOW),
    ],
)
def test_a_prompt_without_words_passes_unweighed_through_the_guards(asked, tier, reason):
    settled = policy(passive_tier="small", fallback_tier="large").settle(asked)

    assert settled == Decision(tier, reason, Outcome.PASSED)


@pytest.mark.parametrize("reason", [Reason.NO_BODY, Reason.OTHER_PATH, Reason.NO_TEXT])
def test_nothing_to_weigh_takes_the_passive_tier(reason):
    passed = policy(passive_tier="seeing").passed(reason)

    assert passed == Decision("seeing", reason, Outcome.PASSED)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_a_failure_and_takes_the_fallback_tier(reason):
    failed = policy(fallback_tier="seeing").failed(reason)

    assert failed == Decision("seeing", reason, Outcome.FAILED)


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        (prompt(), 100),
        (prompt(text_bytes=10), 110),
        (prompt(token_ids=10), 110),
        (prompt(images=2), 1100),
        (prompt(max_tokens=0), 0),
        (prompt(max_tokens=7, text_bytes=1, token_ids=2, images=1), 510),
    ],
)
def test_tokens_are_the_sum_of_text_ids_images_and_answer(asked, tokens):
    assert policy().estimate_tokens(asked) == tokens


def test_a_part_of_a_token_counts_as_one():
    assert (
        policy(limits={"bytes_per_token": 3.5, "default_max_tokens": 0}).estimate_tokens(
            prompt(text_bytes=8)
        )
        == 3
    )


@pytest.mark.parametrize(
    ("score", "decile"),
    [
        (None, None),
        (0.0, 0),
        (0.0999999, 0),
        (0.1, 1),
        (0.2, 2),
        (0.3, 3),
        (0.6, 6),
        (0.7, 7),
        (0.7999, 7),
        (0.9, 9),
        (0.999, 9),
        (1.0, 9),
    ],
)
def test_the_decile_is_the_floor_of_ten_times_the_score_and_never_ten(score, decile):
    assert Decision("small", Reason.SCORE, Outcome.WEIGHED, score).decile == decile


@pytest.mark.parametrize("name", TIERS)
def test_the_fault_of_a_tier_is_what_it_lacks(name):
    rules = policy()

    lacks_ears = rules.fault(name, needing("audio"))

    assert lacks_ears is (None if name == "seeing" else Reason.CAPABILITY)
    assert rules.fault(name, prompt(text_bytes=10**6)) is Reason.CONTEXT_WINDOW
    assert rules.fault(name, prompt()) is None


def is_open(asked=None, score=0.45, earlier=0.0, prefer="", *, band=0.1, stage="stage1", **fields):
    made = Policy(
        make_settings(
            tiers=TIERS,
            limits=ROUGH,
            policy={"threshold": 0.5, **fields},
            classifier={"band": band},
        )
    )
    return made.is_open(asked or prompt(), Complexity(score, earlier, stage), prefer)


@pytest.mark.parametrize(
    ("score", "band", "expected"),
    [
        (0.45, 0.1, True),
        (0.55, 0.1, True),
        (0.25, 0.25, True),
        (0.75, 0.25, True),
        (0.2, 0.25, False),
        (0.8, 0.25, False),
        (0.5, 0.0, True),
        (0.51, 0.0, False),
        (0.0, 1.0, True),
    ],
)
def test_a_score_near_the_threshold_is_open(score, band, expected):
    assert is_open(score=score, band=band) is expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"stage": "stage2"}, False),
        ({"earlier": 0.5}, False),
        ({"earlier": 0.5, "sticky": False}, True),
        ({"earlier": 0.49}, True),
        ({"prefer": "large"}, True),
        ({"prefer": "large", "honour_preference": True}, False),
        ({"prefer": "auto", "honour_preference": True}, True),
        ({"asked": needing("json-schema")}, False),
        ({"asked": needing("vision")}, False),
        ({"asked": needing("tools")}, True),
        ({"asked": prompt(text_bytes=5000)}, False),
        ({"hard_tier": "small"}, False),
    ],
)
def test_what_a_second_look_can_not_change_is_not_open(arguments, expected):
    assert is_open(**arguments) is expected


@pytest.mark.parametrize(
    ("asked", "score", "earlier", "expected"),
    [
        (prompt(), 0.45, 0.0, ("small", Reason.DEADLINE)),
        (prompt(), 0.55, 0.0, ("large", Reason.DEADLINE)),
        (prompt(), 0.45, 0.9, ("large", Reason.STICKY)),
        (needing("json-schema"), 0.45, 0.0, ("large", Reason.CAPABILITY)),
    ],
)
def test_a_late_second_stage_is_the_reason_where_the_score_would_be(
    asked, score, earlier, expected
):
    decision = policy().decide(asked, Complexity(score, earlier, late=True))

    assert (decision.tier, decision.reason) == expected
    assert (decision.outcome, decision.score) == (Outcome.WEIGHED, score)
