"""The script that runs in LiteLLM's environment, with a stand-in for its class."""

import io
import json
import sys
from types import ModuleType, SimpleNamespace

import pytest
from weighbridge_training import litellm_worker


class Router:
    """Scores by length, as `ComplexityRouter` would by its rules."""

    def __init__(self, _name, _ctx, complexity_router_config=None, *, derive_savings_baseline):
        assert not derive_savings_baseline
        self.trained = bool(complexity_router_config)

    def classify(self, text):
        assert not self.trained
        return "SIMPLE", len(text) / 10, []

    def _classify_with_heuristic_v2(self, text):
        assert self.trained
        return SimpleNamespace(
            heuristic_v2_forecast={"probabilities": {"SIMPLE": 1 - len(text) / 100}}
        )


@pytest.fixture
def litellm(monkeypatch):
    name = "litellm"
    for part in ("", ".router_strategy", ".complexity_router", ".complexity_router"):
        name += part
        module = ModuleType(name)
        module.ComplexityRouter = Router
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("litellm")
def test_each_line_gets_its_scores_and_times():
    out = io.StringIO()

    litellm_worker.main(io.StringIO('"abcde"\n"ż\\n"\n'), out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line[0] for line in lines] == [0.5, 0.2]
    assert [line[2] for line in lines] == pytest.approx([0.05, 0.02])
    assert all(line[1] >= 0 and line[3] >= 0 for line in lines)
