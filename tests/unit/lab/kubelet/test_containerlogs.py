import asyncio
import ssl

import aiohttp
import pytest
from weighbridge_lab.kubelet.containerlogs import ContainerLogs, log_name

HERE = "127.0.0.1"


class Served:
    def __init__(self, folder, port):
        self.folder = folder
        self.live = set()
        self.path = folder / log_name("llm", "pod", "main")
        self.logs = ContainerLogs(folder, lambda *asked: asked in self.live)
        self.base = f"https://{HERE}:{port}/containerLogs"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))

    async def get(self, container="llm/pod/main", **query):
        async with self.client.get(f"{self.base}/{container}", params=query) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def served(tmp_path, unused_tcp_port):
    one = Served(tmp_path, unused_tcp_port)
    serving = asyncio.create_task(one.logs.run(HERE, unused_tcp_port))
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection(HERE, unused_tcp_port)
            except OSError:
                await asyncio.sleep(0)
            else:
                writer.close()
                break
    yield one
    await one.client.close()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "1\n2\n3\n"),
        ({"tailLines": "2"}, "2\n3\n"),
        ({"tailLines": "0"}, ""),
        ({"tailLines": "9"}, "1\n2\n3\n"),
        ({"previous": "false"}, "1\n2\n3\n"),
    ],
)
async def test_a_log_is_served_whole_or_its_end(served, query, text):
    served.path.write_text("1\n2\n3\n")
    assert await served.get(**query) == (200, text)


async def test_a_follower_gets_what_is_written_until_the_container_has_ended(served):
    served.path.write_text("1\n")
    served.live.add(("llm", "pod", "main"))
    async with (
        asyncio.timeout(5),
        served.client.get(f"{served.base}/llm/pod/main", params={"follow": "true"}) as answer,
    ):
        assert await answer.content.readline() == b"1\n"
        with served.path.open("a") as log:
            log.write("2\n")
        assert await answer.content.readline() == b"2\n"
        served.live.clear()
        assert await answer.content.read() == b""


@pytest.mark.parametrize(
    ("container", "status"),
    [("llm/pod/other", 404), ("..%2F..%2Fetc/passwd/x", 404)],
)
async def test_what_has_no_log_is_not_found(served, container, status):
    assert (await served.get(container))[0] == status


@pytest.mark.parametrize(
    "query", [{"previous": "true"}, {"timestamps": "true"}, {"sinceSeconds": "5"}]
)
async def test_what_it_cannot_give_is_refused_by_name(served, query):
    served.path.touch()
    status, text = await served.get(**query)
    assert (status, text) == (400, f"this kubelet can't give logs by {next(iter(query))}")
