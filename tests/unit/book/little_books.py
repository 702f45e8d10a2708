"""Books of a few lines, built strictly with the hooks of docs/site."""

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from mkdocs.utils.yaml import yaml_load

HOOKS = Path(__file__).parents[3] / "docs" / "site"
VALIDATION = yaml_load((HOOKS.parents[1] / "mkdocs.yml").read_text())["validation"]


def module(name: str) -> ModuleType:
    """A file of docs/site, as MkDocs loads it."""
    spec = importlib.util.spec_from_file_location(name, HOOKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@dataclass(frozen=True)
class Book:
    site: Path
    complaints: str

    @property
    def is_built(self) -> bool:
        return not self.complaints

    def page(self, address: str) -> str:
        return (self.site / address / "index.html").read_text()


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def book(root: Path, files: Mapping[str, str], **settings: object) -> Book:
    """Write the files of a repository and build its book, with docs/index.md alone in the nav."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = {
        "site_name": "book",
        "theme": "mkdocs",
        "plugins": [],
        "hooks": [str(HOOKS / "repository.py"), str(HOOKS / "diagrams.py")],
        "markdown_extensions": ["pymdownx.superfences", "sane_lists"],
        "validation": VALIDATION,
        "nav": ["index.md"],
        **settings,
    }
    (root / "mkdocs.yml").write_text(yaml.safe_dump(config))
    heard = _Complaints()
    logging.getLogger("mkdocs").addHandler(heard)
    try:
        build(load_config(str(root / "mkdocs.yml"), strict=True))
    except Abort:
        assert heard.said
    finally:
        logging.getLogger("mkdocs").removeHandler(heard)
    return Book(root / "site", "\n".join(heard.said))
