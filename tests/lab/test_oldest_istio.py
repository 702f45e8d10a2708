"""What can be said of Istio 1.27, the oldest that the charts are for, without its istiod.

Its custom resources come from its own module: every object is really applied to a cluster that has
these and no others, so no field can be younger. And the lab's istiod is asked to behave like it.
"""

import pytest
import yaml
from charts.rendering import MESH_CHART, ROUTER_CHART, chart_name, render, scenarios
from envoy_rig.requests import EASY, HARD
from lab.asking import client_of, until_decided
from weighbridge_lab.builds import build
from weighbridge_lab.cluster import Cluster
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import apply, apply_files, install
from weighbridge_lab.module_files import module_files
from weighbridge_lab.reports import report
from weighbridge_lab.tools import project_toolbox

NEEDED = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "helm",
)
NAMESPACES = ("istio-ingress", "weighbridge", "llm", "code")
RELEASED_INTO = {MESH_CHART: "istio-ingress", ROUTER_CHART: "weighbridge"}
SCENARIOS = [
    pytest.param(chart, path, id=f"{chart.parent.name}-{name}")
    for chart in RELEASED_INTO
    for name, path in scenarios(chart).items()
]
OURS = "all,cm,sa,pdb,netpol,gtw,vs,dr,se,envoyfilters.networking.istio.io,pa,ap,ra,telemetry"


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A cluster with the oldest custom resources, whose only node takes no pod."""
    toolbox = project_toolbox()
    build(toolbox, NEEDED, report())
    folder = tmp_path_factory.mktemp("bare")
    (folder / "nodes.yaml").write_text('[{name: full, capacity: {pods: "0"}}]')
    binaries = {name: toolbox.path(name) for name in NEEDED}
    cluster = Cluster(folder / "state", binaries, nodes=folder / "nodes.yaml")
    cluster.start()
    try:
        files = module_files(toolbox)
        crds = [files.oldest_istio_crds, *files.gateway_api_crds, *files.prometheus_crds]
        apply_files(cluster, crds)
        cluster.run("kubectl", "wait", "--for=condition=Established", "crd", "--all")
        apply(cluster, [namespace(name) for name in NAMESPACES])
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def like_the_oldest(lab):
    """An istiod that behaves like the oldest Istio, for one test."""
    lab.install_istiod({"compatibilityVersion": "1.27"})
    yield
    lab.install_istiod()


def namespace(name):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@pytest.mark.parametrize(("chart", "values"), SCENARIOS)
def test_every_object_of_a_scenario_is_taken(bare, chart, values):
    rendering = render(chart, values, name="tried", namespace=RELEASED_INTO[chart])

    told = bare.run(
        *("kubectl", "apply", "--server-side", "--force-conflicts", "--validate=strict"),
        *("-f", "-"),
        text=rendering.text,
    )

    assert told.count("serverside-applied") == len(rendering.documents) > 0


def test_a_field_that_only_a_younger_istio_has_is_refused(bare):
    rendering = render(MESH_CHART, name="tried", namespace="istio-ingress")
    rule = rendering.one("DestinationRule", "tried-weighbridge-mesh-small")
    rule["spec"]["trafficPolicy"]["connectionPool"]["http"]["http2KeepAlive"] = {"interval": "9s"}

    with pytest.raises(CommandError, match=r"http2KeepAlive: field not declared in schema"):
        apply(bare, [rule])


@pytest.mark.parametrize("chart", RELEASED_INTO, ids=["mesh", "router"])
def test_a_release_that_is_uninstalled_leaves_nothing(bare, chart):
    name, into = f"gone-{chart_name(chart)}", RELEASED_INTO[chart]
    install(bare, name, chart, into)
    selector = ("--selector", f"app.kubernetes.io/instance={name}")
    look = ("kubectl", "get", OURS, "--all-namespaces", *selector, "--output", "name")
    assert bare.run(*look)

    bare.run("helm", "uninstall", name, "--namespace", into, "--wait")

    assert not yaml.safe_load(bare.run(*look))


@pytest.mark.usefixtures("like_the_oldest")
@pytest.mark.parametrize(
    ("prompt", "tier"), [(EASY, "small"), (HARD, "large")], ids=["easy", "hard"]
)
def test_prompts_are_routed_by_an_istiod_that_behaves_like_it(lab, prompt, tier):
    with client_of(lab.gateway) as client:
        until_decided(client, (tier, "score"), text=prompt)
