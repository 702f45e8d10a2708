"""Options are read whole or refused with the option's name."""

import pytest
from weighbridge.errors import LearnError
from weighbridge.learn.label.options import (
    Endpoint,
    Method,
    Price,
    Tokens,
    api_base,
    endpoint_of,
    grading_of,
)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://pool:8000", "http://pool:8000/v1"),
        ("http://pool:8000/", "http://pool:8000/v1"),
        ("http://pool:8000/v1/", "http://pool:8000/v1"),
        ("https://gateway/team/openai", "https://gateway/team/openai"),
    ],
)
def test_an_address_without_a_path_gets_the_usual_one(url, base):
    assert api_base(url, "--small") == base


@pytest.mark.parametrize(
    "url", ["pool:8000", "ftp://pool", "http://", "http://me:secret@pool", "http://pool?key=1"]
)
def test_what_is_no_address_or_holds_a_secret_is_refused(url):
    with pytest.raises(LearnError, match="--large"):
        api_base(url, "--large")


def test_a_price_is_dollars_per_million_tokens_in_and_out():
    price = Price.parse("0.5,2", "--small-price")
    assert price.dollars(Tokens(1_000_000, 500_000)) == pytest.approx(1.5)


def test_no_price_is_no_price():
    assert Price.parse("", "--small-price") is None


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1"])
def test_what_is_no_price_is_refused(text):
    with pytest.raises(LearnError, match=r"--small-price.*0\.10,0\.40"):
        Price.parse(text, "--small-price")


@pytest.mark.parametrize("name", ["exact", "regex", "tests"])
def test_judge_takes_the_name_of_a_verifier(name):
    assert grading_of(name, "", "") == (Method(name), None)


def test_judge_takes_an_address():
    method, endpoint = grading_of("http://judge:1/v1", "big", "1,2")
    assert method is Method.JUDGE
    assert endpoint == Endpoint("http://judge:1/v1", "big", Price(1, 2))


def test_judge_may_be_left_out():
    assert grading_of("", "", "") == (None, None)


@pytest.mark.parametrize("given", [("judge", "", ""), ("exact", "big", ""), ("", "", "1,2")])
def test_a_judge_that_is_neither_is_refused(given):
    with pytest.raises(LearnError, match="--judge"):
        grading_of(*given)


def test_an_endpoint_is_made_of_its_three_options():
    made = endpoint_of("small", "http://pool", "gemma", "1,2")
    assert made == Endpoint("http://pool/v1", "gemma", Price(1, 2))
