"""LiteLLM's configuration and process: what it is asked by, what it asks, what it may see."""

from pathlib import Path

import pytest
import yaml
from weighbridge.bench.peers.litellm import LARGE, MODEL, SMALL, configuration, litellm_spec
from weighbridge.errors import LocalError
from weighbridge.local.supervisor import Supervisor


def models():
    return {
        each["model_name"]: each["litellm_params"]
        for each in yaml.safe_load(configuration(1234))["model_list"]
    }


def test_the_name_that_clients_ask_for_is_its_complexity_router():
    params = models()[MODEL]

    assert params["model"] == "auto_router/complexity_router"
    tiers = params["complexity_router_config"]["tiers"]
    assert set(tiers) == {"SIMPLE", "MEDIUM", "COMPLEX", "REASONING"}
    assert set(tiers.values()) == {SMALL, LARGE}


def test_each_model_has_a_path_of_its_own_at_the_same_pool():
    bases = {name: models()[name]["api_base"] for name in (SMALL, LARGE)}

    assert bases == {
        SMALL: "http://127.0.0.1:1234/small/v1",
        LARGE: "http://127.0.0.1:1234/large/v1",
    }


def test_no_key_is_needed():
    settings = yaml.safe_load(configuration(1))["general_settings"]

    assert settings == {"dangerously_permit_weak_or_unset_master_key": True}


def test_it_sees_none_of_the_variables_around_it(monkeypatch):
    monkeypatch.setenv("LITELLM_MASTER_KEY", "secret")
    spec = litellm_spec(Path("/env/python"), Path("/run/litellm.yaml"), 1)

    assert spec.argv[:2] == ("env", "-i")
    assert "LITELLM_LOCAL_MODEL_COST_MAP=True" in spec.argv
    assert not any("secret" in word for word in spec.argv)
    assert spec.env == {}


async def test_one_that_does_not_start_is_told_with_the_end_of_its_log(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no module named fastapi >&2\nexit 3\n")
    python.chmod(0o755)
    spec = litellm_spec(python, tmp_path / "litellm.yaml", 1)

    async with Supervisor(tmp_path / "run", lambda _: None) as supervisor:
        with pytest.raises(LocalError, match=r"(?s)status 3 before.*no module named fastapi"):
            await supervisor.start(spec)
