"""Series come as Prometheus gave them; whatever else comes is said, with the way out."""

import json
import math

import pytest
from unit.observing.fake_prometheus import serving, table
from weighbridge.errors import ObservingError
from weighbridge.local.ports import free_ports
from weighbridge.observing.prometheus import Prometheus, Series

SERIES = {"a:b:c": [({"__name__": "a:b:c", "tier": "small"}, "0.5"), ({}, "NaN")]}


def test_series_are_labels_and_numbers():
    with serving(table(SERIES)) as url:
        first, second = Prometheus(url).ask("a:b:c")

    assert first == Series({"tier": "small"}, 0.5)
    assert second.labels == {}
    assert math.isnan(second.value)


def test_a_path_before_the_api_is_kept():
    with serving(table(SERIES)) as url:
        assert Prometheus(f"{url}/prometheus/").ask("a:b:c")


@pytest.mark.parametrize("url", ["", "127.0.0.1:9090", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_named(url):
    with pytest.raises(ObservingError, match=r"--prometheus: expected an address such as"):
        Prometheus(url)


def test_where_nobody_answers_it_says_how_to_start_one():
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    with pytest.raises(ObservingError) as raised:
        Prometheus(url).ask("up")

    assert f"no Prometheus answers at {url} (" in str(raised.value)
    assert "refused" in str(raised.value)
    assert "weighbridge up --observe" in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>Welcome", "is no Prometheus: expected the JSON of its API, came '<html>"),
        (404, b"404 page not found", "is no Prometheus"),
        (200, b'{"answer": 42}', "is no Prometheus"),
        (
            400,
            json.dumps({"status": "error", "error": "1:3: parse error"}).encode(),
            "refuses 'up': 1:3: parse error",
        ),
    ],
)
def test_another_answer_is_shown(status, body, said):
    with serving(lambda _: (status, body)) as url, pytest.raises(ObservingError) as raised:
        Prometheus(url).ask("up")

    assert said in str(raised.value)
