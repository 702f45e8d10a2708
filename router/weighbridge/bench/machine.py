"""What the numbers were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

from weighbridge import __version__

_CPUINFO = Path("/proc/cpuinfo")


class Machine(msgspec.Struct, frozen=True):
    """The machine and the versions of what ran on it.

    Attributes:
        cores: that this process may use.
        load: mean number of running processes in the minute before the run; what was there already
            takes its share of the cores from everything that is measured.
    """

    cores: int
    cpu: str
    memory_bytes: int
    kernel: str
    load: float
    python: str
    grpcio: str
    envoy: str
    weighbridge: str

    @property
    def was_busy(self) -> bool:
        """Whether other work had so much of the cores that it shows in the numbers."""
        return self.load > self.cores / 2


def describe_machine(envoy: Path) -> Machine:
    """Look at the machine.

    Args:
        envoy: the binary.
    """
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu_model(_CPUINFO.read_text() if _CPUINFO.exists() else ""),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        load=round(os.getloadavg()[0], 2),
        python=platform.python_version(),
        grpcio=version("grpcio"),
        envoy=_envoy_version(_output_of(str(envoy), "--version")),
        weighbridge=__version__,
    )


def _cpu_model(cpuinfo: str) -> str:
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _envoy_version(output: str) -> str:
    """The number in ``/path/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL``."""
    parts = output.rpartition("version: ")[2].split("/")
    return parts[1] if len(parts) > 1 else "unknown"


def _output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
