import asyncio

import httpx2
import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from unit.lab.kubelet.fakes import until
from weighbridge_lab.kubelet.store import Store


def one(name, version, uid="u"):
    return ConfigMap(
        metadata=ObjectMeta(name=name, namespace="llm", resourceVersion=version, uid=uid)
    )


class Listed:
    resourceVersion = "7"  # noqa: N815 - lightkube's name

    def __init__(self, objects):
        self._objects = objects

    async def __aiter__(self):
        for found in self._objects:
            yield found


class FakeClient:
    """Answers each list with the next of `lists`, each watch with the next of `watches`."""

    def __init__(self, lists, watches):
        self.lists = list(lists)
        self.watches = list(watches)
        self.versions = []

    def list(self, _kind, *, namespace):
        assert namespace == "*"
        return Listed(self.lists.pop(0))

    async def watch(self, _kind, *, namespace, server_timeout, resource_version):
        assert namespace == "*"
        assert server_timeout > 0
        self.versions.append(resource_version)
        for change in self.watches.pop(0) if self.watches else ():
            if isinstance(change, Exception):
                raise change
            yield change
        await asyncio.Event().wait()


@pytest.fixture
async def follow(monkeypatch):
    monkeypatch.setattr("weighbridge_lab.kubelet.store._RETRY_S", 0.001)
    tasks = []

    def start(lists, watches):
        told = []
        client = FakeClient(lists, watches)
        store = Store(
            client, ConfigMap, lambda found, gone: told.append((found.metadata.name, gone))
        )
        tasks.append(asyncio.create_task(store.run()))
        return store, told, client

    yield start
    for task in tasks:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_is_listed_is_told_and_then_the_store_is_synced(follow):
    store, told, client = follow([[one("a", "1"), one("b", "2")]], [])
    async with asyncio.timeout(5):
        await store.synced.wait()
    assert told == [("a", False), ("b", False)]
    assert store.get("llm", "a").metadata.resourceVersion == "1"
    await until(lambda: client.versions == ["7"])


async def test_changes_are_told_as_they_come(follow):
    changes = [("ADDED", one("b", "2")), ("MODIFIED", one("a", "3")), ("DELETED", one("a", "4"))]
    store, told, _ = follow([[one("a", "1")]], [changes])
    await until(lambda: len(told) == 4)
    assert told[1:] == [("b", False), ("a", False), ("a", True)]
    assert store.get("llm", "a") is None


@pytest.mark.parametrize("error", [httpx2.ReadError("restarted"), httpx2.ConnectError("refused")])
async def test_a_broken_watch_is_made_good_by_another_list(follow, error):
    lists = [[one("a", "1"), one("b", "1"), one("c", "1")], [one("a", "1"), one("c", "2")]]
    store, told, _ = follow(lists, [[error]])
    await until(lambda: len(told) == 5)
    # What went meanwhile is told, what changed too, what is as it was is not.
    assert told[3:] == [("b", True), ("c", False)]
    assert {found.metadata.name for found in store} == {"a", "c"}


async def test_an_object_that_was_made_anew_is_a_change(follow):
    lists = [[one("a", "1", uid="old")], [one("a", "1", uid="new")]]
    store, told, _ = follow(lists, [[httpx2.ReadError("restarted")]])
    await until(lambda: len(told) == 2)
    assert store.get("llm", "a").metadata.uid == "new"
