import json
from pathlib import Path

import pytest
from weighbridge.local.pools import real, served_names, simulated
from weighbridge.settings import Settings

ALIASES = {"auto", "weighbridge/auto", "gpt-4o-mini", "gpt-4o"}


@pytest.mark.parametrize(("tier", "model"), [("small", "gemma-small"), ("large", "llama-large")])
def test_pool_answers_to_its_own_names_and_to_every_alias(tier, model):
    names = served_names(Settings(), tier)
    assert names[0] == model
    assert set(names) == {model, f"weighbridge/{tier}", *ALIASES}


def test_first_tier_is_the_quick_one():
    small, large = (simulated(Settings(), tier, 1).argv for tier in ("small", "large"))
    assert small[small.index("--ttft-ms") + 1] == "60"
    assert large[large.index("--itl-ms") + 1] == "25"


@pytest.mark.parametrize(("tier", "family"), [("small", "gemma"), ("large", "llama")])
def test_a_real_pool_serves_a_model_of_its_family_under_all_its_names(tmp_path, tier, family):
    spec = real(Settings(), tier, 9000, environment=tmp_path / "env", cache=tmp_path / "cache")

    model = Path(spec.argv[spec.argv.index("--model") + 1])
    assert json.loads((model / "config.json").read_text())["model_type"].startswith(family)
    assert {"auto", f"weighbridge/{tier}"} <= set(spec.argv)
    assert str(9000) in spec.argv
