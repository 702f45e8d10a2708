"""A folder of YAML files in, the models it describes out: what each is and what it costs.

The catalog lies in `models/catalog` of a checkout and beside this module in a wheel. Its prices are
list-price assumptions; an operator's own folder takes its place. `architecture` is what a model's
public config.json says, as far as memory depends on it.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import yaml

from weighbridge.errors import SettingsError

_IN_WHEEL = Path(__file__).with_name("model_catalog")
_IN_CHECKOUT = Path(__file__).parents[2] / "models" / "catalog"
PACKAGED: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
"""The catalog that comes with this package."""

TIER_MODELS: Final = {"small": "gemma-2-9b-it", "large": "llama-3.3-70b-instruct"}
"""Whose prices count for a tier, where nothing else is said."""

_SAME_SIZE = 0.05
"""How far `parameters_billion`, a round number, may be from the exact count."""

Dollars = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Count = Annotated[int, msgspec.Meta(ge=1)]
AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)


class Precision(StrEnum):
    """What weights are stored in; from most to fewest bits."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    """8-bit floats."""
    INT8 = "int8"
    """8-bit integers for weights and activations (W8A8)."""
    AWQ = "awq"
    """4 bits, a scale and a zero point for each group of 128."""
    GPTQ = "gptq"
    """4 bits, likewise."""


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars for a million tokens."""

    input_per_million: Dollars
    output_per_million: Dollars


class SlidingWindow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Layers that look back only so far: `layers` of them, `tokens` back."""

    tokens: Count
    layers: Count


class Architecture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What memory depends on, as in the model's config.json.

    Attributes:
        parameters: exact number in the checkpoint.
        layers: `num_hidden_layers`.
        hidden_size: `hidden_size`.
        intermediate_size: `intermediate_size`; of a mixture of experts that of a dense layer.
        heads: `num_attention_heads`; tensor parallelism must divide it.
        kv_heads: `num_key_value_heads`.
        head_dim: size of a head.
        vocabulary: `vocab_size`.
        tied_embeddings: whether input and output share one table (`tie_word_embeddings`).
        kv_latent_dim: of latent attention (MLA) `kv_lora_rank + qk_rope_head_dim`: what is cached
            of a token and layer in place of keys and values, the same on each GPU.
        sliding_window: None: every layer looks at the whole context.
    """

    parameters: Count
    layers: Count
    hidden_size: Count
    intermediate_size: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    vocabulary: Count
    tied_embeddings: bool = False
    kv_latent_dim: Count | None = None
    sliding_window: SlidingWindow | None = None

    def __post_init__(self) -> None:
        """Refuse figures that can't stand side by side."""
        if self.heads % self.kv_heads:
            raise ValueError(f"heads {self.heads} is no multiple of kv_heads {self.kv_heads}")
        if self.sliding_window and self.sliding_window.layers > self.layers:
            raise ValueError(f"sliding_window has more layers than the model's {self.layers}")
        if self.embeddings >= self.parameters:
            raise ValueError(
                f"the embeddings alone are {self.embeddings:,} parameters, "
                f"the whole is said to have {self.parameters:,}"
            )

    @property
    def embeddings(self) -> int:
        """Parameters of the tables of words, in and out; quantized checkpoints leave them alone."""
        return self.vocabulary * self.hidden_size * (1 if self.tied_embeddings else 2)


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model of the catalog.

    Attributes:
        name: unique in the catalog.
        parameters_billion: size of the model.
        tier: the pool it is meant for.
        context_window: tokens of prompt and answer together.
        prices: what its tokens cost.
        repository: where its weights are on the Hugging Face hub.
        licence: under which they may be used.
        gated: whether the hub asks, or has asked, for an account that accepted terms.
        architecture: None: nobody can say what memory it needs.
        quantizations: precisions that vLLM serves it in.
        checkpoints: repositories of quantized weights by precision, where its makers give them.
    """

    name: str
    parameters_billion: Annotated[float, msgspec.Meta(gt=0)]
    tier: str
    context_window: Count
    prices: Prices
    repository: str | None = None
    licence: str | None = None
    gated: bool = False
    architecture: Architecture | None = None
    quantizations: Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)] = (Precision.BF16,)
    checkpoints: dict[Precision, str] = {}

    def __post_init__(self) -> None:
        """Refuse figures that can't stand side by side."""
        if unserved := set(self.checkpoints) - set(self.quantizations):
            raise ValueError(
                f"checkpoints of {', '.join(sorted(unserved))} are none of its quantizations"
            )
        if self.architecture is None:
            return
        exact = self.architecture.parameters / 1e9
        if abs(exact - self.parameters_billion) > _SAME_SIZE * exact:
            raise ValueError(
                f"parameters_billion is {self.parameters_billion:g}, "
                f"architecture.parameters {self.architecture.parameters:,}"
            )


def load_catalog(folder: Path | None = None) -> dict[str, Model]:
    """Read the models of a folder by name; None: the catalog that comes with this package.

    Raises:
        SettingsError: naming the file that is no model, or a name that stands twice.
    """
    return read_folder(folder or PACKAGED, Model, "model")


def read_folder(folder: Path, kind: type[AnyStruct], noun: str) -> dict[str, AnyStruct]:
    """Read the YAML files of a folder, each a `kind` with a `name` that no other has.

    Raises:
        SettingsError: naming the file that is no such thing, or a name that stands twice.
    """
    found: dict[str, AnyStruct] = {}
    for path in sorted(folder.glob("*.yaml")):
        one = _read(path, kind, noun)
        name: str = one.name  # type: ignore[attr-defined]
        if name in found:
            raise SettingsError(f"{path}: {noun} {name!r} stands in another file as well")
        found[name] = one
    if not found:
        raise SettingsError(
            f"{folder}: expected a folder of YAML files, one per {noun}; found none"
        )
    return found


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


def _read(path: Path, kind: type[AnyStruct], noun: str) -> AnyStruct:
    try:
        return msgspec.convert(yaml.safe_load(path.read_bytes()), kind)
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise SettingsError(f"{path}: not a {noun}: {' '.join(str(error).split())}") from error
