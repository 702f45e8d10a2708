"""The description of the machine, from what its sources look like."""

import os

import msgspec
import pytest
from unit.bench.fakes import MACHINE
from weighbridge.bench import machine
from weighbridge.bench.machine import describe_machine


def stub(folder, script):
    path = folder / "envoy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_this_machine_is_described(tmp_path):
    envoy = stub(tmp_path, 'echo; echo "$0  version: 0123abc/1.40.0/Clean/RELEASE/BoringSSL"')

    described = describe_machine(envoy)

    assert described.envoy == "1.40.0"
    assert described.cores == len(os.sched_getaffinity(0))
    assert described.cpu


def test_an_envoy_of_unknown_version_is_still_measured(tmp_path):
    assert describe_machine(stub(tmp_path, "true")).envoy == "unknown"


def test_the_cpu_is_named_by_its_model():
    assert machine._cpu_model("processor\t: 0\nmodel name\t: AMD EPYC\n") == "AMD EPYC"


@pytest.mark.parametrize(("load", "busy"), [(0.9, False), (1.1, True)])
def test_half_the_cores_at_work_are_busy(load, busy):
    assert msgspec.structs.replace(MACHINE, cores=2, load=load).was_busy is busy
