"""Headings, tables and figures in, one HTML page out that needs nothing from anywhere else.

Text is escaped where it enters; only `Markup` passes as it is. No script, no font, no request.
"""

import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from weighbridge.learn.quality import Interval


class Markup(str):
    """HTML that may stand in a page as it is."""

    __slots__ = ()


Cell = str | int | float | Interval | None

_STYLE: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_DASH: Final = "\N{EN DASH}"

_HEAD: Final = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
)


def escape(text: str) -> str:
    """Make text safe anywhere in a page."""
    return str(text) if isinstance(text, Markup) else html.escape(text)


def page(title: str, *parts: Markup, lead: str = "") -> str:
    """A whole document."""
    opening = f"<h1>{escape(title)}</h1>" + (f'<p class="muted">{escape(lead)}</p>' if lead else "")
    return (
        f'<!doctype html>\n<html lang="en"><head>{_HEAD}<title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{opening}\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def section(heading: str, *parts: Markup, anchor: str = "") -> Markup:
    """A heading of the second order and what stands below it."""
    name = f' id="{escape(anchor)}"' if anchor else ""
    return Markup(
        f"<section><h2{name}>{escape(heading)}</h2>\n" + "\n".join(parts) + "\n</section>"
    )


def heading(text: str) -> Markup:
    """A heading of the third order."""
    return Markup(f"<h3>{escape(text)}</h3>")


def paragraph(text: str, *, muted: bool = False) -> Markup:
    """A paragraph."""
    return Markup(f"<p{' class=muted' if muted else ''}>{escape(text)}</p>")


def bullets(lines: Iterable[str]) -> Markup:
    """An unordered list."""
    return Markup("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")


def banner(line: str, remarks: Sequence[str] = (), *, good: bool) -> Markup:
    """The one line that a person in a hurry reads."""
    kind = "banner" if good else "banner no"
    return Markup(
        f'<div class="{kind}"><strong>{escape(line)}</strong>'
        + (bullets(remarks) if remarks else "")
        + "</div>"
    )


def folded(summary: str, *parts: Markup) -> Markup:
    """Parts that open on a click."""
    return Markup(
        f"<details><summary>{escape(summary)}</summary>\n" + "\n".join(parts) + "</details>"
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    caption: str = "",
    first: bool = False,
    pale: Iterable[int] = (),
) -> Markup:
    """A table; the first column is text, the others are set to the right.

    Args:
        columns: headings.
        rows: cells.
        caption: above it.
        first: make the first row stand out.
        pale: numbers of rows to hold back, from 0.
    """
    dim = set(pale)
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = []
    for number, row in enumerate(rows):
        kinds = (["first"] if first and number == 0 else []) + (["pale"] if number in dim else [])
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        lines.append(f"<tr{kind}>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>")
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    return Markup(
        f'<div class="scroll"><table>{above}<thead><tr>{head}</tr></thead><tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def cell(value: Cell) -> str:
    """One value as HTML: an interval with its ends, a dash for what is not defined."""
    if isinstance(value, Interval):
        return _interval_cell(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return _DASH
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(value)


def _interval_cell(value: Interval) -> str:
    if math.isnan(value.value):
        return _DASH
    if math.isnan(value.low):
        return f"{value.value:.3f} <small>(no interval)</small>"
    return f"{value.value:.3f} <small>{value.low:.3f}{_DASH}{value.high:.3f}</small>"


def lead_cell(value: Interval | None) -> str:
    """A difference with its sign, as text for a cell."""
    if value is None or math.isnan(value.value):
        return _DASH
    value = value.rounded()
    if math.isnan(value.low):
        return Markup(f"{value.value:+.3f} <small>(no interval)</small>")
    return Markup(f"{value.value:+.3f} <small>{value.low:+.3f} to {value.high:+.3f}</small>")
