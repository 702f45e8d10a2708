"""Diagrams of the book: Mermaid's script in, drawn diagrams out; without it they stay text.

The theme would have the reader's browser load Mermaid from elsewhere. So it gets the fences only
where `extra.mermaid` names a copy of the script, which then becomes part of the book.
"""

import logging
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pymdownx.superfences import fence_code_format

SCRIPT = "javascripts/mermaid.min.js"

_log = logging.getLogger("mkdocs.hooks.diagrams")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have Mermaid's fences drawn, if the script is at hand."""
    if _script(config) is None:
        _log.info("Diagrams stay text: no copy of Mermaid's script was named (MERMAID_JS).")
        return config
    fence = {"name": "mermaid", "class": "mermaid", "format": fence_code_format}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    config.extra_javascript.append(SCRIPT)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the script into the book."""
    if script := _script(config):
        files.append(File.generated(config, SCRIPT, abs_src_path=str(script)))
    return files


def _script(config: MkDocsConfig) -> Path | None:
    named = config.extra.get("mermaid")
    return Path(named) if named else None
