"""What the pages for model owners and operators show is what commands print and files hold."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from unit.canary import scenes
from unit.canary.test_screen import drawn
from weighbridge import cli

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"
OWNERS = (DOCS / "model-owners.md").read_text(encoding="utf-8")
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
GITOPS = (REPOSITORY / "rollouts" / "gitops" / "README.md").read_text(encoding="utf-8")
COMMAND = "$ weighbridge canary status gemma-small\n"


@pytest.mark.parametrize(("position", "scene"), [(0, "progressing"), (1, "aborted")])
def test_a_screen_on_the_page_is_what_the_command_prints(position, scene):
    screens = re.findall(rf"```console\n{re.escape(COMMAND)}(.+?)```", OWNERS, re.DOTALL)

    printed = "".join(f"{line.rstrip()}\n" for line in drawn(scenes.ALL[scene]()).splitlines())
    assert screens[position] == printed


def test_the_values_on_the_page_are_those_of_the_example():
    (shown,) = re.findall(r"```yaml\n(.+?)```", OWNERS, re.DOTALL)
    example = REPOSITORY / "rollouts" / "gitops" / "values" / "pools" / "gemma-small.yaml"

    assert shown in example.read_text(encoding="utf-8")
    assert len(yaml.safe_load(shown)) <= 10


def test_every_gate_of_the_chart_has_its_meaning_on_the_page():
    gates = yaml.safe_load((REPOSITORY / "rollouts/chart/files/gates.yaml").read_text("utf-8"))
    metrics = [metric["name"] for gate in gates.values() for metric in gate["metrics"]]

    assert [name for name in metrics if f'"{name}"' not in OWNERS] == []


def test_the_weights_on_the_page_are_those_of_the_preset():
    presets = yaml.safe_load((REPOSITORY / "rollouts/chart/files/presets.yaml").read_text("utf-8"))
    table = OWNERS[OWNERS.index("## The life of a canary") :].split("\n\n")[2]

    assert presets["standard"]["weights"] == [1, 5, 25, 50, 100]
    assert presets["standard"]["pauses"] == ["2m"]
    assert presets["standard"]["successes"] == 4
    assert [
        word
        for word in ("1 %", "5, 25, 50 %", "100 %", "two minutes", "four good")
        if word not in table
    ] == []


def test_options_on_the_pages_are_the_commands_own():
    said = (
        CliRunner().invoke(cli.app, ["canary", "status", "--help"], env={"COLUMNS": "200"}).stdout
    )
    used = re.findall(r"weighbridge canary status[^`\n]*?(--[a-z]+)", OWNERS + RUNBOOK + GITOPS)

    assert used
    assert [option for option in used if option not in said] == []


@pytest.mark.parametrize("text", [OWNERS, RUNBOOK], ids=["model-owners", "runbook"])
def test_links_within_the_pages_lead_somewhere(text):
    pages = {"": text, "runbook.md": RUNBOOK, "model-owners.md": OWNERS}
    for page, anchor in re.findall(r"\]\((|runbook\.md|model-owners\.md)#([^)]+)\)", text):
        assert anchor in {
            _slug(each) for each in re.findall(r"^#+ (.+)$", pages[page], re.MULTILINE)
        }


def _slug(heading):
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")
