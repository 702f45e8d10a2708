from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from queue import Queue

import pytest
from unit.lab.fake_go import WHOLE
from weighbridge_lab.builds import build, prune
from weighbridge_lab.errors import CommandError, LabError
from weighbridge_lab.reports import Lines


class Told:
    """A report that others can wait for."""

    def __init__(self):
        self.lines = Queue()

    def line(self, text):
        self.lines.put(text)

    @contextmanager
    def running(self, text):
        self.lines.put(text)
        yield


@pytest.fixture
def threads():
    with ThreadPoolExecutor() as executor:
        yield executor


def names(built):
    return [each.tool.name for each in built]


def left(toolbox):
    return sorted(file.name for file in toolbox.folder("helm").iterdir() if file.name != ".lock")


def test_tool_is_built_once_and_found_ever_after(toolbox, fake_go):
    assert names(build(toolbox, ["helm"], Told())) == ["helm"]
    assert toolbox.path("helm").read_text() == WHOLE
    assert build(toolbox, ["helm"], Told()) == []
    assert len(fake_go.calls) == 1


def test_build_is_stamped_and_reproducible(toolbox, fake_go):
    build(toolbox, ["helm"], Told())
    (call,) = fake_go.calls
    assert call.startswith("build -trimpath -buildvcs=false -ldflags -s -w -X ")
    assert "helm.sh/helm/v4/internal/version.version=v4.3.1" in call
    assert call.endswith(" example.org/helm/cmd/helm")


def test_changed_sum_is_built_anew_and_the_old_build_left_alone(toolbox, fake_go):
    build(toolbox, ["helm"], Told())
    old = toolbox.path("helm")
    (toolbox.modules / "helm" / "go.sum").write_text("other\n")
    build(toolbox, ["helm"], Told())
    assert toolbox.path("helm") != old
    assert old.exists()
    assert len(fake_go.calls) == 2


def test_half_written_binary_never_has_its_name(toolbox, fake_go, threads):
    fake_go.hold()
    building = threads.submit(build, toolbox, ["helm"], Told())
    held = fake_go.until_held()
    try:
        (unfinished,) = left(toolbox)
        assert (toolbox.folder("helm") / unfinished).read_text() == "half"
        with pytest.raises(LabError, match="not built"):
            toolbox.path("helm")
    finally:
        fake_go.release(held)
    assert names(building.result()) == ["helm"]
    assert left(toolbox) == ["helm"]


def test_failed_build_leaves_nothing_but_gos_words(toolbox, fake_go):
    fake_go.fail("undefined: nonsense")
    with pytest.raises(CommandError, match="undefined: nonsense"):
        build(toolbox, ["helm"], Told())
    assert left(toolbox) == []


def test_what_a_killed_build_left_is_thrown_away(toolbox):
    toolbox.folder("helm").mkdir(parents=True)
    (toolbox.folder("helm") / ".building-helm").write_text("remains of more than one half")
    build(toolbox, ["helm"], Told())
    assert toolbox.path("helm").read_text() == WHOLE
    assert left(toolbox) == ["helm"]


def test_two_builders_at_once_build_once(toolbox, fake_go, threads):
    fake_go.hold()
    first = threads.submit(build, toolbox, ["helm"], Told())
    held = fake_go.until_held()
    try:
        told = Told()
        second = threads.submit(build, toolbox, ["helm"], told)
        assert "waiting" in told.lines.get(timeout=20)
    finally:
        fake_go.release(held)
    assert names(first.result()) == ["helm"]
    assert names(second.result()) == []
    assert len(fake_go.calls) == 1


def test_unknown_name_builds_nothing(toolbox, fake_go):
    with pytest.raises(LabError, match="got 'hlem'"):
        build(toolbox, ["helm", "hlem"], Told())
    assert fake_go.calls == []


def test_plain_report_says_what_is_built_and_how_far_it_is(toolbox, capsys):
    build(toolbox, ["helm", "other"], Lines())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "building helm (1 of 2) …"
    assert lines[1].startswith("built helm (1 of 2) in ")
    assert lines[2] == "building other (2 of 2) …"
    assert len(lines) == 4


def test_prune_removes_other_keys_of_known_modules_alone(toolbox):
    build(toolbox, ["helm"], Told())
    old = replace(toolbox, go=replace(toolbox.go, target="go1.25.0 linux amd64"))
    build(old, ["helm"], Told())
    strange = toolbox.cache / "strange-0123456789ab"
    strange.mkdir()
    assert prune(toolbox) == [old.folder("helm")]
    assert toolbox.path("helm").exists()
    assert strange.exists()


def test_prune_lets_a_running_build_be(toolbox, fake_go, threads):
    old = replace(toolbox, go=replace(toolbox.go, target="go1.25.0 linux amd64"))
    fake_go.hold()
    building = threads.submit(build, old, ["helm"], Told())
    held = fake_go.until_held()
    try:
        assert prune(toolbox) == []
    finally:
        fake_go.release(held)
    assert names(building.result()) == ["helm"]
    assert old.path("helm").exists()
