import sys

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.__main__ import parse

FILES = ["--kubeconfig=k", "--state=s", "--nodes=n", "--images=i"]


def test_places_stand_for_this_machines_programmes(tmp_path):
    options = parse([*FILES, f"--binaries={tmp_path}", "--place=x=/y=z"])
    assert options.places["python"] == sys.executable
    assert options.places["bin"] == str(tmp_path)
    assert options.places["x"] == "/y=z"
    assert options.places["envoy"].endswith("/envoy/_bin/envoy")


def test_pauses_between_restarts_can_be_chosen():
    options = parse([*FILES, "--back-off=0.1", "--longest-back-off=2"])
    assert (options.back_off.base_s, options.back_off.most_s) == (0.1, 2.0)


def test_a_place_without_a_path_is_refused():
    with pytest.raises(LabError, match="--place: expected NAME=PATH, got x"):
        parse([*FILES, "--place=x"])
