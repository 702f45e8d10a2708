import pytest
from weighbridge_lab import programmes
from weighbridge_lab.errors import LabError
from weighbridge_lab.programmes import (
    PROGRAMMES,
    TESTED_WITH,
    find_programme,
    missing_programmes,
    packages,
    require_programmes,
)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with nothing on it; returns what puts a programme there."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(programmes, "_SYSTEM_FOLDERS", (str(tmp_path / "sbin"),))

    def add(name, folder="bin"):
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o755)
        return str(path)

    return add


def test_all_that_is_missing_is_named_with_one_command_to_install_it(machine):
    machine("bwrap")
    machine("ip", "sbin")
    with pytest.raises(LabError) as raised:
        require_programmes()
    message = str(raised.value)
    assert "iptables (addresses of Services)" in message
    assert "`apt-get install curl iptables prometheus util-linux`" in message
    assert "bwrap" not in message
    assert "\n" not in message


def test_machine_that_has_them_all_is_let_through(machine):
    for programme in PROGRAMMES:
        machine(programme.name)
    assert missing_programmes() == ()
    require_programmes()


def test_programmes_outside_a_users_path_are_found(machine):
    assert find_programme("ip") is None
    where = machine("ip", "sbin")
    assert find_programme("ip") == where


@pytest.mark.usefixtures("machine")
def test_package_of_two_programmes_is_named_once():
    assert packages(missing_programmes()) == [
        "bubblewrap",
        "curl",
        "iproute2",
        "iptables",
        "prometheus",
        "util-linux",
    ]


def test_what_tests_want_beside_the_lab_is_no_need_of_the_lab(machine):
    for programme in PROGRAMMES:
        machine(programme.name)
    require_programmes()

    with pytest.raises(LabError, match="`apt-get install prometheus prometheus-alertmanager`"):
        require_programmes(TESTED_WITH)
