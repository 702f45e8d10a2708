"""The reference page is made of the fields; nothing of them is left out."""

import pytest
from weighbridge.reference import settings_reference
from weighbridge.settings import Listen, Policy, Tier, Tls

PAGE = settings_reference()


@pytest.mark.parametrize(
    ("prefix", "section"),
    [
        ("listen", Listen),
        ("listen.tls", Tls),
        ("policy", Policy),
        ("tiers.<name>", Tier),
    ],
)
def test_every_field_has_a_row_with_its_meaning(prefix, section):
    for name, field in section.model_fields.items():
        (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{prefix}.{name}` |")]
        assert row.endswith(f"| {field.description} |")


@pytest.mark.parametrize(
    "row",
    [
        "| `policy.threshold` | `0.5` |",
        "| `policy.sticky` | `true` |",
        "| `policy.honour_preference` | `false` |",
        "| `listen.unix_socket` | `null` |",
        "| `listen.tls.certificate` | `(required)` |",
        "| `tiers.<name>.capabilities` | `[json-schema, tools]` |",
        "| `policy.aliases` | `{auto: auto, ",
    ],
)
def test_defaults_are_written_as_yaml_writes_them(row):
    assert row in PAGE


def test_the_page_says_how_it_is_made():
    assert PAGE.startswith("<!-- Written by `weighbridge schema --markdown`. Do not edit. -->")
