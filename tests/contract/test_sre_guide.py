"""The tuning guide shows its recipes as they are, and a lab test applies each."""

import re

import pytest
from contract.tree import REPOSITORY

DOCS = REPOSITORY / "docs"
GUIDE = DOCS / "sre-guide.md"
BLOCK = re.compile(r"<!-- (recipes/\S+) -->\n```yaml\n(.*?)```", re.DOTALL)
SHOWN = dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))
RECIPES = {f"recipes/{path.name}" for path in (DOCS / "recipes").iterdir()}
TESTS = (REPOSITORY / "tests/lab/test_tuning.py").read_text(encoding="utf-8")


def test_every_recipe_is_in_the_guide():
    assert set(SHOWN) == RECIPES


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_guide_shows_a_recipe_as_it_is_applied(name):
    assert SHOWN[name] == (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_lab_test_applies_a_recipe(name):
    assert f'"{name.removeprefix("recipes/").removesuffix(".yaml")}' in TESTS


def test_every_link_within_the_guide_leads_to_a_heading():
    text = GUIDE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
