"""A folder of YAML files in, the models it describes out: what each is and what it costs.

The catalog lies in `models/catalog` of a checkout and beside this module in a wheel. Its prices are
list-price assumptions; an operator's own folder takes its place.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml

from weighbridge.errors import SettingsError

_IN_WHEEL = Path(__file__).with_name("model_catalog")
_IN_CHECKOUT = Path(__file__).parents[2] / "models" / "catalog"
PACKAGED: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
"""The catalog that comes with this package."""

Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for a million tokens."""

    input_per_million: Dollars
    output_per_million: Dollars


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the catalog.

    Attributes:
        name: unique in the catalog.
        parameters_billion: size of the model.
        tier: the pool it is meant for.
        context_window: tokens of prompt and answer together.
        prices: what its tokens cost.
    """

    name: str
    parameters_billion: Annotated[float, msgspec.Meta(gt=0)]
    tier: str
    context_window: Annotated[int, msgspec.Meta(ge=1)]
    prices: Prices


def load_catalog(folder: Path | None = None) -> dict[str, Model]:
    """Read the models of a folder by name; None: the catalog that comes with this package.

    Raises:
        SettingsError: naming the file that is no model, or a name that stands twice.
    """
    folder = folder or PACKAGED
    models: dict[str, Model] = {}
    for path in sorted(folder.glob("*.yaml")):
        model = _read(path)
        if model.name in models:
            raise SettingsError(f"{path}: model {model.name!r} stands in another file as well")
        models[model.name] = model
    if not models:
        raise SettingsError(f"{folder}: expected a folder of YAML files, one per model; found none")
    return models


def find_model(catalog: dict[str, Model], name: str) -> Model:
    """A model of the catalog.

    Raises:
        SettingsError: if it is not there, saying which are.
    """
    if name not in catalog:
        raise SettingsError(
            f"model {name!r} is not in the catalog, which knows: {', '.join(catalog)}; "
            "name a folder with yours: --catalog FOLDER"
        )
    return catalog[name]


def _read(path: Path) -> Model:
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), Model)
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: not a model: {' '.join(str(error).split())}") from error
