"""What a person asks of the catalog in, models by GPU types out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weighbridge.catalog import Model, Precision, find_model, load_catalog
from weighbridge.errors import SettingsError
from weighbridge.sizing.gpus import Gpu, load_gpus
from weighbridge.sizing.memory import Serving
from weighbridge.sizing.placement import Placement, known_architecture, least

DEFAULT_CONTEXT: Final = 8192
"""Tokens, or the model's whole window where that is shorter."""


@dataclass(frozen=True)
class Row:
    """One model in one precision, and its placement with the fewest GPUs of each type."""

    model: Model
    serving: Serving
    least: Mapping[str, Placement | None]


@dataclass(frozen=True)
class Question:
    """What is asked of the catalog.

    Attributes:
        models: which.
        gpus: types of GPUs, by name.
        precision: None: each that a model is served in.
        context: tokens of a sequence; None: 8192, or the model's window where that is shorter.
        serving: the rest of how vLLM serves.
    """

    models: Sequence[Model]
    gpus: Mapping[str, Gpu]
    precision: Precision | None
    context: int | None
    serving: Serving

    def servings(self, model: Model) -> Iterator[Serving]:
        """How a model would be served, in each precision asked for."""
        context = self.context or min(DEFAULT_CONTEXT, model.context_window)
        for precision in model.quantizations:
            if self.precision in {None, precision}:
                yield replace(self.serving, precision=precision, context=context)

    def rows(self) -> Iterator[Row]:
        """Whatever is asked, row by row."""
        for model in self.models:
            for serving in self.servings(model):
                found = {name: least(model, gpu, serving) for name, gpu in self.gpus.items()}
                yield Row(model, serving, found)


def ask(
    catalog: Path | None,
    gpus: Path | None,
    model: str | None,
    gpu: str | None,
    precision: Precision | None,
    context: int | None,
    serving: Serving,
) -> Question:
    """Read both folders and pick what is asked for; of all models those with an architecture.

    Raises:
        SettingsError: naming the file, model, GPU type or precision that is none.
    """
    models = load_catalog(catalog)
    if model:
        chosen = [find_model(models, model)]
        known_architecture(chosen[0])
    else:
        chosen = [one for one in models.values() if one.architecture]
    if not any(precision in {None, *one.quantizations} for one in chosen):
        names = ", ".join(one.name for one in chosen) or "no model whose architecture is known"
        raise SettingsError(f"precision {precision}: none of these is served in it: {names}")
    return Question(chosen, _types(load_gpus(gpus), gpu), precision, context, serving)


def _types(gpus: dict[str, Gpu], name: str | None) -> dict[str, Gpu]:
    if name is None:
        return dict(sorted(gpus.items(), key=lambda item: item[1].memory))
    if name not in gpus:
        raise SettingsError(
            f"GPU type {name!r} is not in the folder, which knows: {', '.join(gpus)}; "
            "name a folder with yours: --gpus FOLDER"
        )
    return {name: gpus[name]}
