"""Bodies: their size to the byte, their variety, and the place of the serial number."""

import json

import pytest
from weighbridge.bench.connection import Request
from weighbridge.bench.prompts import CASES, SERIAL_DIGITS, SERIAL_PLACE, make_bodies
from weighbridge.contract import Endpoint
from weighbridge.prompt import read_prompt
from weighbridge.settings import Settings

COUNTS = {"small": 500, "32k": 24, "220k": 9, "3m": 3}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_bodies_are_json_of_exactly_the_size(case):
    for body in make_bodies(case, COUNTS[case.name]):
        assert len(body) == case.body_bytes
        assert json.loads(body)["messages"]


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_newest_ask_of_each_body_holds_the_serial_number(case):
    for body in make_bodies(case, COUNTS[case.name]):
        prompt = read_prompt(body, Endpoint.CHAT, Settings().limits)
        assert SERIAL_PLACE in prompt.ask.text


def test_bodies_are_the_same_every_time():
    assert list(make_bodies(CASES["small"], 20)) == list(make_bodies(CASES["small"], 20))


def test_nearly_all_small_bodies_differ_in_their_words():
    assert len(set(make_bodies(CASES["small"], 500))) > 450


def test_a_stamped_request_differs_in_its_serial_alone():
    request = Request(b'{"a":"%s","b":"%s"}' % ((SERIAL_PLACE.encode(),) * 2))

    first, second = bytes(request.stamp(7)), bytes(request.stamp(123))

    assert len(first) == len(second)
    assert first.endswith(b'{"a":"0000000007","b":"0000000007"}')
    assert second.endswith(b'{"a":"0000000123","b":"0000000123"}')
    assert len("0000000123") == SERIAL_DIGITS
