"""All objects of one kind as the API server has them: one list, then every change as it comes.

A watch ends for many reasons: the server's own limit, a version that it has forgotten (410), its
restart. The answer is always the same: list again, tell what has changed or gone, watch on.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

import httpx2
from lightkube.core.resource import NamespacedResource

_log = logging.getLogger(__name__)
_RETRY_S = 0.5
# After which the server ends a watch, so that one whose peer vanished silently is not for ever.
_WATCH_S = 240

T = TypeVar("T", bound=NamespacedResource)
Key = tuple[str, str]
Listener = Callable[[T, bool], None]


class Watcher(Protocol):
    """The two calls of lightkube's client that a store needs."""

    def list(self, res: type[Any], *, namespace: str) -> Any:
        """List objects; the answer knows its resource version once it was read."""
        ...

    def watch(
        self, res: type[Any], *, namespace: str, server_timeout: int, resource_version: str
    ) -> AsyncIterable[tuple[str, Any]]:
        """Give changes since a version."""
        ...


class Store(Generic[T]):
    """Objects of one kind, in all namespaces.

    Args:
        client: of the API server.
        kind: which objects.
        on_change: told each object that came or changed (False) or has gone (True).
    """

    def __init__(self, client: Watcher, kind: type[T], on_change: Listener[T]) -> None:
        self.synced = asyncio.Event()
        self._client = client
        self._kind = kind
        self._on_change = on_change
        self._objects: dict[Key, T] = {}

    def get(self, namespace: str, name: str) -> T | None:
        """Give an object as last seen."""
        return self._objects.get((namespace, name))

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            try:
                await self._follow(await self._list())
            except httpx2.HTTPError as error:
                _log.info("watching %s again: %s", self._kind.__name__, error)
                await asyncio.sleep(_RETRY_S)

    async def _list(self) -> str:
        listed = self._client.list(self._kind, namespace="*")
        current = {_key(one): one async for one in listed}
        for key in self._objects.keys() - current.keys():
            self._forget(key)
        for key, one in current.items():
            self._take(key, one)
        self.synced.set()
        return cast("str", listed.resourceVersion)

    async def _follow(self, version: str) -> None:
        changes = self._client.watch(
            self._kind, namespace="*", server_timeout=_WATCH_S, resource_version=version
        )
        async for change, one in changes:
            if change == "DELETED":
                self._objects[_key(one)] = one
                self._forget(_key(one))
            else:
                self._take(_key(one), one)

    def _take(self, key: Key, one: T) -> None:
        known = self._objects.get(key)
        self._objects[key] = one
        if known is None or _version(known) != _version(one):
            self._on_change(one, False)

    def _forget(self, key: Key) -> None:
        self._on_change(self._objects.pop(key), True)


def _key(one: NamespacedResource) -> Key:
    metadata = cast("Any", one).metadata
    return metadata.namespace, metadata.name


def _version(one: NamespacedResource) -> str:
    metadata = cast("Any", one).metadata
    return f"{metadata.uid}/{metadata.resourceVersion}"
