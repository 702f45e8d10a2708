"""What a container sees as its file system: mount options for bubblewrap.

The root is a tmpfs with this machine's programmes on it, read-only: /usr and what points into it,
the interpreter, its environment and the checkout. On top come a few files of /etc, the image's
binds and the pod's volumes. Nothing of /home, /tmp or /var shows.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import weighbridge_lab

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = ("alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl")
_DEPTH_OF_PACKAGE = 3
REPOSITORY = Path(weighbridge_lab.__file__).resolve().parents[_DEPTH_OF_PACKAGE]
"""The checkout, from which this package and the routers in pods run."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder or file of this machine, shown in a container.

    Attributes:
        source: here.
        target: there.
        writable: whether the container may change it.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True)
class FileSystem:
    """A container's view.

    Attributes:
        etc: files of /etc beside this machine's own, by name.
        binds: what the image brings, path there to path here.
        mounts: the pod's volumes.
        read_only: whether the root may not be written to.
        folder: where its process starts; None: /.
        programme: absolute path of what it runs, shown even when it lies elsewhere.
    """

    etc: Mapping[str, Path]
    binds: Mapping[str, Path]
    mounts: Sequence[Mount]
    read_only: bool
    folder: str | None = None
    programme: str | None = None

    def options(self) -> list[str]:
        """Give bubblewrap's options, in the order in which it must follow them."""
        shown = bases()
        parts = [
            *_show_bases(shown),
            *_make_room([*self.binds, *(mount.target for mount in self.mounts)], shown),
            ["--proc", "/proc"],
            ["--dev", "/dev"],
            *self._etc(),
            *self._programme(shown),
            *(["--ro-bind", str(source), target] for target, source in self.binds.items()),
            # /tmp is the image's to have, and ours has one only where it is of any use.
            *([] if self.read_only else [["--perms", "1777", "--dir", "/tmp"]]),
            *([["--dir", self.folder]] if self.folder and not self.read_only else []),
            *(_mount(mount) for mount in sorted(self.mounts, key=_depth)),
            *_show_bases(_hidden(shown, self.mounts)),
            *([["--remount-ro", "/"]] if self.read_only else []),
            ["--chdir", self.folder or "/"],
        ]
        return [word for part in parts for word in part]

    def _etc(self) -> Iterator[list[str]]:
        for name in _ETC:
            yield ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
        for name, source in self.etc.items():
            yield ["--ro-bind", str(source), f"/etc/{name}"]

    def _programme(self, shown: Sequence[Path]) -> Iterator[list[str]]:
        path = self.programme
        if path and path.startswith("/") and not _is_under(Path(path), shown):
            yield ["--ro-bind-try", path, path]


def bases() -> list[Path]:
    """Give this machine's folders that every container sees, none inside another."""
    prefixes = [sys.base_prefix, sys.prefix, str(REPOSITORY)]
    found = [Path(path) for path in (*_SYSTEM, *prefixes) if os.path.lexists(path)]
    return [
        path
        for path in dict.fromkeys(found)
        if not _is_under(path, [p for p in found if p != path])
    ]


def _show_bases(shown: Iterable[Path]) -> Iterator[list[str]]:
    for path in shown:
        if path.is_symlink():
            yield ["--symlink", str(path.readlink()), str(path)]
        else:
            yield ["--ro-bind", str(path), str(path)]


def _make_room(targets: Iterable[str], shown: Sequence[Path]) -> Iterator[list[str]]:
    """Make mount points possible in read-only folders that lack them.

    Nothing can be created in /usr/local/bin as it is shown: a tmpfs takes its place, with the
    entries of the original put back one by one.
    """
    crowded = {
        _deepest_folder(Path(target))
        for target in targets
        if _is_under(Path(target), shown) and not Path(target).exists()
    }
    for folder in sorted(crowded, key=lambda path: len(path.parts)):
        yield ["--tmpfs", str(folder)]
        for entry in sorted(folder.iterdir()):
            if entry.is_symlink():
                yield ["--symlink", str(entry.readlink()), str(entry)]
            else:
                yield ["--ro-bind", str(entry), str(entry)]


def _deepest_folder(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.is_dir())


def _is_under(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _mount(mount: Mount) -> list[str]:
    return ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]


def _hidden(shown: Iterable[Path], mounts: Sequence[Mount]) -> list[Path]:
    """List what a volume hides: a checkout in /tmp, in a pod that has a /tmp of its own."""
    over = [Path(mount.target) for mount in mounts if mount.writable]
    return [path for path in shown if _is_under(path.parent, over)]


def _depth(mount: Mount) -> int:
    # A volume inside another one is mounted after it.
    return len(Path(mount.target).parts)
