import pytest
from unit.lab.kubelet.fakes import manifest
from weighbridge_lab.kubelet import interception
from weighbridge_lab.kubelet.errors import ImageError
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.interception import redirect, redirection
from weighbridge_lab.kubelet.sandbox import Sandbox

IMAGES = """
istio/proxyv2:
  entrypoint: [/usr/local/bin/pilot-agent]
  binds: {/usr/local/bin/pilot-agent: "{bin}/pilot-agent"}
agent-at-home:
  entrypoint: [/opt/pilot-agent]
"""
SAID = ["istio-iptables", "-p", "15001", "-u", "1337", "-x", "", "-d", "15090,15021"]
CHECKS = ["--run-validation", "--skip-rule-apply"]
MADE = ["istio-iptables", "-p", "15001", "-x", "", "-d", "15090,15021", "-u", "0", "-g", "0"]


@pytest.fixture
def images(tmp_path):
    (tmp_path / "pilot-agent").touch()
    (tmp_path / "images.yaml").write_text(IMAGES)
    return ImageTable(tmp_path / "images.yaml", {"bin": str(tmp_path)})


def injected(image="istio/proxyv2:1.31", name="istio-validation"):
    return manifest(initContainers=[{"name": name, "image": image, "args": [*SAID, *CHECKS]}])


def test_the_rules_are_those_that_the_pod_checks_with_root_for_the_proxys_user(images, tmp_path):
    assert redirection(injected(), images) == [str(tmp_path / "pilot-agent"), *MADE]


def test_a_programme_of_the_machine_is_run_where_it_lies(images):
    assert redirection(injected("agent-at-home"), images)[0] == "/opt/pilot-agent"


@pytest.mark.parametrize("pod", [manifest(), injected(name="migrate")], ids=["none", "another"])
def test_a_pod_without_a_proxy_is_left_alone(pod, images):
    assert redirection(pod, images) == []


def test_an_unknown_proxy_is_named(images):
    with pytest.raises(ImageError, match=r"the image docker\.io/other/proxy:1"):
        redirection(injected("docker.io/other/proxy:1"), images)


@pytest.mark.parametrize(("pod", "runs"), [(manifest(), 0), (injected(), 1)], ids=["none", "proxy"])
async def test_the_command_runs_in_the_pods_network(pod, runs, images, monkeypatch):
    ran = []

    async def run(argv, _text=""):
        ran.append(argv)

    monkeypatch.setattr(interception, "run", run)
    await redirect(pod, images, Sandbox("10.244.1.0", 71))
    assert [argv[:3] for argv in ran] == [["nsenter", "--net=/proc/71/ns/net", "--"]] * runs
    assert all(argv[3].endswith("pilot-agent") for argv in ran)
