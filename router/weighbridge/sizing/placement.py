"""A model, a GPU type and a number of them in; whether it fits, with the arithmetic, out.

The pools' chart says the same words when it refuses to render, by its template `_memory.tpl`; a
test holds the two against each other.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from weighbridge.catalog import Architecture, Model, Precision
from weighbridge.errors import SettingsError
from weighbridge.sizing.gpus import COUNTS, LEAST_CAPABILITY, Gpu
from weighbridge.sizing.memory import Need, Serving, memory_need

_GIB = 2**30


@dataclass(frozen=True)
class Placement:
    """One model on one server.

    Attributes:
        model: which.
        gpu: type of its GPUs.
        count: how many share the model by tensor parallelism.
        serving: how.
        batched_tokens: of a step.
        need: bytes on each GPU.
    """

    model: Model
    gpu: Gpu
    count: int
    serving: Serving
    batched_tokens: int
    need: Need

    @property
    def usable(self) -> int:
        """Bytes of each GPU that vLLM may use."""
        return self.gpu.memory * self.serving.permille // 1000

    @property
    def room(self) -> int:
        """Bytes left on each GPU for the KV cache; negative: not even weights fit."""
        return self.usable - self.need.fixed

    @property
    def full_sequences(self) -> int:
        """Sequences of full length that the KV cache holds at once."""
        return max(self.room, 0) // self.need.sequence

    @property
    def kv_tokens(self) -> int:
        """Tokens of the KV cache, counted as vLLM does: full sequences by their length."""
        return max(self.room, 0) * self.serving.context // self.need.sequence

    @property
    def cents(self) -> int:
        """Cents an hour."""
        return self.gpu.cents * self.count

    @property
    def fits(self) -> bool:
        """Whether vLLM would start, and hold the wanted sequences."""
        return self.fault is None

    @property
    def fault(self) -> str | None:
        """Why not, with the arithmetic; None: it fits."""
        return self._impossible() or self._too_large()

    def explain(self) -> list[str]:
        """The arithmetic, a line for each part, for a person to read."""
        need, serving, gib = self.need, self.serving, gibibytes
        kv = serving.sequences * need.sequence
        parts = (
            (need.weights, f"weights: 1/{self.count} of {self._architecture.parameters:,}"),
            (kv, f"KV cache: {serving.sequences} x {serving.context:,} tokens"),
            (need.activations, f"activations: {self.batched_tokens:,} tokens of a step"),
            (need.logits, f"logits: {serving.max_sequences:,} sequences"),
            (need.graphs, "CUDA graphs"),
            (need.runtime, "CUDA and NCCL" if self.count > 1 else "CUDA"),
            (need.total(serving.sequences), "needed"),
            (self.usable, f"usable: {serving.permille / 1000:g} of {gib(self.gpu.memory)} GiB"),
        )
        head = f"{self.model.name} in {serving.precision} on {self.count} x {self.gpu.name}, each:"
        verdict = self.fault or (
            f"fits: {self.kv_tokens:,} tokens of KV cache, {self.full_sequences} full sequences"
        )
        return [head, *(f"  {gib(size):>7} GiB  {words}" for size, words in parts), verdict]

    @property
    def _architecture(self) -> Architecture:
        return known_architecture(self.model)

    def _impossible(self) -> str | None:
        model, precision = self.model, self.serving.precision
        heads, kv_heads = self._architecture.heads, self._architecture.kv_heads
        if precision not in model.quantizations:
            served = ", ".join(model.quantizations)
            return f"{model.name} is served in {served}, not in {precision}"
        if self.serving.context > model.context_window:
            return (
                f"{self.serving.context} tokens are more than the context window of "
                f"{model.name}, {model.context_window}"
            )
        if heads % self.count or (kv_heads % self.count and self.count % kv_heads):
            return (
                f"{self.count} GPUs can't share the {heads} heads ({kv_heads} of keys and values) "
                f"of {model.name}: tensor parallelism must divide both"
            )
        if not self.gpu.computes_in(precision):
            least = LEAST_CAPABILITY[precision]
            return (
                f"{precision} needs GPUs of compute capability {_tenths(least)}; "
                f"{self.gpu.name} has {_tenths(self.gpu.capability)}"
            )
        return None

    def _too_large(self) -> str | None:
        need, serving, gib = self.need, self.serving, gibibytes
        if self.room >= serving.sequences * need.sequence:
            return None
        return (
            f"{self.model.name} in {serving.precision} on {self.count} x {self.gpu.name} needs "
            f"{gib(need.total(serving.sequences))} GiB on each: weights {gib(need.weights)} + "
            f"KV cache {gib(serving.sequences * need.sequence)} "
            f"({serving.sequences} x {serving.context} tokens) + "
            f"activations {gib(need.activations)} + logits {gib(need.logits)} + "
            f"CUDA graphs {gib(need.graphs)} + CUDA {gib(need.runtime)}; "
            f"{gib(self.usable)} GiB may be used ({serving.permille}/1000 of "
            f"{gib(self.gpu.memory)})"
        )


def place(model: Model, gpu: Gpu, count: int, serving: Serving) -> Placement:
    """Put a model on so many GPUs of a type.

    Raises:
        SettingsError: if the catalog does not say how the model is built.
    """
    batched = serving.batched_tokens or gpu.batched_tokens
    need = memory_need(known_architecture(model), serving, count, batched)
    return Placement(model, gpu, count, serving, batched, need)


def least(model: Model, gpu: Gpu, serving: Serving) -> Placement | None:
    """The placement with the fewest GPUs of a type that fits; None: not even the most."""
    return next((p for c in COUNTS if (p := place(model, gpu, c, serving)).fits), None)


def cheapest(
    model: Model, gpus: Iterable[Gpu], serving: Serving, precisions: Iterable[Precision]
) -> Placement | None:
    """The placement that fits and costs least an hour; of equals the one with fewer GPUs."""
    fitting = _fitting(model, sorted(gpus, key=lambda gpu: gpu.name), serving, precisions)
    return min(fitting, key=lambda placement: (placement.cents, placement.count), default=None)


def way_out(model: Model, gpus: Iterable[Gpu], serving: Serving) -> str:
    """What would fit: in this precision, and in any, at the catalog's prices."""
    types = tuple(gpus)
    same = cheapest(model, types, serving, (serving.precision,))
    best = cheapest(model, types, serving, model.quantizations)
    if best is None:
        return "Nothing in the catalog holds it: ask for fewer tokens or sequences"
    found = [same, best] if same and same != best else [best]
    return "Cheapest that fit: " + ", ".join(map(_offer, found))


