from pathlib import Path

from weighbridge_lab.kubelet.container import Launch, bubblewrap
from weighbridge_lab.kubelet.filesystem import FileSystem
from weighbridge_lab.kubelet.sandbox import Sandbox

LAUNCH = Launch(
    command=["tool", "--flag"],
    env={"SECRET": "hush"},
    user=65532,
    group=7,
    hostname="pod",
    view=FileSystem(etc={}, binds={}, mounts=[], read_only=True),
    log=Path("log"),
)
WORDS = bubblewrap(LAUNCH, Sandbox("10.244.1.0", 42), 9)


def test_a_container_joins_its_pods_network_before_it_is_walled_in():
    assert WORDS[1] == "--net=/proc/42/ns/net"
    assert WORDS[2] == "--"
    assert WORDS[3].endswith("bwrap")


def test_a_container_has_a_user_of_its_own_and_no_capability():
    text = " ".join(WORDS)
    for part in ("--unshare-user", "--uid 65532 --gid 7", "--cap-drop ALL", "--unshare-pid"):
        assert part in text


def test_a_container_is_process_1_and_dies_with_the_kubelet():
    assert {"--as-pid-1", "--die-with-parent"} <= set(WORDS)


def test_the_command_comes_last_and_unaltered():
    assert WORDS[-3:] == ["--", "tool", "--flag"]


def test_variables_do_not_show_in_the_command_line():
    assert not [word for word in WORDS if "hush" in word]
