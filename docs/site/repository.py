"""Links of the book into the repository: pages that have them in, addresses to follow out.

A page says `../mesh/chart/README.md`, which is right where the repository is browsed. In the book,
what is linked becomes a page below `repository/`: a README as it reads, any other file as text, a
folder as a list; what a browser shows by itself is copied. With `extra.source_url` links lead to
where the repository is hosted instead. What is not there is left as it stands, and MkDocs complains
of it.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

SHOWN = "repository"
"""Folder of the book under which the repository's files are pages."""

_LINK = re.compile(r"\]\(\s*([^)\s]+)")
_BEFORE_MKDOCS = 10
"""MkDocs resolves links at priority 0; these have to be rewritten by then."""
_LANGUAGES = {".yaml": "yaml", ".py": "python", ".json": "json", ".go": "go", ".sh": "bash"}
_COPIED = frozenset({".html", ".png", ".svg"})
_FENCE = "`" * 10
_IS_LEFT_OUT = re.compile(r"\.|__pycache__").match
_TAB = 2
"""What is indented by two belongs to the list's item above, as where the repository is browsed."""


class Repository(Extension):
    """Rewrites links of the page that is rendered."""

    def __init__(self, root: Path, source_url: str) -> None:
        super().__init__()
        self.root = root
        self.source_url = source_url.rstrip("/")
        self.origins: dict[str, str] = {}
        """Path in the repository of each page of the book."""
        self.page = ""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 — Markdown's name
        """Take part in the rendering of a page."""
        md.tab_length = _TAB
        md.build_parser()  # its parts noted the length when they were made
        md.treeprocessors.register(_Links(self, md), "repository", _BEFORE_MKDOCS)

    def shown(self, files: Iterable[File]) -> Iterator[tuple[str, str | Path]]:
        """What to add to the book: where, and a page's text or a file to copy.

        It is what the book's pages link, and what the pages link that are made of that.
        """
        self.origins = {file.src_uri: f"docs/{file.src_uri}" for file in files}
        texts = [
            (origin, self._text(origin)) for origin in self.origins.values() if _is_page(origin)
        ]
        while texts:
            origin, text = texts.pop()
            for target in filter(self._is_to_be_shown, self._targets(origin, text)):
                page = self._page_of(target)
                if page not in self.origins:
                    path = self._readme(target)
                    self.origins[page] = path
                    texts.append((path, self._text(path) if _is_page(path) else ""))
                    yield page, self._as_page(path)

    def resolved(self, href: str) -> str:
        """Resolve a link of the page that is rendered, for the book."""
        link, origin = urlsplit(href), self.origins.get(self.page)
        if origin is None or link.scheme or link.netloc or not link.path:
            return href
        target = _join(origin, link.path)
        anchor = f"#{link.fragment}" if link.fragment else ""
        if self._is_of_the_book(target):
            return _relative(target.removeprefix("docs/"), self.page) + anchor
        if not self._exists(target):
            return href
        if self.source_url:
            return f"{self.source_url}/{target}{anchor}"
        return _relative(self._page_of(target), self.page) + anchor

    def _is_to_be_shown(self, target: str) -> bool:
        is_elsewhere = self.source_url or self._is_of_the_book(target)
        return not is_elsewhere and self._exists(target)

    def _is_of_the_book(self, target: str) -> bool:
        return target.startswith("docs/") and (self.root / target).is_file()

    def _exists(self, target: str) -> bool:
        return not target.startswith("..") and (self.root / target).exists()

    def _targets(self, origin: str, text: str) -> list[str]:
        paths = (urlsplit(href) for href in _LINK.findall(text))
        return [_join(origin, link.path) for link in paths if link.path and not link.scheme]

    def _readme(self, target: str) -> str:
        readme = posixpath.join(target, "README.md")
        return readme if (self.root / readme).is_file() else target

    def _page_of(self, target: str) -> str:
        path = self._readme(target)
        if Path(path).suffix in _COPIED:
            return posixpath.join(SHOWN, path)
        if (self.root / path).is_dir():
            path = posixpath.join(path, "index")
        return posixpath.join(SHOWN, path.removesuffix(".md") + ".md")

    def _as_page(self, path: str) -> str | Path:
        here = self.root / path
        if here.suffix in _COPIED:
            return here
        if _is_page(path):
            return self._text(path)
        head = f"---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n"
        if here.is_dir():
            names = sorted(each.name + "/" * each.is_dir() for each in here.iterdir())
            return head + "".join(f"- `{name}`\n" for name in names if not _IS_LEFT_OUT(name))
        language = _LANGUAGES.get(here.suffix, "text")
        return f"{head}{_FENCE}{language}\n{self._text(path)}\n{_FENCE}\n"

    def _text(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")


class _Links(Treeprocessor):
    def __init__(self, repository: Repository, md: Markdown) -> None:
        super().__init__(md)
        self.repository = repository

    def run(self, root: Element) -> None:
        for element in root.iter("a"):
            if href := element.get("href"):
                element.set("href", self.repository.resolved(href))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have Markdown read, and headings named, as where the repository is browsed."""
    root = Path(config.docs_dir).parent
    extensions: list[object] = config.markdown_extensions  # type: ignore[assignment]
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    extensions.insert(0, Repository(root, config.extra.get("source_url") or ""))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is made of the repository's files."""
    for page, content in _repository(config).shown(list(files)):
        files.append(_file(config, page, content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Note which page is rendered next."""
    _repository(config).page = page.file.src_uri
    return markdown


def _file(config: MkDocsConfig, page: str, content: str | Path) -> File:
    place = InclusionLevel.NOT_IN_NAV
    if isinstance(content, Path):
        return File.generated(config, page, abs_src_path=str(content), inclusion=place)
    return File.generated(config, page, content=content, inclusion=place)


def _repository(config: MkDocsConfig) -> Repository:
    extensions: list[object] = config.markdown_extensions  # type: ignore[assignment]
    (found,) = (each for each in extensions if isinstance(each, Repository))
    return found


def _join(origin: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin), unquote(path)))


def _relative(page: str, origin: str) -> str:
    return posixpath.relpath(page, posixpath.dirname(origin) or ".")


def _is_page(path: str) -> bool:
    return path.endswith(".md")