def refusal(placement: Placement, gpus: Iterable[Gpu]) -> str | None:
    """What a person is told whose placement does not fit; None: it fits."""
    if placement.fits:
        return None
    return f"{placement.fault}. {way_out(placement.model, gpus, placement.serving)}"


def known_architecture(model: Model) -> Architecture:
    """How a model is built.

    Raises:
        SettingsError: if its file does not say.
    """
    if model.architecture is None:
        raise SettingsError(
            f"model {model.name!r}: its file has no architecture, so nobody can say what memory it "
            "needs; see models/catalog/README.md"
        )
    return model.architecture


def gibibytes(size: int) -> str:
    """Bytes in GiB with one decimal."""
    return _tenths((size * 10 + _GIB // 2) // _GIB)


def _fitting(
    model: Model, gpus: Iterable[Gpu], serving: Serving, precisions: Iterable[Precision]
) -> Iterator[Placement]:
    for precision in precisions:
        if precision in model.quantizations:
            for gpu in gpus:
                if fewest := least(model, gpu, replace(serving, precision=precision)):
                    yield fewest


def _offer(placement: Placement) -> str:
    dollars = f"${placement.cents // 100}.{placement.cents % 100:02}"
    return (
        f"{placement.serving.precision} on {placement.count} x {placement.gpu.name} ({dollars}/h)"
    )


def _tenths(number: int) -> str:
    return f"{number // 10}.{number % 10}"
