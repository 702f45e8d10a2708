from pathlib import Path

import pytest
from unit.lab.fake_go import FakeGo
from weighbridge_lab.golang import find_go
from weighbridge_lab.tools import Tool, Toolbox

GO_MOD = """module example/helm

go 1.26.0

require helm.sh/helm/v4 v4.3.1 // indirect
"""
TOOLS = (
    Tool("helm", "helm", "example.org/helm/cmd/helm"),
    Tool("other", "helm", "example.org/helm/cmd/other"),
)


@pytest.fixture
def fake_go(tmp_path: Path) -> FakeGo:
    return FakeGo(tmp_path / "go bin")


@pytest.fixture
def toolbox(tmp_path: Path, fake_go: FakeGo) -> Toolbox:
    module = tmp_path / "modules" / "helm"
    module.mkdir(parents=True)
    (module / "go.mod").write_text(GO_MOD)
    (module / "go.sum").write_text("helm.sh/helm/v4 v4.3.1 h1:=\n")
    go = find_go([module / "go.mod"], str(fake_go.folder))
    return Toolbox(go, tmp_path / "cache", module.parent, TOOLS)
