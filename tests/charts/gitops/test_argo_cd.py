"""Argo CD's examples: of the right shape, whole, in order, and blind to what a canary writes."""

from functools import cache

import jq
import pytest
import yaml
from charts.gitops.argo import applied, compared, ignored, in_a_canary, in_an_experiment
from charts.gitops.schemas import faults, validators
from charts.rendering import MESH_CHART, REPOSITORY, render
from weighbridge_lab.module_files import argo_cd_crds
from weighbridge_lab.tools import project_toolbox

GITOPS = REPOSITORY / "rollouts" / "gitops"
WAVE = "argocd.argoproj.io/sync-wave"
FILES = [p for p in sorted(GITOPS.glob("argo-cd/**/*.yaml")) if p.name != "argocd-cm.yaml"]
APPS = sorted(GITOPS.glob("argo-cd/apps/*.yaml"))
POOLS = sorted(path.stem for path in GITOPS.glob("values/pools/*.yaml"))


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def application(name):
    """An Application, or the template of an ApplicationSet as one."""
    document = load(GITOPS / "argo-cd" / "apps" / f"{name}.yaml")
    return document["spec"]["template"] if document["kind"] == "ApplicationSet" else document


@cache
def rendered(name, pool=None):
    """What an Application's chart renders with its example values."""
    source = application(name)["spec"]["sources"][0]
    values = GITOPS / "values" / (f"pools/{pool}.yaml" if pool else f"{name}.yaml")
    namespace = application(name)["spec"]["destination"]["namespace"]
    release = source["helm"]["releaseName"].replace("{{ .pool }}", pool or "")
    return render(
        REPOSITORY / source["path"], values, name=release, namespace=namespace,
        settings=["checkCluster=false"] if name == "rollouts" else [],
    )  # fmt: skip


def written_by_a_canary():
    """Each object that a canary writes to: its Application, and itself as Git has it."""
    for pool in POOLS:
        yield "pools", rendered("pools", pool).one("Deployment", pool)
        for role in ("stable", "canary"):
            yield "pools", rendered("pools", pool).one("Service", f"{pool}-{role}")
        yield "rollouts", rendered("rollouts").one("Rollout", pool)
    yield "mesh", rendered("mesh").one("VirtualService")
    for tier in ("small", "large"):
        yield "mesh", rendered("mesh").one("DestinationRule", f"weighbridge-mesh-{tier}")


