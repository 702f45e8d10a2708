"""Prices of tiers."""

import pytest
from weighbridge.catalog import TIER_MODELS, Prices, load_catalog
from weighbridge.errors import SettingsError
from weighbridge.metering.prices import PriceList, load_prices
from weighbridge.metering.receipt import Tokens

PRICES = {"small": Prices(0.5, 2.0), "large": Prices(5.0, 20.0)}
MILLIONS = Tokens(prompt=2_000_000, completion=1_000_000, cached=500_000)


def test_dollars_are_tokens_by_price():
    prices = PriceList(PRICES, "large")

    assert prices.cost("small", MILLIONS) == pytest.approx(3.0)
    assert prices.reference_cost(MILLIONS) == pytest.approx(30.0)


def test_a_tier_without_a_price_costs_nothing_that_is_known():
    assert PriceList(PRICES, "large").cost("huge", MILLIONS) is None


def test_the_reference_must_have_a_price():
    with pytest.raises(SettingsError, match=r"--reference.*small, large.*'huge'.*--model huge="):
        PriceList(PRICES, "huge")


def test_prices_are_the_catalogs():
    prices = load_prices(TIER_MODELS, "large", None)
    assert prices.by_tier["small"] == load_catalog()[TIER_MODELS["small"]].prices


def test_an_unknown_model_is_a_message():
    with pytest.raises(SettingsError, match="'none' is not in the catalog"):
        load_prices({"large": "none"}, "large", None)
