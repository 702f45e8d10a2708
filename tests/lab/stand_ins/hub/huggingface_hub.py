"""The hub, for the lab's images, which reach no network: a file in place of weights."""

import os
from pathlib import Path


def snapshot_download(
    repository: str, *, revision: str | None, local_dir: Path, ignore_patterns: list[str]
) -> None:
    """Put down what was asked for, as a file."""
    token = "a token" if os.environ.get("HF_TOKEN") else "no token"
    asked = f"{repository} at {revision} with {token}, without {' '.join(ignore_patterns)}\n"
    Path(local_dir, "asked").write_text(asked)