@pytest.fixture(scope="session")
def kinds():
    return validators(argo_cd_crds(project_toolbox()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_example_has_the_shape_of_argo_cds_own_resources(path, kinds):
    assert faults(load(path), kinds) == []


def test_a_misspelled_field_is_found(kinds):
    document = load(GITOPS / "argo-cd" / "apps" / "mesh.yaml")
    document["spec"]["ignoreDifference"] = document["spec"].pop("ignoreDifferences")

    assert faults(document, kinds) == [
        "$.spec: Additional properties are not allowed ('ignoreDifference' was unexpected)"
    ]


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_charts_and_values_that_are_named_are_there(path):
    spec = application(path.stem)["spec"]
    chart, values = spec["sources"]

    assert (REPOSITORY / chart["path"] / "Chart.yaml").is_file()
    (named,) = chart["helm"]["valueFiles"]
    for pool in POOLS:
        file = named.replace(f"${values['ref']}", str(GITOPS)).replace("{{ .pool }}", pool)
        assert (GITOPS / file).is_file()


def test_there_is_an_application_for_every_chart():
    charts = {application(path.stem)["spec"]["sources"][0]["path"] for path in APPS}

    assert charts == {
        str(p.parent.relative_to(REPOSITORY)) for p in REPOSITORY.glob("*/chart/Chart.yaml")
    }


def test_every_pool_with_values_has_an_element_and_a_rollout():
    pools = load(GITOPS / "argo-cd" / "apps" / "pools.yaml")["spec"]["generators"][0]["list"]

    assert sorted(each["pool"] for each in pools["elements"]) == POOLS
    assert sorted(load(GITOPS / "values" / "rollouts.yaml")["rollouts"]) == POOLS


def test_what_is_named_comes_before_what_names_it():
    waves = {p.stem: int(load(p)["metadata"]["annotations"][WAVE]) for p in APPS}

    assert max(waves["pools"], waves["router"]) < waves["mesh"] < waves["rollouts"]


def test_the_project_allows_what_the_applications_ask_for():
    project = load(GITOPS / "argo-cd" / "project.yaml")["spec"]
    specs = [load(GITOPS / "argo-cd" / "root.yaml")["spec"]]
    specs += [application(path.stem)["spec"] for path in APPS]

    for spec in specs:
        assert spec["destination"] in project["destinations"]
        for source in spec.get("sources") or [spec["source"]]:
            assert source["repoURL"] in project["sourceRepos"]


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_whatever_ignores_differences_also_respects_them(path):
    spec = application(path.stem)["spec"]
    options = spec["syncPolicy"].get("syncOptions", [])

    if any("jqPathExpressions" in rule for rule in spec["ignoreDifferences"]):
        assert {"RespectIgnoreDifferences=true", "ApplyOutOfSyncOnly=true"} <= set(options)
    assert not any("managedFieldsManagers" in rule for rule in spec["ignoreDifferences"])


@pytest.mark.parametrize("tier", ["small", "large"])
def test_a_canary_in_its_course_is_no_difference(tier):
    for name, wanted in written_by_a_canary():
        app, live = application(name), in_a_canary(wanted, tier, 25)

        assert live != wanted
        assert compared(app, live) == compared(app, wanted), (name, wanted["metadata"]["name"])


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule"])
def test_an_experiment_in_its_course_is_no_difference(kind):
    app = application("mesh")
    name = None if kind == "VirtualService" else "weighbridge-mesh-small"
    wanted = rendered("mesh").one(kind, name)

    live = in_an_experiment(wanted, "small", "gemma-small")

    assert live != wanted
    assert compared(app, live) == compared(app, wanted)


def test_every_expression_finds_something_that_a_canary_or_experiment_wrote():
    seen = {}
    for name, wanted in written_by_a_canary():
        live = in_a_canary(wanted, "small", 25)
        if wanted["kind"] in {"VirtualService", "DestinationRule"}:
            live = in_an_experiment(live, "small", "gemma-small")
        for expression in ignored(application(name), live):
            found = jq.compile(f"[paths] - (del({expression}) | [paths]) | length").input_value(
                live
            )
            seen[name, expression] = seen.get((name, expression), 0) + found.first()

    assert seen
    assert [key for key, count in seen.items() if not count and "paused" not in key[1]] == []


def test_the_expression_without_a_question_mark_fails_on_our_routes():
    service = rendered("mesh").one("VirtualService")

    with pytest.raises(ValueError, match="Cannot iterate over null"):
        jq.compile("del(.spec.http[].route[].weight)").input_value(service).first()


CHANGES = {
    "host": lambda http: http["fail-open"]["route"][0]["destination"].update(host="elsewhere"),
    "subset": lambda http: http["tier-small"]["route"][0]["destination"].update(subset="other"),
    "match": lambda http: http["tier-small"]["match"].clear(),
    "name": lambda http: http["tier-large"].update(name="tier-other"),
    "retries": lambda http: http["tier-large"].pop("retries"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_else_differs_is_still_a_difference(change):
    app, wanted = application("mesh"), rendered("mesh").one("VirtualService")
    live = in_a_canary(wanted, "small", 25)
    change({route["name"]: route for route in live["spec"]["http"]})

    assert compared(app, live) != compared(app, wanted)


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule"])
def test_a_sync_in_the_middle_of_a_canary_moves_nothing(kind):
    app = application("mesh")
    name = None if kind == "VirtualService" else "weighbridge-mesh-small"
    wanted = rendered("mesh").one(kind, name)
    live = in_a_canary(wanted, "small", 25)

    assert applied(app, wanted, live)["spec"] == live["spec"]


def test_a_change_of_routes_is_seen_and_not_applied_until_the_option_is_off():
    app, live = application("mesh"), rendered("mesh").one("VirtualService")
    changed = render(
        MESH_CHART, GITOPS / "values" / "mesh.yaml", name="weighbridge-mesh",
        namespace="istio-ingress", settings=["fallbackTier=small"],
    ).one("VirtualService")  # fmt: skip

    assert compared(app, changed) != compared(app, live)
    assert applied(app, changed, live)["spec"]["http"] == live["spec"]["http"]


def test_the_health_of_applications_is_what_waves_wait_for():
    data = load(GITOPS / "argo-cd" / "argocd-cm.yaml")["data"]

    assert "obj.status.health" in data["resource.customizations.health.argoproj.io_Application"]
