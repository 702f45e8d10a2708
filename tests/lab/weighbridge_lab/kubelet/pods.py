"""One pod's life, from the moment it is bound to a node of ours until it is gone from the API.

    sandbox and volumes -> init containers, one by one -> main containers -> end

A worker has two tasks: one brings the pod up and goes through these steps, one stores the pod's
status whenever something of it has changed. A deletion interrupts the first wherever it is and
begins the end: all containers at once, sidecars after the main ones, within one grace period.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import httpx2
from lightkube.models.core_v1 import Container

from weighbridge_lab.kubelet.container import ContainerProcess
from weighbridge_lab.kubelet.environment import Place
from weighbridge_lab.kubelet.errors import KubeletError
from weighbridge_lab.kubelet.interception import redirect
from weighbridge_lab.kubelet.launching import Host, Launcher
from weighbridge_lab.kubelet.lifecycle import Grace
from weighbridge_lab.kubelet.manifest import Manifest, is_sidecar
from weighbridge_lab.kubelet.projection import Projector
from weighbridge_lab.kubelet.record import Record
from weighbridge_lab.kubelet.runner import Runner
from weighbridge_lab.kubelet.states import Terminated
from weighbridge_lab.kubelet.status import Snapshot, build, stored
from weighbridge_lab.kubelet.volumes import Volumes

if TYPE_CHECKING:
    from weighbridge_lab.kubelet.sandbox import Sandbox

_log = logging.getLogger(__name__)
_RETRY_S = 1.0


class PodWorker:
    """Lives one pod's life.

    Args:
        host: what pods share.
        manifest: the pod, as first seen.
        on_change: called after each change of what `snapshot` gives.
    """

    def __init__(
        self, host: Host, manifest: Manifest, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.manifest = manifest
        self._host = host
        self._on_change = on_change
        self._since = manifest.status.startTime or datetime.now(UTC)
        self._sandbox: Sandbox | None = None
        self._runners: dict[str, Runner] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._message = ""
        self._over = False
        self._volumes: Volumes | None = None
        self._record = Record(host.folder / "pods", manifest.namespace, manifest.name)
        self._grace: Grace | None = None
        self._deleted = asyncio.Event()
        self._dirty = asyncio.Event()
        self._reported = stored(manifest)

    async def run(self) -> None:
        """Live it; returns when the pod is gone."""
        reporting = asyncio.create_task(self._report_for_ever())
        try:
            if not self.manifest.ended:
                await self._live_until_over()
            await self._deleted.wait()
            await self._remove()
        finally:
            await _cancel(reporting)
            await self._clear_away()

    def update(self, manifest: Manifest) -> None:
        """Take the pod's new version; the first that is deleted begins the end."""
        self.manifest = manifest
        if manifest.deleted:
            self.delete(manifest.grace_s)
        elif self._volumes is not None:
            self.refresh()
        self._changed()

    def delete(self, grace_s: float) -> None:
        """Begin the end, or bring it forward."""
        if self._grace is None:
            _log.info("%s ends within %g s", self.manifest.title, grace_s)
            self._grace = Grace(grace_s)
        else:
            self._grace.shorten(grace_s)
        self._deleted.set()

    def refresh(self) -> None:
        """Bring its volumes up to date, because something that they show has changed."""
        if self._volumes is not None:
            self._spawn(self._volumes.update(self.manifest))

    def is_live(self, container: str) -> bool:
        """Whether a container may yet write to its log."""
        runner = self._runners.get(container)
        return runner is not None and not runner.is_finished

    @property
    def snapshot(self) -> Snapshot:
        """What the pod is at this moment."""
        return Snapshot(
            address=self._sandbox.address if self._sandbox else None,
            node_address=self._host.node_address,
            since=self._since,
            states={name: runner.state for name, runner in self._runners.items()},
            message=self._message,
            over=self._over,
        )

    async def _live_until_over(self) -> None:
        living = asyncio.create_task(self._live())
        deleted = asyncio.create_task(self._deleted.wait())
        await asyncio.wait([living, deleted], return_when=asyncio.FIRST_COMPLETED)
        deleted.cancel()
        if living.done():
            living.result()
        await _cancel(living)
        await self._stop()
        self._over = True
        self._changed()
        await self._clear_away()

    async def _live(self) -> None:
        """Bring it up and stay until its main containers have ended."""
        await self._prepare()
        for container in self.manifest.inits:
            runner = self._begin(container)
            if is_sidecar(container):
                await runner.until_started()
            else:
                await runner.until_finished()
                if not _succeeded(runner):
                    return
        mains = [self._begin(container) for container in self.manifest.mains]
        for runner in mains:
            await runner.until_finished()

    async def _prepare(self) -> None:
        """Make sandbox and volumes, however often that takes."""
        while True:
            try:
                if self._sandbox is None:
                    self._sandbox = await self._open()
                    self._record.open(self._sandbox)
                projector = Projector(self._host.api, self._place)
                volumes = Volumes(self._folder / "volumes", projector, self._host.images)
                await volumes.fill(self.manifest)
            except (KubeletError, httpx2.HTTPError) as error:
                self._message = str(error)
                self._changed()
                await asyncio.sleep(_RETRY_S)
            else:
                self._message = ""
                self._volumes = volumes
                self._spawn(self._renew(volumes))
                return

    async def _open(self) -> "Sandbox":
        """Make the sandbox, its traffic redirected where a proxy was injected."""
        sandbox = await self._host.runtime.open(self._sysctls())
        try:
            await redirect(self.manifest, self._host.images, sandbox)
        except BaseException:
            await self._host.runtime.close(sandbox)
            raise
        return sandbox

    def _begin(self, container: Container) -> Runner:
        known = self._known_restarts()
        runner = Runner(
            container,
            title=f"{self.manifest.title}/{container.name}",
            policy=self.manifest.restart_policy(container),
            address=self._place.address,
            start=self._start,
            on_change=self._changed,
            back_off=self._host.back_off,
            grace_s=self.manifest.grace_s,
            restarts=known.get(container.name, 0),
        )
        self._runners[container.name] = runner
        self._spawn(runner.run())
        self._changed()
        return runner

    async def _start(self, container: Container) -> ContainerProcess:
        """Start a container's process: the runner's `Starter`."""
        assert self._sandbox is not None
        assert self._volumes is not None
        launcher = Launcher(self._host, self.manifest, self._place, self._volumes, self._folder)
        launch = launcher.launch(container)
        process = await self._host.runtime.start(launch, self._sandbox)
        self._record.add(container.name, process.pid)
        return process

    async def _stop(self) -> None:
        """End all containers that run; sidecars when their turn comes, the last one first."""
        grace = self._grace or Grace(self.manifest.grace_s)
        mains = [
            self._runners[one.name] for one in self.manifest.mains if one.name in self._runners
        ]
        others = [
            self._runners[one.name] for one in self.manifest.inits if one.name in self._runners
        ]
        async with asyncio.TaskGroup() as ending:
            before = [ending.create_task(runner.stop(grace)) for runner in mains]
            for runner in reversed(others):
                turn = partial(_all, tuple(before))
                before.append(ending.create_task(runner.stop(grace, turn)))

    async def _remove(self) -> None:
        """Store the last status and take the pod out of the API."""
        while True:
            try:
                await self._report()
                await self._host.api.remove(self.manifest)
            except httpx2.HTTPError as error:
                _log.info("%s: removing it again: %s", self.manifest.title, error)
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def _clear_away(self) -> None:
        for task in list(self._tasks):
            await _cancel(task)
        if self._sandbox is not None:
            self._record.remove()
            sandbox, self._sandbox = self._sandbox, None
            await self._host.runtime.close(sandbox)
        self._volumes = None
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _renew(self, volumes: Volumes) -> NoReturn:
        while True:
            await volumes.until_stale()
            await volumes.update(self.manifest)

    async def _report_for_ever(self) -> NoReturn:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                reported = await self._report()
            except httpx2.HTTPError as error:
                _log.info("%s: reporting again: %s", self.manifest.title, error)
                reported = False
            if not reported:
                # Should the pod be gone, then the watch says so soon, and this ends.
                self._dirty.set()
                await asyncio.sleep(_RETRY_S)

    async def _report(self) -> bool:
        """Store the status if it differs from what was stored; False: it could not be."""
        if self.manifest.ended and not self._runners:
            return True
        status = build(self.manifest, self.snapshot, datetime.now(UTC), self._reported)
        if status == self._reported:
            return True
        if not await self._host.api.report(self.manifest, status):
            return False
        self._reported = status
        return True

    def _changed(self) -> None:
        self._dirty.set()
        self._on_change()

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _sysctls(self) -> dict[str, str]:
        context = self.manifest.spec.securityContext
        return {one.name: one.value for one in (context.sysctls if context else None) or []}

    def _known_restarts(self) -> dict[str, int]:
        """Count the restarts of an earlier kubelet's time, and the one that its end meant."""
        status = self.manifest.status
        known = [*(status.initContainerStatuses or []), *(status.containerStatuses or [])]
        return {one.name: one.restartCount + bool(one.containerID) for one in known}

    @property
    def _place(self) -> Place:
        host = self._host
        return Place(
            address=self._sandbox.address if self._sandbox else "",
            node_address=host.node_address,
            capacity=host.capacity.get(self.manifest.node or "", {}),
            api_host=host.api_host,
            api_port=host.api_port,
        )

    @property
    def _folder(self) -> Path:
        return self._host.folder / "pods" / self.manifest.uid


def _succeeded(runner: Runner) -> bool:
    return isinstance(runner.state.now, Terminated) and runner.state.now.code == 0


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*(asyncio.shield(task) for task in tasks))


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
