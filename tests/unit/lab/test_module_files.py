import json

import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.module_files import argo_cd_crds, module_files

FILES = {
    "istio.io/istio": [
        "manifests/charts/base/files/crd-all.gen.yaml",
        "manifests/charts/istio-control/istio-discovery/Chart.yaml",
        "manifests/charts/gateway/Chart.yaml",
        "manifests/charts/istio-cni/Chart.yaml",
        "tools/packaging/common/envoy_bootstrap.json",
    ],
    "istio.io/api": ["kubernetes/customresourcedefinitions.gen.yaml"],
    "sigs.k8s.io/gateway-api": [
        "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
        "config/crd/standard/gateway.networking.k8s.io_vap_safeupgrades.yaml",
    ],
    "github.com/argoproj/argo-rollouts": [
        "manifests/crds/rollout-crd.yaml",
        "manifests/crds/kustomization.yaml",
        "manifests/install.yaml",
    ],
    "github.com/argoproj/argo-cd/v3": ["manifests/crds/application-crd.yaml"],
    "github.com/kedacore/keda/v2": ["config/crd/bases/keda.sh_scaledobjects.yaml"],
    "github.com/prometheus-operator/prometheus-operator": [
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("podmonitors", "prometheusrules", "servicemonitors", "thanosrulers")
    ],
}


@pytest.fixture
def modules(toolbox, fake_go, tmp_path):
    """Modules as Go would have fetched them; each call is answered with all of them."""
    for module, files in FILES.items():
        for file in files:
            path = tmp_path / "fetched" / module / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    answers = ({"Path": path, "Dir": str(tmp_path / "fetched" / path)} for path in FILES)
    fake_go.answer("\n".join(map(json.dumps, answers)))
    for folder in ("istio", "kubernetes", "manifests"):
        (toolbox.modules / folder).mkdir()
    return tmp_path / "fetched"


def test_every_path_exists(toolbox, modules):
    files = module_files(toolbox)
    charts = (files.istio_base, files.istiod, files.istio_gateway, files.istio_cni)
    files_alone = (files.envoy_bootstrap, files.oldest_istio_crds, files.rollouts_install)
    every = (*charts, *files_alone, *files.crds)
    assert all(path.exists() for path in every)
    assert all(path.is_relative_to(modules) for path in every)


@pytest.mark.usefixtures("modules")
def test_resources_of_argo_cd_are_read_but_not_installed(toolbox):
    (crd,) = argo_cd_crds(toolbox)

    assert crd.name == "application-crd.yaml"
    assert crd not in module_files(toolbox).crds


@pytest.mark.usefixtures("modules")
def test_resources_alone_are_among_the_resources(toolbox):
    names = sorted(path.name for path in module_files(toolbox).crds)
    assert names == [
        "crd-all.gen.yaml",
        "gateway.networking.k8s.io_httproutes.yaml",
        "keda.sh_scaledobjects.yaml",
        "monitoring.coreos.com_podmonitors.yaml",
        "monitoring.coreos.com_prometheusrules.yaml",
        "monitoring.coreos.com_servicemonitors.yaml",
        "rollout-crd.yaml",
    ]


@pytest.mark.parametrize(
    "moved",
    [
        "istio.io/istio/manifests/charts/gateway/Chart.yaml",
        "github.com/argoproj/argo-rollouts/manifests/crds/rollout-crd.yaml",
    ],
)
def test_file_that_a_module_moved_is_named(toolbox, modules, moved):
    (modules / moved).unlink()
    if moved.endswith("Chart.yaml"):
        (modules / moved).parent.rmdir()
    with pytest.raises(LabError, match="expected"):
        module_files(toolbox)
