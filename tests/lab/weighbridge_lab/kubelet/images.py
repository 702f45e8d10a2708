"""Which programme an image is: the table in images.yaml.

The file maps repositories to programmes. A repository matches the last elements of an image's path,
whatever registry, tag or digest stands around them; the longest match wins.

    istio/pilot:
      entrypoint: ["{bin}/pilot-discovery"]
    istio/proxyv2:
      entrypoint: ["{bin}/pilot-agent"]
      binds: {/usr/local/bin/envoy: "{envoy}"}
      env: {ISTIO_META_ISTIO_VERSION: lab}
      user: 1337
    busybox: {}

`entrypoint` is the command when a container names none; `binds` shows files or folders of this
machine (values) at paths in the container (keys), read-only; `env` are the image's own variables;
`user` is its user, 0 unless said; `root` is the folder of this machine that a volume of the image
shows, for images that hold data and no programme. In braces stand places: {python} the interpreter,
{venv} its environment, {bin} the folder of built binaries, {envoy} stock Envoy's binary, {repo} the
checkout, and whatever the kubelet was told with --place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.errors import ImageError

_FIELDS = frozenset({"entrypoint", "binds", "env", "root", "user"})


@dataclass(frozen=True, kw_only=True)
class Image:
    """A programme that stands for an image.

    Attributes:
        entrypoint: its command; empty: the container must give one.
        binds: path in the container to path on this machine.
        env: variables that the image sets.
        user: who runs it where the pod doesn't say.
        root: what a volume of it shows; None: it is none to be mounted.
    """

    entrypoint: tuple[str, ...] = ()
    binds: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    user: int = 0
    root: Path | None = None


class ImageTable:
    """The images that this kubelet knows.

    Args:
        path: the file.
        places: what stands for the words in braces.

    Raises:
        LabError: for a file that isn't such a table.
    """

    def __init__(self, path: Path, places: Mapping[str, str]) -> None:
        self._path = path
        self._places = places
        raw = yaml.safe_load(path.read_text()) or {}
        if not isinstance(raw, dict):
            raise LabError(f"{path}: expected a map of repositories, got {type(raw).__name__}")
        for repository, entry in raw.items():
            self._check(repository, entry)
        self._entries: dict[str, dict[str, Any]] = raw

    def find(self, image: str) -> Image:
        """Give the programme of an image.

        Raises:
            ImageError: for an image that the table lacks, or a place that this machine lacks.
        """
        elements = repository_of(image).split("/")
        for start in range(len(elements)):
            repository = "/".join(elements[start:])
            if repository in self._entries:
                return self._image(repository, self._entries[repository])
        raise ImageError(
            f"no programme stands for the image {image}: name {elements[-1]} in {self._path}"
        )

    def _check(self, repository: str, entry: object) -> None:
        if not isinstance(entry, dict):
            raise LabError(f"{self._path}: {repository}: expected a map, got {entry!r}")
        if unknown := sorted(set(entry) - _FIELDS):
            known = ", ".join(sorted(_FIELDS))
            raise LabError(f"{self._path}: {repository}: unknown {unknown[0]}, expected: {known}")

    def _image(self, repository: str, entry: Mapping[str, Any]) -> Image:
        binds = {
            target: Path(self._place(repository, source))
            for target, source in entry.get("binds", {}).items()
        }
        root = Path(self._place(repository, entry["root"])) if "root" in entry else None
        for target, source in {**binds, **({"a volume": root} if root else {})}.items():
            if not source.exists():
                raise ImageError(f"{self._path}: {repository}: {source}, for {target}, is absent")
        return Image(
            entrypoint=tuple(self._place(repository, word) for word in entry.get("entrypoint", ())),
            binds=binds,
            env={
                name: self._place(repository, str(value))
                for name, value in entry.get("env", {}).items()
            },
            user=entry.get("user", 0),
            root=root,
        )

    def _place(self, repository: str, word: str) -> str:
        try:
            return word.format_map(self._places)
        except KeyError as error:
            raise ImageError(
                f"{self._path}: {repository}: nobody said where {{{error.args[0]}}} is: give the "
                f"kubelet --place {error.args[0]}=PATH"
            ) from None


def repository_of(image: str) -> str:
    """Strip tag and digest from an image's name."""
    name = image.partition("@")[0]
    path, slash, last = name.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"
