"""Attacks: each changes the text it should, none changes the task, and flips are counted right."""

import base64

import msgspec
import pytest
from unit.bodies import EASY, HARD
from unit.training.fakes import case
from weighbridge.generation import Generation
from weighbridge_training.attacks import ATTACKS, Attack, manipulated, run_attacks
from weighbridge_training.graded import GradedCase

TEXT = "Explain why the Collatz conjecture is open,\nin two sentences."


@pytest.fixture(scope="module")
def generation():
    return Generation.load(None)


def graded_case(number=1, difficulty=5, prompt=HARD, **fields):
    return GradedCase(**case(number, difficulty, prompt, **fields))


def test_every_attack_has_a_name_of_its_own():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 20


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_changes_the_text_the_same_way_every_time(attack):
    changed = attack.change(TEXT)

    assert changed != TEXT
    assert changed == attack.change(TEXT)


@pytest.mark.parametrize(
    ("name", "undo"),
    [
        ("all in base64", lambda text: base64.b64decode(text.split()[-1]).decode()),
        ("zero-width", lambda text: text.replace("\u200b", "")),
        ("whitespace", lambda text: " ".join(text.split())),
        ("capitals", str.capitalize),
    ],
)
def test_a_disguise_keeps_the_task(name, undo):
    attack = next(attack for attack in ATTACKS if attack.name == name)

    undone = undo(attack.change("Add two and two."))

    assert undone == "Add two and two."


@pytest.mark.parametrize(
    "name",
    [attack.name for attack in ATTACKS if " before" in attack.name or " after" in attack.name],
)
def test_what_is_added_leaves_the_prompt_whole(name):
    attack = next(attack for attack in ATTACKS if attack.name == name)
    changed = attack.change(TEXT)

    assert changed.endswith(TEXT) if " before" in name else changed.startswith(TEXT)


def test_padding_is_as_long_as_it_says():
    for name in ("padding before", "padding after"):
        attack = next(attack for attack in ATTACKS if attack.name == name)
        assert len(attack.change("")) == 2002


CHAT = [
    {"role": "user", "content": "first"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "last"},
    {"role": "tool", "content": "result"},
]


@pytest.mark.parametrize(
    ("messages", "changed"),
    [
        (CHAT, [CHAT[0], CHAT[1], {"role": "user", "content": "last!"}, CHAT[3]]),
        (
            [{"role": "user", "content": [{"text": "a"}, {"text": "b"}, {"image_url": {}}]}],
            [{"role": "user", "content": [{"text": "a"}, {"text": "b!"}, {"image_url": {}}]}],
        ),
        ([{"role": "user", "content": None}], [{"role": "user", "content": None}]),
        ([{"role": "user", "content": [1]}], [{"role": "user", "content": [1]}]),
        ([{"role": "system", "content": "s"}], [{"role": "system", "content": "s"}]),
    ],
)
def test_only_the_last_thing_a_user_said_is_changed(messages, changed):
    chat = GradedCase(**case(1, 5, messages=messages))

    assert manipulated(chat, lambda text: text + "!").messages == changed


def test_flips_are_counted_over_what_was_right_before(generation):
    cases = [
        graded_case(1, 5, HARD),
        graded_case(2, 5, "why"),  # wrong before: it can't flip
        graded_case(3, 1, EASY),
        graded_case(4, 3, EASY),  # a toss-up counts for neither
    ]
    to_easy = Attack("a", "", lambda _: EASY)
    to_hard = Attack("b", "", lambda _: HARD)

    easier, harder = run_attacks(generation, cases, attacks=(to_easy, to_hard))

    assert (easier.to_small.tried, easier.to_small.flipped) == (1, 1)
    assert (easier.to_large.tried, easier.to_large.flipped) == (1, 0)
    assert (harder.to_small.flipped, harder.to_large.flipped) == (0, 1)
    assert easier.to_small.shift < 0 < harder.to_large.shift
    assert harder.to_large.rate.low < harder.to_large.rate.value == 1


def test_without_cases_of_a_kind_nothing_is_tried(generation):
    result = run_attacks(generation, [graded_case(1, 1, EASY)], attacks=ATTACKS[:1])[0]

    assert (result.to_small.tried, result.to_small.shift) == (0, 0)
    assert result.to_large.tried == 1


def test_progress_is_told_for_every_decision(generation):
    calls = []

    run_attacks(generation, [graded_case()], lambda: calls.append(1), ATTACKS)

    assert len(calls) == 1 + len(ATTACKS)


def test_the_same_cases_give_the_same_rates(generation):
    cases = [graded_case(1, 5, HARD), graded_case(2, 1, EASY)]

    first, second = (msgspec.json.encode(run_attacks(generation, cases)) for _ in range(2))

    assert first == second
