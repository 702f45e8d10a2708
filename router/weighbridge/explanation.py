"""A weighing as a person reads it: what was read, guards, what moves the score, decision."""

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from weighbridge.classifier import Explanation
from weighbridge.generation import Generation
from weighbridge.prompt import Prompt
from weighbridge.scoring import Weighed

_BAR_CELLS = 24


def print_explanation(console: Console, generation: Generation, weighed: Weighed) -> None:
    """Print one weighing to `console`."""
    console.print(Group(*_sections(generation, weighed)))


def _sections(generation: Generation, weighed: Weighed) -> Iterable[RenderableType]:
    yield _decision(generation, weighed)
    if weighed.error:
        yield Text(f"not read: {weighed.error}", style="red")
    if weighed.prompt is not None:
        yield _reading(generation, weighed.prompt)
        yield _guards(generation, weighed.prompt)
        yield from _weighing(generation, weighed)


def _decision(generation: Generation, weighed: Weighed) -> Text:
    decision = weighed.decision
    score = "no score" if decision.score is None else f"score {decision.score:.3f}"
    return Text.assemble(
        ("→ ", "bold"),
        (decision.tier, "bold green"),
        f"   reason {decision.reason}   {score}   threshold "
        f"{generation.settings.policy.threshold:.2f}   {weighed.seconds * 1e6:.0f} µs\n",
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    return table


def _reading(generation: Generation, prompt: Prompt) -> Table:
    table = _table("What was read", "", "")
    ask = prompt.ask
    for name, value in (
        ("API shape", prompt.endpoint.value),
        ("model asked for", prompt.model or "(none)"),
        ("turns", prompt.turns),
        ("characters of the ask that were read", len(ask.text) if ask else 0),
        ("earlier asks", len(prompt.earlier)),
        ("tokens, estimated, answer included", generation.policy.estimate_tokens(prompt)),
        ("needs", ", ".join(sorted(prompt.needs)) or "text only"),
    ):
        table.add_row(name, str(value))
    return table


def _guards(generation: Generation, prompt: Prompt) -> Table:
    table = _table("\nGuards", "tier", "context window", "can serve it")
    for name, tier in generation.settings.tiers.items():
        fault = generation.policy.fault(name, prompt)
        table.add_row(name, f"{tier.context_window:,}", "yes" if fault is None else f"no: {fault}")
    return table


def _weighing(generation: Generation, weighed: Weighed) -> Iterable[RenderableType]:
    """What the classifier saw and said; nothing where it was not asked."""
    prompt, complexity = weighed.prompt, weighed.complexity
    if prompt is None or prompt.ask is None or complexity is None:
        return
    classifier = generation.classifier
    look = classifier.explain(prompt.ask)
    table = _table("\nWeighing", "", "")
    for name, value in (
        ("classifier", classifier.name),
        ("answered by", complexity.stage),
        ("word pieces of the ask that were read", look.pieces),
        ("raw score", f"{complexity.raw:+.3f}"),
        ("percentile in the calibration traffic", f"{complexity.score:.1%}"),
    ):
        table.add_row(name, str(value))
    yield table
    yield _effects(look)


def _effects(look: Explanation) -> Table:
    table = _table("\nWhat moves the raw score of stage 1, against an average text", "", "", "")
    widest = max(map(abs, look.effects.values()), default=0.0) or 1.0
    for name, effect in sorted(look.effects.items(), key=lambda item: -abs(item[1])):
        cells = round(abs(effect) / widest * _BAR_CELLS)
        bar = Text("█" * cells, style="red" if effect > 0 else "blue")
        table.add_row(name, f"{effect:+.3f}", bar)
    table.columns[2].justify = "left"
    return table
