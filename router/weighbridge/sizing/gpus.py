"""A folder of YAML files in, GPU types out: what each holds, can do and costs.

They lie in `models/gpus` of a checkout and beside the catalog in a wheel.
"""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from weighbridge import catalog
from weighbridge.catalog import Count, Precision, read_folder

_IN_WHEEL = Path(catalog.__file__).with_name("gpu_types")
_IN_CHECKOUT = Path(catalog.__file__).parents[2] / "models" / "gpus"
PACKAGED: Final = _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT
"""The GPU types that come with this package."""

COUNTS: Final = (1, 2, 4, 8)
"""GPUs of one server among which tensor parallelism divides a model."""
LEAST_CAPABILITY: Final = {Precision.FP8: 89}
"""Tenths of compute capability from which a precision is computed in; older GPUs unpack it only."""


class Gpu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type of GPU.

    Attributes:
        name: unique in its folder.
        memory_gib: what CUDA, and so vLLM, finds on it.
        compute_capability: as NVIDIA counts it.
        batched_tokens: what vLLM takes for `--max-num-batched-tokens` on it, unless told.
        dollars_per_hour: what one costs.
        node_labels: by which its nodes are known: label, and the values that name this type.
    """

    name: str
    memory_gib: Annotated[float, msgspec.Meta(gt=0, le=4096)]
    compute_capability: Annotated[float, msgspec.Meta(ge=5, le=20)]
    batched_tokens: Count
    dollars_per_hour: Annotated[float, msgspec.Meta(ge=0, le=1e4)]
    node_labels: dict[str, Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]] = {}

    @property
    def memory(self) -> int:
        """Bytes."""
        return round(self.memory_gib * 2**30)

    @property
    def capability(self) -> int:
        """Tenths of compute capability."""
        return round(self.compute_capability * 10)

    @property
    def cents(self) -> int:
        """Cents an hour."""
        return round(self.dollars_per_hour * 100)

    def computes_in(self, precision: Precision) -> bool:
        """Whether it computes in a precision rather than only unpacks it."""
        return self.capability >= LEAST_CAPABILITY.get(precision, 0)


def load_gpus(folder: Path | None = None) -> dict[str, Gpu]:
    """Read the GPU types of a folder by name; None: those that come with this package.

    Raises:
        SettingsError: naming the file that is no GPU type, or a name that stands twice.
    """
    return read_folder(folder or PACKAGED, Gpu, "GPU type")
