"""Broken in each way that the troubleshooting page knows, the lab shows what the page says."""

import json
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from charts.rendering import REPOSITORY
from lab.asking import client_of, until_decided
from lab.pages import sessions, words
from weighbridge_lab.errors import LabError
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.issuer import Issuer
from weighbridge_lab.record import Record
from weighbridge_lab.waiting import until

PAGE = REPOSITORY / "docs" / "troubleshooting.md"
UNKNOWN_TO_ENVOY = PAGE.with_suffix("") / "unknown-to-envoy.yaml"
SESSIONS = sessions(PAGE)
WRONG_PORT = [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 8001}]
RIGHT_PORT = [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": "http"}]
WRONG = "ingressgateway"
ISSUER = Issuer("https://issuer.example.com")
PROXY_CONFIG = 'proxy-config() { python -m weighbridge_lab proxy-config "$@"; }'


@contextmanager
def mesh_with(lab, values):
    lab.install_mesh(values)
    try:
        yield
    finally:
        lab.install_mesh()


@contextmanager
def scaled_to_nothing(lab, namespace, name, replicas):
    scale = ("scale", f"deployment/{name}", "--namespace", namespace)
    lab.kubectl(*scale, "--replicas=0")
    try:
        yield
    finally:
        lab.kubectl(*scale, f"--replicas={replicas}")
        lab.until_ready()


@contextmanager
def wrong_port(lab):
    patch = ("patch", "service", "gemma-small", "--namespace", "llm", "--type=json", "--patch")
    lab.kubectl(*patch, json.dumps(WRONG_PORT))
    try:
        yield
    finally:
        lab.kubectl(*patch, json.dumps(RIGHT_PORT))


@contextmanager
def pruned_cluster(lab):
    lab.install_istiod({"env": {"PILOT_FILTER_GATEWAY_CLUSTER_CONFIG": "true"}})
    try:
        yield
    finally:
        lab.install_istiod()


@contextmanager
def no_filter(lab):
    lab.kubectl("delete", "envoyfilter", "weighbridge-mesh", "--namespace", INGRESS)
    try:
        yield
    finally:
        lab.install_mesh()


@contextmanager
def refused_by_envoy(lab):
    lab.apply(UNKNOWN_TO_ENVOY.read_text(encoding="utf-8"))
    try:
        yield
    finally:
        lab.kubectl("delete", "--filename", str(UNKNOWN_TO_ENVOY))


@contextmanager
def refused_settings(lab):
    settings = lab.get("configmap", "weighbridge-router", "weighbridge")
    text = settings["data"]["settings.yaml"]
    assert "threshold: 0.5\n" in text
    settings["data"]["settings.yaml"] = text.replace("threshold: 0.5\n", "threshold: 7\n")
    kept = ("name", "namespace", "labels", "annotations")
    settings["metadata"] = {key: settings["metadata"][key] for key in kept}
    # As Helm, which would else find somebody else's hand in it at the next upgrade.
    lab.kubectl(
        *("apply", "--server-side", "--field-manager=helm", "--force-conflicts", "-f", "-"),
        text=json.dumps(settings),
    )
    try:
        yield
    finally:
        lab.install_router()


STATES = {
    "nothing": lambda _: nullcontext(),
    "no-route": lambda lab: mesh_with(lab, {"hosts": ["llm.example.com"]}),
    "no-listener": lambda lab: mesh_with(lab, {"gateway": {"selector": {"istio": WRONG}}}),
    "tokens": lambda lab: mesh_with(
        lab, {"jwt": {"enabled": True, "issuer": ISSUER.name, "jwks": ISSUER.jwks}}
    ),
    "empty-pool": lambda lab: scaled_to_nothing(lab, "llm", "gemma-small", 1),
    "router-away": lambda lab: scaled_to_nothing(lab, "weighbridge", "weighbridge-router", 2),
    "wrong-port": wrong_port,
    "pruned-cluster": pruned_cluster,
    "no-filter": no_filter,
    "refused-by-envoy": refused_by_envoy,
    "refused-settings": refused_settings,
}


@pytest.fixture(scope="module")
def shell(lab):
    """Run a command as the page's reader would in the lab; returns what it printed."""
    Record.of(lab).write()
    environment = {
        **lab.cluster.env,
        "PATH": f"{Path(sys.executable).parent}:{lab.cluster.env['PATH']}",
        "GATEWAY": lab.gateway,
        "WEIGHBRIDGE_LAB": str(lab.cluster.layout.state),
    }

    def run(command):
        script = f"{words(PAGE)}\n{PROXY_CONFIG}\n{command}\n"
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
        return ran.stdout

    return run


@pytest.mark.parametrize("state", STATES)
def test_the_page_shows_what_is_seen(lab, shell, state):
    with STATES[state](lab):
        for session in SESSIONS[state]:
            until_agreed(shell, session)
    with client_of(lab.gateway) as client:
        until_decided(client, ("small", "score"))


def test_the_page_speaks_of_every_state_and_of_no_other():
    assert set(SESSIONS) == set(STATES)


def test_the_lab_s_way_to_ask_envoy_is_the_page_s():
    assert PROXY_CONFIG in PAGE.read_text(encoding="utf-8")


def until_agreed(shell, session):
    """Run a command until it prints what the page says: a change takes a while to be seen."""
    printed = []

    def look():
        printed.append(shell(session.command))
        return session.agrees_with(printed[-1])

    try:
        until(session.command, look, timeout_s=60)
    except LabError as error:
        said = "\n".join(session.printed)
        raise AssertionError(f"{error}\nthe page:\n{said}\nprinted:\n{printed[-1]}") from None
