"""`up --observe`: what Prometheus is told, and what is said where it can't be started."""

import socket
import stat

import pytest
import yaml
from weighbridge.errors import LocalError
from weighbridge.local.observer import observer_specs
from weighbridge.local.plan import UpOptions, make_plan
from weighbridge.local.ports import LOOPBACK, free_ports
from weighbridge.local.rules import PACKAGED


@pytest.fixture
def planned(tmp_path):
    """Make a plan with options over those that observe."""

    def make(**options):
        port, prometheus = free_ports(2)
        given = {"port": port, "prometheus_port": prometheus, "observe": True, **options}
        return make_plan(UpOptions(run_dir=tmp_path / "run", **given))

    return make


@pytest.fixture
def programmes(tmp_path, monkeypatch):
    """Put scripts on an empty search path: exit status and what each says, by name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name, status=0, says=""):
        path = folder / name
        path.write_text(f"#!/bin/sh\necho '{says}' >&2\nexit {status}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def configured(plan):
    return yaml.safe_load((plan.run_dir / "prometheus.yaml").read_text())


def test_all_of_the_run_is_scraped_under_the_labels_that_rules_want(planned, programmes):
    programmes("prometheus")
    plan = planned()

    (spec,) = observer_specs(plan)
    jobs = {job["job_name"]: job for job in configured(plan)["scrape_configs"]}
    targets = {
        name: [(one["targets"], one["labels"]) for one in job.get("static_configs", ())]
        for name, job in jobs.items()
    }

    assert targets == {
        "router": [([f"{LOOPBACK}:{plan.metrics_port}"], {})],
        "gateway": [([f"{LOOPBACK}:{plan.admin_port}"], {})],
        "meter": [([f"{LOOPBACK}:{plan.meter.metrics}"], {})],
        "pools": [
            ([f"{LOOPBACK}:{port}"], {"pool": tier, "tier": tier})
            for tier, port in plan.pool_ports.items()
        ],
        "others": [],
    }
    assert jobs["gateway"]["metrics_path"] == "/stats/prometheus"
    assert configured(plan)["rule_files"] == [f"{PACKAGED}/*.rules.yaml"]
    assert plan.targets.is_dir()
    assert f"--web.listen-address={LOOPBACK}:{plan.observer.port}" in spec.argv


def test_observing_implies_the_meter_and_is_said_in_the_addresses(planned, programmes):
    programmes("prometheus")
    plan = planned()

    assert plan.meter is not None
    assert plan.described({})["prometheus"] == f"http://{LOOPBACK}:{plan.observer.port}"
    assert plan.addresses.top == f"weighbridge top --prometheus {plan.addresses.prometheus}"


def test_without_it_there_is_no_prometheus(planned):
    plan = planned(observe=False)

    assert observer_specs(plan) == []
    assert plan.described({})["prometheus"] is plan.described({})["targets"] is None
    assert plan.addresses.top is None


def test_where_prometheus_is_not_installed_it_says_what_to_install(planned, programmes):
    assert programmes
    with pytest.raises(LocalError, match=r"no command `prometheus` on PATH\. Install it"):
        planned()


def test_a_taken_port_is_named_with_the_option_that_chooses_another(planned, programmes):
    programmes("prometheus")
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(LocalError, match=f"port {port} is in use.*--prometheus-port"):
            planned(prometheus_port=port)


def test_a_faulty_rule_is_told_in_promtools_words_and_nothing_is_written(
    planned, programmes, tmp_path
):
    programmes("prometheus")
    programmes("promtool", 1, "  /r/x.rules.yaml: 3:9: group g, rule 1: no expression")

    with pytest.raises(LocalError) as raised:
        planned()

    assert "a rule is faulty, and nothing was started\n  /r/x.rules.yaml: 3:9:" in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_rules_is_no_folder_of_rules(planned, programmes, tmp_path):
    programmes("prometheus")
    with pytest.raises(LocalError, match=r"--rules: expected a folder with files \*\.rules\.yaml"):
        planned(rules=tmp_path)


def test_rules_without_a_prometheus_are_a_mistake(planned, tmp_path):
    with pytest.raises(LocalError, match="want --observe"):
        planned(observe=False, rules=tmp_path)
