"""A page that needs nothing from elsewhere and lets no text become markup."""

import math
import re

import pytest
from weighbridge.learn.quality import Interval
from weighbridge.learn.report import page as html

EVIL = "<script>alert('x')</script>&\""
SAFE = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;&quot;"


@pytest.mark.parametrize(
    "made",
    [
        html.page(EVIL),
        html.page("t", lead=EVIL),
        html.section(EVIL),
        html.section("s", anchor=EVIL),
        html.heading(EVIL),
        html.paragraph(EVIL, muted=True),
        html.bullets([EVIL]),
        html.banner(EVIL, [EVIL], good=False),
        html.folded(EVIL),
        html.table([EVIL], [[EVIL]], caption=EVIL),
    ],
)
def test_text_stays_text(made):
    assert SAFE in made
    assert "<script" not in made


def test_a_page_asks_nobody_for_anything():
    made = html.page("t", html.paragraph("p"))

    assert made.startswith("<!doctype html>")
    assert "default-src 'none'" in made
    assert not re.search(r"(src|href)=\"?(https?:)?//|@import|url\(http", made)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),  # noqa: RUF001
        (math.nan, "–"),  # noqa: RUF001
        (0.12345, "0.123"),
        (14037, "14,037"),
        ("a<b", "a&lt;b"),
        (Interval(0.5, 0.4, 0.6), "0.500 <small>0.400–0.600</small>"),  # noqa: RUF001
        (Interval(0.5, math.nan, math.nan), "0.500 <small>(no interval)</small>"),
        (Interval(math.nan, math.nan, math.nan), "–"),  # noqa: RUF001
    ],
)
def test_a_cell_shows_its_value_and_how_sure_it_is(value, shown):
    assert html.cell(value) == shown


@pytest.mark.parametrize(
    ("lead", "shown"),
    [
        (None, "–"),  # noqa: RUF001
        (Interval(math.nan, 0, 0), "–"),  # noqa: RUF001
        (Interval(0.1, -0.1, 0.3), "+0.100 <small>-0.100 to +0.300</small>"),
        (Interval(-0.1, math.nan, math.nan), "-0.100 <small>(no interval)</small>"),
    ],
)
def test_a_lead_shows_its_sign(lead, shown):
    assert html.lead_cell(lead) == shown


def test_rows_can_stand_out_and_be_held_back():
    made = html.table(["a"], [["x"], ["y"], ["z"]], first=True, pale=[2])

    assert re.findall(r"<tr([^>]*)><td>(\w)", made) == [
        (' class="first"', "x"),
        ("", "y"),
        (' class="pale"', "z"),
    ]


def test_a_verdict_looks_as_it_reads():
    assert 'class="banner"' in html.banner("ship", good=True)
    assert 'class="banner no"' in html.banner("do not ship", good=False)
