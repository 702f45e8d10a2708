"""Routers on free addresses: in this process for speed, as `weighbridge serve` where it matters."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from stream.peer import WAIT_S, connect
from weighbridge.local.ports import free_ports
from weighbridge.server import Router


@pytest.fixture
def folder():
    """A folder whose path is short enough for a Unix socket."""
    path = Path(tempfile.mkdtemp(prefix="wb-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def free_port():
    return free_ports(1)[0]


@pytest.fixture
def configure(folder):
    """Write settings (as JSON, which is YAML) that listen on a Unix socket alone."""

    def write(**sections):
        listen = {
            "address": None,
            "unix_socket": str(folder / "s"),
            "metrics_address": None,
            "drain_delay_s": 0,
            "drain_timeout_s": 5,
            **sections.pop("listen", {}),
        }
        fresh = folder / "fresh.yaml"
        fresh.write_text(json.dumps({"listen": listen, **sections}), encoding="utf-8")
        fresh.replace(folder / "weighbridge.yaml")
        return folder / "weighbridge.yaml"

    return write


@pytest.fixture
def serving(configure, folder):
    """A router in this process, and a connection to it."""

    @asynccontextmanager
    async def serve(**sections):
        router = Router(configure(**sections))
        task = asyncio.create_task(router.run())
        try:
            async with connect(f"unix:{folder / 's'}") as peer:
                await asyncio.wait_for(peer.until_serving(), WAIT_S)
                yield router, peer
        finally:
            router._stopping.set()
            await asyncio.wait_for(task, WAIT_S)

    return serve


class Served:
    """A `weighbridge serve` process whose output goes to a file, unless `stdout` says else."""

    def __init__(self, config, output, stdout=None):
        self.output = output
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "weighbridge", "serve", "--config", str(config)],
                stdout=stdout or sink,
                stderr=subprocess.PIPE,
            )

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    async def left(self, within=WAIT_S):
        """Its exit status."""
        return await asyncio.to_thread(self.process.wait, within)

    def lines(self):
        return [json.loads(line) for line in self.output.read_bytes().splitlines()]


@pytest.fixture
def start(folder):
    """Start `weighbridge serve`; what a test leaves running is killed."""
    started = []

    def run(config, stdout=None):
        started.append(Served(config, folder / f"out-{len(started)}", stdout))
        return started[-1]

    yield run
    for served in started:
        with contextlib.suppress(ProcessLookupError):
            served.process.kill()
        served.process.wait()
        served.process.stderr.close()
        if served.process.stdout:
            served.process.stdout.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A CA, and certificates of a server and a client that it signed, made by openssl."""
    folder = tmp_path_factory.mktemp("tls")
    for name, signed in (("ca", []), ("server", ["ca"]), ("client", ["ca"]), ("stranger", [])):
        signer = [option for ca in signed for option in ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key")]
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key"),
            *("-out", f"{name}.pem", "-addext", "subjectAltName=DNS:router.test", *signer),
        ]
        subprocess.run(
            command, cwd=folder, check=True, capture_output=True, env={**os.environ, "HOME": "/"}
        )
    return folder
