"""Settings are documented whole, and the documents are those that the settings make."""

import types
from typing import get_args

import pytest
from contract.tree import REPOSITORY
from pydantic import BaseModel
from typer.testing import CliRunner
from weighbridge.cli import app
from weighbridge.settings import Settings, Tier

DOCS = REPOSITORY / "docs"


def _names(model, prefix=""):
    for name, field in model.model_fields.items():
        options = get_args(field.annotation) or (field.annotation,)
        inner = Tier if name == "tiers" else next(filter(_is_section, options), None)
        if inner is None or isinstance(field.annotation, types.UnionType):
            yield prefix + name
        if inner is not None:
            yield from _names(inner, f"{prefix}{name}." + ("<name>." if inner is Tier else ""))


def _is_section(option):
    return isinstance(option, type) and issubclass(option, BaseModel)


FIELDS = list(_names(Settings))


def test_the_fields_are_found_down_to_the_deepest():
    assert {"listen.tls", "listen.tls.client_ca", "tiers.<name>.models", "policy.threshold"} < set(
        FIELDS
    )
    assert len(FIELDS) == len(set(FIELDS))


@pytest.mark.parametrize("field", FIELDS)
def test_each_setting_is_named_in_the_reference(field):
    assert f"`{field}`" in (DOCS / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "options"), [("settings.schema.json", []), ("settings.md", ["--markdown"])]
)
def test_the_committed_document_is_the_one_that_the_command_prints(name, options):
    printed = CliRunner().invoke(app, ["schema", *options]).stdout

    assert (DOCS / name).read_text(encoding="utf-8") == printed, "run: make generated"
