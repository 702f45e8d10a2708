"""The settings as a reference page: one table per section, made of the fields themselves."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from weighbridge.settings import ENV_PREFIX, Settings, Tier

_HEAD = """\
<!-- Written by `weighbridge schema --markdown`. Do not edit. -->
# Settings of the router

Read from the file given by `--config`, then from the environment: `policy.threshold` is
`{prefix}POLICY__THRESHOLD`. The file is read again when it changes; `listen`, `log.level`
and `log.hash_key` take effect at the next start, everything else at once. A file with a fault is
refused whole: at start the router says every fault and ends, later it keeps the settings it has.
"""


def settings_reference() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD.format(prefix=ENV_PREFIX), *_sections()])


def _sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        if name == "tiers":
            yield from _section("tiers.<name>", Tier, field.description or "")
            continue
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            yield from _section(name, section, (section.__doc__ or "").strip())


def _section(name: str, section: type[BaseModel], text: str) -> Iterator[str]:
    yield f"## {name}\n\n{text}\n\n| setting | default | meaning |\n| --- | --- | --- |"
    for key, field in section.model_fields.items():
        nested = _nested(field)
        if nested is None:
            yield f"| `{name}.{key}` | `{_default(field)}` | {field.description} |"
            continue
        yield f"| `{name}.{key}` | `null` | {field.description} |"
        for inner, inner_field in nested.model_fields.items():
            default = _default(inner_field)
            yield f"| `{name}.{key}.{inner}` | `{default}` | {inner_field.description} |"
    yield ""


def _nested(field: FieldInfo) -> type[BaseModel] | None:
    for option in get_args(field.annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined:
        return "(required)"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, frozenset | tuple):
        return "[" + ", ".join(sorted(map(str, value))) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
    return str(value)
