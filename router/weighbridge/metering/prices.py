"""Tiers and the catalog's prices in; what tokens cost, here and at the reference model, out."""

from collections.abc import Mapping
from pathlib import Path

from weighbridge.catalog import Prices, find_model, load_catalog
from weighbridge.errors import SettingsError
from weighbridge.metering.receipt import Tokens


class PriceList:
    """Dollars by tier.

    Args:
        prices: by tier.
        reference: tier in whose place all could have been answered: what is saved against it.
    """

    def __init__(self, prices: Mapping[str, Prices], reference: str) -> None:
        if reference not in prices:
            raise SettingsError(
                f"--reference: expected a tier with a price ({', '.join(prices) or 'none has'}), "
                f"came {reference!r}; give it one: --model {reference}=NAME-IN-THE-CATALOG"
            )
        self.by_tier = dict(prices)
        self._reference = prices[reference]

    def cost(self, tier: str, tokens: Tokens) -> float | None:
        """Dollars of a request; None for a tier without a price."""
        prices = self.by_tier.get(tier)
        return None if prices is None else dollars(prices, tokens)

    def reference_cost(self, tokens: Tokens) -> float:
        """Dollars of the same tokens at the reference tier."""
        return dollars(self._reference, tokens)


def dollars(prices: Prices, tokens: Tokens) -> float:
    """What tokens cost. Cached ones cost as much as others: the catalog knows no price for them."""
    spent = tokens.prompt * prices.input_per_million + tokens.completion * prices.output_per_million
    return spent / 1e6


def load_prices(models: Mapping[str, str], reference: str, catalog: Path | None) -> PriceList:
    """Look up each tier's model in the catalog.

    Args:
        models: name in the catalog by tier.
        reference: a tier of these.
        catalog: folder; None: the packaged one.

    Raises:
        SettingsError: for a model that is not there, or a reference without a price.
    """
    known = load_catalog(catalog)
    return PriceList({t: find_model(known, name).prices for t, name in models.items()}, reference)
