"""Flux's examples, as far as one can tell without Flux: names fit together, and order is kept.

The module proxy does not serve Flux's helm-controller, so there is no schema to hold them against.
"""

import pytest
import yaml
from charts.gitops.test_argo_cd import APPS, GITOPS, POOLS, application
from charts.rendering import REPOSITORY

RELEASES = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(GITOPS.glob("flux/*.yaml"))
    if path.stem != "source"
}
SOURCE = yaml.safe_load((GITOPS / "flux" / "source.yaml").read_text(encoding="utf-8"))
KUSTOMIZATION = yaml.safe_load((GITOPS / "kustomization.yaml").read_text(encoding="utf-8"))


def test_the_kustomization_holds_every_file():
    files = {str(path.relative_to(GITOPS)) for path in GITOPS.glob("flux/*.yaml")}

    assert set(KUSTOMIZATION["resources"]) == files


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_each_release_has_its_chart_its_source_and_its_values(release):
    spec, metadata = release["spec"], release["metadata"]
    chart = spec["chart"]["spec"]
    (values,) = spec["valuesFrom"]

    assert (release["apiVersion"], release["kind"]) == ("helm.toolkit.fluxcd.io/v2", "HelmRelease")
    assert (REPOSITORY / chart["chart"] / "Chart.yaml").is_file()
    assert chart["sourceRef"] == {
        "kind": SOURCE["kind"],
        **{k: SOURCE["metadata"][k] for k in ("name", "namespace")},
    }
    (made,) = (m for m in KUSTOMIZATION["configMapGenerator"] if m["name"] == values["name"])
    assert made["namespace"] == metadata["namespace"]
    key, _, file = made["files"][0].partition("=")
    assert (key, (GITOPS / file).is_file()) == (values["valuesKey"], True)


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_drift_is_left_to_argo_rollouts(release):
    assert release["spec"]["driftDetection"] == {"mode": "disabled"}


def test_what_is_named_comes_before_what_names_it():
    def needs(name):
        return {each["name"] for each in RELEASES[name]["spec"].get("dependsOn", ())}

    assert needs("mesh") == {"weighbridge-router", *POOLS}
    assert needs("rollouts") == {"weighbridge-mesh"}


def test_flux_and_argo_cd_install_the_same_releases_into_the_same_namespaces():
    argo = set()
    for path in APPS:
        spec = application(path.stem)["spec"]
        name = spec["sources"][0]["helm"]["releaseName"]
        names = [name.replace("{{ .pool }}", pool) for pool in POOLS] if "{" in name else [name]
        argo |= {(each, spec["destination"]["namespace"]) for each in names}

    flux = {(r["spec"]["releaseName"], r["metadata"]["namespace"]) for r in RELEASES.values()}
    assert flux == argo
