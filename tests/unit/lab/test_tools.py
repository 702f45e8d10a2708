import re
from dataclasses import replace
from pathlib import Path

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.golang import Go
from weighbridge_lab.tools import (
    MODULES_FOLDER,
    STAMPS,
    TOOLS,
    Toolbox,
    default_cache,
    pinned_version,
)


@pytest.mark.parametrize("name", ["go.sum", "go.mod"])
def test_key_changes_with_the_pins(toolbox, name):
    before = toolbox.key("helm")
    file = toolbox.modules / "helm" / name
    file.write_text(f"{file.read_text()}// changed\n")
    assert toolbox.key("helm") != before


def test_key_changes_with_a_source_of_the_module_s_own(toolbox):
    before = toolbox.key("helm")
    (toolbox.modules / "helm" / "main.go").write_text("package main\n")
    assert toolbox.key("helm") != before


def test_key_changes_with_go(toolbox):
    other = replace(toolbox, go=replace(toolbox.go, target="go1.26.9 linux amd64"))
    assert other.key("helm") != toolbox.key("helm")


def test_key_changes_with_the_stamps(toolbox, monkeypatch):
    before = toolbox.key("helm")
    monkeypatch.setitem(STAMPS, "helm", ())
    assert toolbox.key("helm") != before


def test_key_says_its_module_and_stays_the_same(toolbox):
    assert re.fullmatch(r"helm-[0-9a-f]{12}", toolbox.key("helm"))
    assert toolbox.key("helm") == replace(toolbox).key("helm")


def test_tool_that_is_not_built_names_the_command(toolbox):
    with pytest.raises(LabError, match=r"helm is not built: run `make lab-tools`"):
        toolbox.path("helm")


def test_unknown_tool_is_answered_with_the_known_ones(toolbox):
    with pytest.raises(LabError, match=r"\(helm, other\), got 'hlem'"):
        toolbox.path("hlem")


def test_version_is_read_where_it_is_pinned_however_it_is_written():
    go_mod = "require a.org/x v1.2.3\nrequire (\n\ta.org/x/y v2.0.0 // indirect\n)\n"
    assert pinned_version(go_mod, "a.org/x") == "v1.2.3"
    assert pinned_version(go_mod, "a.org/x/y") == "v2.0.0"
    with pytest.raises(LabError, match=r"expected go.mod to require a.org/z"):
        pinned_version(go_mod, "a.org/z")


def test_cache_follows_the_users_choice(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache() == Path("/elsewhere/weighbridge/lab-tools")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "weighbridge" / "lab-tools"


def test_kubernetes_says_the_version_that_go_mod_pins(tmp_path):
    toolbox = Toolbox(Go(tmp_path / "go", "go1.26.0"), tmp_path)
    go_mod = (MODULES_FOLDER / "kubernetes" / "go.mod").read_text()
    version = pinned_version(go_mod, "k8s.io/kubernetes")
    minor = version.split(".")[1]
    flags = toolbox.linker_flags("kubernetes").split()
    prefix = "k8s.io/component-base/version"
    assert {f"{prefix}.gitVersion={version}", f"{prefix}.gitMinor={minor}"} < set(flags)
    assert f"{prefix}.gitMajor=1" in flags


@pytest.mark.parametrize("module", sorted({tool.module for tool in TOOLS}))
def test_every_tool_is_a_tool_of_its_module_and_the_other_way_round(module):
    go_mod = (MODULES_FOLDER / module / "go.mod").read_text()
    block = re.search(r"^tool \((.*?)^\)", go_mod, re.MULTILINE | re.DOTALL)
    declared = block[1].split() if block else re.findall(r"^tool (\S+)$", go_mod, re.MULTILINE)
    # A programme whose source lies here is the module's own, and no tool of Go's.
    own = ["."] if list((MODULES_FOLDER / module).glob("*.go")) else []
    packages = sorted(tool.package for tool in TOOLS if tool.module == module)
    assert sorted([*declared, *own]) == packages


def test_every_module_has_sums():
    modules = {file.parent for file in MODULES_FOLDER.glob("*/go.mod")}
    assert modules == {file.parent for file in MODULES_FOLDER.glob("*/go.sum")}
    assert {tool.module for tool in TOOLS} < {folder.name for folder in modules}
