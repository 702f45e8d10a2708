"""Files that come with the modules of the tools: charts, custom resources, Envoy's bootstrap.

In: a Go and the tool modules. Out: paths into Go's own cache of modules, whose contents `go.sum`
pins; what is missing there is fetched. So a chart is always of the version of the binary it starts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge_lab.errors import LabError
from weighbridge_lab.tools import Toolbox

_ISTIO: Final = "istio.io/istio"
_GATEWAY_API: Final = "sigs.k8s.io/gateway-api"
_ROLLOUTS: Final = "github.com/argoproj/argo-rollouts"
_ISTIO_API: Final = "istio.io/api"
_ARGO_CD: Final = "github.com/argoproj/argo-cd/v3"
_KEDA: Final = "github.com/kedacore/keda/v2"
_PROMETHEUS_OPERATOR: Final = "github.com/prometheus-operator/prometheus-operator"
_PROMETHEUS_KINDS: Final = ("podmonitors", "prometheusrules", "servicemonitors")


@dataclass(frozen=True)
class ModuleFiles:
    """What the lab installs beside its own charts; all of it exists and is read-only.

    Attributes:
        istio_base: folder of Istio's chart `base`.
        istiod: folder of its chart `istiod`.
        istio_gateway: folder of its chart `gateway`.
        istio_cni: folder of its chart `cni`, which the lab does without.
        istio_crds: one file with all of Istio's custom resources.
        oldest_istio_crds: the same of the oldest Istio that the charts are for.
        envoy_bootstrap: the template that pilot-agent writes Envoy's bootstrap from.
        gateway_api_crds: of the Kubernetes Gateway API, standard channel; a file per resource.
        rollouts_crds: of Argo Rollouts.
        rollouts_install: all of Argo Rollouts, as its documentation has it applied.
        prometheus_crds: of the Prometheus operator, those that charts here make use of.
        keda_crds: of KEDA, likewise.
    """

    istio_base: Path
    istiod: Path
    istio_gateway: Path
    istio_cni: Path
    istio_crds: Path
    oldest_istio_crds: Path
    envoy_bootstrap: Path
    gateway_api_crds: tuple[Path, ...]
    rollouts_crds: tuple[Path, ...]
    rollouts_install: Path
    prometheus_crds: tuple[Path, ...]
    keda_crds: tuple[Path, ...]

    @property
    def crds(self) -> tuple[Path, ...]:
        """All files of custom resources."""
        of_metrics = (*self.prometheus_crds, *self.keda_crds)
        return (self.istio_crds, *self.gateway_api_crds, *self.rollouts_crds, *of_metrics)


def module_files(toolbox: Toolbox) -> ModuleFiles:
    """Return the files, fetched first where Go's cache lacks them.

    Raises:
        LabError: Go can't fetch a module, or one no longer has what is expected in it.
    """
    istio_modules = _folders(toolbox, "istio", _ISTIO, _GATEWAY_API)
    istio, gateway_api = istio_modules[_ISTIO], istio_modules[_GATEWAY_API]
    rollouts = _folders(toolbox, "kubernetes", _ROLLOUTS)[_ROLLOUTS]
    read_modules = _folders(toolbox, "manifests", _PROMETHEUS_OPERATOR, _ISTIO_API, _KEDA)
    operator, oldest_api = read_modules[_PROMETHEUS_OPERATOR], read_modules[_ISTIO_API]
    keda = read_modules[_KEDA] / "config" / "crd" / "bases"
    charts = istio / "manifests" / "charts"
    # Beside the Gateway API's resources lies a policy, *_vap_*: it guards upgrades, which none are.
    return ModuleFiles(
        istio_base=_present(charts / "base"),
        istiod=_present(charts / "istio-control" / "istio-discovery"),
        istio_gateway=_present(charts / "gateway"),
        istio_cni=_present(charts / "istio-cni"),
        istio_crds=_present(charts / "base" / "files" / "crd-all.gen.yaml"),
        oldest_istio_crds=_present(
            oldest_api / "kubernetes" / "customresourcedefinitions.gen.yaml"
        ),
        envoy_bootstrap=_present(istio / "tools" / "packaging" / "common" / "envoy_bootstrap.json"),
        gateway_api_crds=_matching(
            gateway_api / "config" / "crd" / "standard", "gateway.networking.k8s.io_[!v]*.yaml"
        ),
        rollouts_crds=_matching(rollouts / "manifests" / "crds", "*-crd.yaml"),
        rollouts_install=_present(rollouts / "manifests" / "install.yaml"),
        prometheus_crds=tuple(
            _present(
                operator / "example" / "prometheus-operator-crd" / f"monitoring.coreos.com_{k}.yaml"
            )
            for k in _PROMETHEUS_KINDS
        ),
        keda_crds=(_present(keda / "keda.sh_scaledobjects.yaml"),),
    )


def argo_cd_crds(toolbox: Toolbox) -> tuple[Path, ...]:
    """Return Argo CD's custom resources, which no lab installs: tests read their schemas.

    Raises:
        LabError: as `module_files` does.
    """
    argo_cd = _folders(toolbox, "manifests", _ARGO_CD)[_ARGO_CD]
    return _matching(argo_cd / "manifests" / "crds", "*-crd.yaml")


def _folders(toolbox: Toolbox, module: str, *paths: str) -> dict[str, Path]:
    return toolbox.go.module_folders(toolbox.modules / module, paths)


def _present(path: Path) -> Path:
    if not path.exists():
        raise LabError(f"expected {path} in its module, which has moved it: see module_files.py")
    return path


def _matching(folder: Path, pattern: str) -> tuple[Path, ...]:
    found = tuple(sorted(_present(folder).glob(pattern)))
    if not found:
        raise LabError(f"expected files such as {pattern} in {folder}, found none")
    return found
