"""Who hears of an alert, by amtool; and what silences what, by a real Alertmanager."""

import json
import subprocess
import urllib.request

import pytest
from charts.rendering import REPOSITORY
from envoy_rig.processes import Child
from envoy_rig.rig import wait_until
from weighbridge.local.ports import free_ports
from weighbridge_lab.programmes import TESTED_WITH, find_programme, require_programmes

CONFIG = REPOSITORY / "observability" / "alertmanager" / "alertmanager.yaml"


@pytest.fixture(scope="module", autouse=True)
def _programmes():
    require_programmes(TESTED_WITH)


def amtool(*words):
    return subprocess.run(
        [find_programme("amtool"), *words], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_configuration_is_sound():
    done = amtool("check-config", CONFIG)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_receiver_that_is_not_there_would_be_found(tmp_path):
    text = CONFIG.read_text(encoding="utf-8")
    wrong = tmp_path / "alertmanager.yaml"
    wrong.write_text(text.replace("receiver: models-pager", "receiver: model-pager"))

    done = amtool("check-config", wrong)

    assert done.returncode != 0
    assert 'undefined receiver "model-pager"' in done.stdout


@pytest.mark.parametrize(
    ("severity", "team", "receiver"),
    [
        ("critical", "platform", "platform-pager"),
        ("critical", "models", "models-pager"),
        ("warning", "platform", "platform-tickets"),
        ("warning", "models", "models-tickets"),
        # Others' alerts in the same Alertmanager.
        ("critical", "", "platform-pager"),
        ("info", "", "platform-tickets"),
    ],
)
def test_an_alert_reaches_those_whom_it_is_for(severity, team, receiver):
    labels = [f"severity={severity}", *([f"team={team}"] if team else [])]
    done = amtool(
        *("config", "routes", "test", f"--config.file={CONFIG}"),
        f"--verify.receivers={receiver}",
        *labels,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """A function: alerts in, names of those that are silenced by another out."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("alertmanager")
    words = [
        *(find_programme("prometheus-alertmanager"), f"--config.file={CONFIG}"),
        *(f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=",
    ]
    url = f"http://127.0.0.1:{port}"
    child = Child("alertmanager", words, folder, ready_url=f"{url}/-/ready")
    try:
        child.start()
        yield url
    finally:
        child.close()


def silenced(url, *alerts):
    """Post alerts; those of them that another one inhibits, once all are weighed; then end them."""
    # Alerts are weighed in their order: when the last is silenced, all before it have their state.
    last = [alert("GpuXid", Hostname="last"), alert("GpuHot", Hostname="last")]
    post(url, [*alerts, *last])
    try:
        wait_until(lambda: get(url).get(name_of(last[1])) == "suppressed", "the last is silenced")
        states = get(url)
        return {name_of(one) for one in alerts if states[name_of(one)] == "suppressed"}
    finally:
        post(url, [*alerts, *last], ends="2020-01-01T00:00:00Z")
        wait_until(lambda: not get(url), "all alerts have ended")


def name_of(labels):
    """Name of an alert, with what tells it from others of that name."""
    return "/".join(
        [labels["alertname"], *(labels[k] for k in ("pool", "Hostname") if k in labels)]
    )


def post(url, alerts, ends=None):
    body = [
        {"labels": labels, "startsAt": "2020-01-01T00:00:00Z", **({"endsAt": ends} if ends else {})}
        for labels in alerts
    ]
    request = urllib.request.Request(  # noqa: S310 - an own port
        f"{url}/api/v2/alerts",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310 - an own port
        pass


def get(url):
    with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as answer:  # noqa: S310
        found = json.load(answer)
    return {name_of(one["labels"]): one["status"]["state"] for one in found}


def alert(alertname, /, **labels):
    return {"alertname": f"Weighbridge{alertname}", "severity": "warning", **labels}


FAST = {"severity": "critical", "slo": "ttft"}
A, B = ({"namespace": "llm", "pool": pool} for pool in "ab")


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        (
            [alert("TtftBurnsFast", **FAST), alert("TtftBurnsSlowly", slo="ttft")],
            {"TtftBurnsSlowly"},
        ),
        ([alert("TtftBurnsFast", **FAST), alert("OverheadBurnsSlowly", slo="overhead")], set()),
        ([alert("TtftBurnsSlowly", slo="ttft"), alert("FailOpen")], set()),
        (
            [
                alert("RouterDown", severity="critical"),
                alert("FailOpen"),
                alert("ScoreDrift"),
                alert("OverheadBurnsFast", severity="critical", slo="overhead"),
                alert("AvailabilityBurnsFast", severity="critical", slo="availability"),
                alert("NotMeasured", slo="overhead"),
                alert("Restarts"),
            ],
            {"FailOpen", "ScoreDrift", "OverheadBurnsFast", "NotMeasured"},
        ),
        # That nobody measures availability is news, routers or not.
        (
            [
                alert("RouterDown", severity="critical"),
                alert("NotMeasured", slo="availability"),
            ],
            set(),
        ),
        (
            [alert("KvCacheFull", **A), alert("QueueSaturated", **A), alert("QueueSaturated", **B)],
            {"QueueSaturated/a"},
        ),
        (
            [
                alert("CanaryAborted", namespace="llm", name="a"),
                alert("CanaryStuck", namespace="llm", name="a"),
            ],
            {"CanaryStuck"},
        ),
        (
            [
                alert("CanaryAborted", namespace="llm", name="a"),
                alert("CanaryStuck", namespace="llm", name="b"),
            ],
            set(),
        ),
        (
            [
                alert("GpuXid", Hostname="n", gpu="0"),
                alert("GpuHot", Hostname="n", gpu="0"),
                alert("GpuThrottled", Hostname="n", gpu="1"),
            ],
            {"GpuHot/n"},
        ),
    ],
)
def test_what_follows_from_another_alert_is_silenced_and_nothing_else(
    alertmanager, alerts, expected
):
    assert silenced(alertmanager, *alerts) == {f"Weighbridge{name}" for name in expected}
