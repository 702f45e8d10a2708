"""The volumes of one pod: folders of this machine, filled, kept up to date, mounted, removed.

Updates are seen as soon as the API server tells of them; a real kubelet takes up to a minute or
two. A volume mounted by subPath is not updated, here as there.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import httpx2
from lightkube.models.core_v1 import Container, Volume, VolumeMount

from weighbridge_lab.kubelet import atomic
from weighbridge_lab.kubelet.environment import expand
from weighbridge_lab.kubelet.errors import ImageError, VolumeError
from weighbridge_lab.kubelet.filesystem import Mount
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.projection import Projector

_log = logging.getLogger(__name__)
_RETRY_S = 10.0


class Volumes:
    """A pod's volumes.

    Args:
        folder: they lie in it.
        projector: makes what files hold.
        images: what volumes of images show.
    """

    def __init__(self, folder: Path, projector: Projector, images: ImageTable) -> None:
        self._folder = folder
        self._projector = projector
        self._images = images
        # Two updates at a time would remove each other's files.
        self._writing = asyncio.Lock()

    async def fill(self, manifest: Manifest) -> None:
        """Make all volumes.

        Raises:
            VolumeError: naming the first that can't be made yet.
        """
        async with self._writing:
            for volume in manifest.spec.volumes or []:
                await self._fill(manifest, volume)

    async def update(self, manifest: Manifest) -> None:
        """Bring volumes up to date; what lost its source keeps what it has."""
        async with self._writing:
            for volume in manifest.spec.volumes or []:
                try:
                    await self._fill(manifest, volume)
                except (VolumeError, httpx2.HTTPError) as error:
                    _log.info("%s: volume %s stays: %s", manifest.title, volume.name, error)

    async def until_stale(self) -> None:
        """Wait until a token in them is to be renewed; for ever where there is none."""
        renewal = self._projector.next_renewal
        if renewal is None:
            await asyncio.Event().wait()
            return
        left = (renewal - datetime.now(UTC)).total_seconds()
        # One that could not be renewed in time is tried for again, not in a circle.
        await asyncio.sleep(left if left > 0 else _RETRY_S)

    def mounts(
        self, manifest: Manifest, container: Container, variables: Mapping[str, str]
    ) -> list[Mount]:
        """Give what a container mounts.

        Raises:
            VolumeError: for a mount of what isn't there.
        """
        volumes = {volume.name: volume for volume in manifest.spec.volumes or []}
        mounts = [
            self._mount(volumes[mount.name], mount, variables)
            for mount in container.volumeMounts or []
        ]
        _make_mount_points(mounts)
        return mounts

    async def _fill(self, manifest: Manifest, volume: Volume) -> None:
        try:
            payload = await self._projector.payload(manifest, volume)
        except httpx2.HTTPStatusError as error:
            raise VolumeError(f"volume {volume.name}: {error}") from error
        if payload is not None:
            atomic.write(self._path(volume), payload)
        elif volume.emptyDir is not None:
            path = self._path(volume)
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o777)
        elif volume.image is not None:
            self._root(volume)
        elif volume.hostPath is None:
            raise VolumeError(
                f"volume {volume.name}: this kubelet knows configMap, secret, downwardAPI, "
                "projected, emptyDir, hostPath and image"
            )

    def _mount(self, volume: Volume, mount: VolumeMount, variables: Mapping[str, str]) -> Mount:
        inside = expand(mount.subPathExpr, variables) if mount.subPathExpr else mount.subPath
        source = self._path(volume)
        if inside:
            source = self._inside(source, inside, make=volume.emptyDir is not None)
        if not source.exists():
            raise VolumeError(f"volume {volume.name}: there is no {source.name} to mount")
        writable = volume.emptyDir is not None or volume.hostPath is not None
        return Mount(
            # What a file of ..data leads to now: mounted by subPath it does not change.
            source=source.resolve(),
            target=str(PurePosixPath(mount.mountPath)),
            writable=writable and not mount.readOnly,
        )

    def _inside(self, source: Path, inside: str, *, make: bool) -> Path:
        path = source / inside
        if PurePosixPath(inside).is_absolute() or ".." in PurePosixPath(inside).parts:
            raise VolumeError(f"subPath {inside}: expected a path inside the volume")
        if make:
            path.mkdir(parents=True, exist_ok=True)
        return path

    def _path(self, volume: Volume) -> Path:
        if volume.hostPath is not None:
            return Path(volume.hostPath.path)
        if volume.image is not None:
            return self._root(volume)
        return self._folder / volume.name

    def _root(self, volume: Volume) -> Path:
        assert volume.image is not None
        reference = volume.image.reference or ""
        try:
            root = self._images.find(reference).root
        except ImageError as error:
            raise VolumeError(f"volume {volume.name}: {error}") from error
        if root is None:
            raise VolumeError(f"volume {volume.name}: the image {reference} has no root to show")
        return root


def _make_mount_points(mounts: Sequence[Mount]) -> None:
    """Make what a volume is mounted on inside another one that is read-only."""
    for inner in mounts:
        target = PurePosixPath(inner.target)
        for outer in mounts:
            if outer is not inner and not outer.writable and target.is_relative_to(outer.target):
                point = outer.source / target.relative_to(outer.target)
                if inner.source.is_dir():
                    point.mkdir(parents=True, exist_ok=True)
                else:
                    point.parent.mkdir(parents=True, exist_ok=True)
                    point.touch()
