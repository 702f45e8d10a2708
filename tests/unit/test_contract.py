"""The contract is only names: what can go wrong is that two of them collide or drift apart."""

import re

import pytest
from weighbridge import contract
from weighbridge.contract import ENDPOINT_PATHS, Endpoint, Metric, Reason

LABEL_ENUMS = (
    Reason,
    contract.Outcome,
    contract.Stage,
    contract.ReloadResult,
    contract.CaptureResult,
    contract.TokenKind,
    contract.End,
    contract.Unmetered,
    contract.Basis,
    Endpoint,
)


def test_every_decision_header_has_the_projects_prefix_and_is_lower_case():
    for header in (*contract.DECISION_HEADERS, contract.HEADER_PREFER):
        assert re.fullmatch(r"x-weighbridge-[a-z]+", header)


def test_the_clients_wish_is_not_among_the_headers_that_envoy_strips():
    assert contract.HEADER_PREFER not in contract.DECISION_HEADERS


def test_what_returns_to_the_client_is_a_part_of_what_is_decided():
    assert set(contract.RETURNED_HEADERS) < set(contract.DECISION_HEADERS)


@pytest.mark.parametrize("labels", LABEL_ENUMS)
def test_label_values_are_kebab_case_words(labels):
    for value in labels:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", value), value


@pytest.mark.parametrize("metric", [*Metric, *contract.MeterMetric])
def test_a_metric_name_carries_no_suffix_that_the_client_library_adds(metric):
    assert re.fullmatch(r"weighbridge(_[a-z]+)+", metric)
    assert not metric.endswith(("_total", "_bucket", "_count", "_sum", "_created"))


def test_every_api_shape_but_other_has_one_path():
    assert sorted(ENDPOINT_PATHS.values()) == sorted(set(Endpoint) - {Endpoint.OTHER})
    assert all(path.startswith("/v1/") for path in ENDPOINT_PATHS)
