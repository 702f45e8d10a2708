"""The lab's programmes that are built from Go modules: which they are, and where they lie built.

In: the modules under ``tests/lab/tools``, whose ``go.mod`` pins a version and whose ``go.sum`` pins
every byte. (One has a ``main.go`` too: the collector is a library, whose parts a programme names.)
Out: paths of binaries. They are kept outside the tree, in a folder per module that is named after
all that decides what is built, so that a changed pin never meets an old binary. Nothing there is
precious: what is missing is built again, which `builds` does.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from weighbridge_lab.errors import LabError
from weighbridge_lab.golang import Go, find_go

MODULES_FOLDER: Final = Path(__file__).parents[1] / "tools"
_KEY_LENGTH: Final = 12


@dataclass(frozen=True)
class Stamp:
    """A string that the linker puts into a programme, for it to say as its version.

    Attributes:
        variable: the Go variable.
        module: whose version is meant, as `go.mod` requires it.
        form: {version} "v1.34.1", {bare} "1.34.1", {major} "1", {minor} "34".
    """

    variable: str
    module: str
    form: str


@dataclass(frozen=True)
class Tool:
    """A programme.

    Attributes:
        name: of the binary.
        module: the folder of the module that builds it.
        package: what `go build` is given.
    """

    name: str
    module: str
    package: str


TOOLS: Final = (
    Tool("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
    Tool("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Tool("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"),
    Tool("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Tool("kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl"),
    Tool(
        "rollouts-controller",
        "kubernetes",
        "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
    ),
    Tool(
        "kubectl-argo-rollouts",
        "kubernetes",
        "github.com/argoproj/argo-rollouts/cmd/kubectl-argo-rollouts",
    ),
    Tool("pilot-discovery", "istio", "istio.io/istio/pilot/cmd/pilot-discovery"),
    Tool("pilot-agent", "istio", "istio.io/istio/pilot/cmd/pilot-agent"),
    Tool("istioctl", "istio", "istio.io/istio/istioctl/cmd/istioctl"),
    Tool("prometheus-adapter", "adapter", "sigs.k8s.io/prometheus-adapter/cmd/adapter"),
    Tool("otelcol", "collector", "."),
    Tool("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
    Tool("kube-score", "lint", "github.com/zegl/kube-score/cmd/kube-score"),
)

STAMPS: Final = {
    # Clients of an API server that calls itself v0.0.0 misbehave.
    "kubernetes": (
        Stamp("k8s.io/component-base/version.gitVersion", "k8s.io/kubernetes", "{version}"),
        Stamp("k8s.io/component-base/version.gitMajor", "k8s.io/kubernetes", "{major}"),
        Stamp("k8s.io/component-base/version.gitMinor", "k8s.io/kubernetes", "{minor}"),
        Stamp("k8s.io/client-go/pkg/version.gitVersion", "k8s.io/kubernetes", "{version}"),
        Stamp(
            "github.com/argoproj/argo-rollouts/utils/version.version",
            "github.com/argoproj/argo-rollouts",
            "{bare}",
        ),
    ),
    # The pin with its "v": istiod takes a proxy whose version it can't parse for a current one.
    "istio": (Stamp("istio.io/istio/pkg/version.buildVersion", "istio.io/istio", "{version}"),),
    "helm": (Stamp("helm.sh/helm/v4/internal/version.version", "helm.sh/helm/v4", "{version}"),),
    "lint": (Stamp("main.version", "github.com/zegl/kube-score", "{version}"),),
}


@dataclass(frozen=True)
class Toolbox:
    """Tools, and the folder that holds them built.

    Attributes:
        go: builds them.
        cache: holds a folder per key.
        modules: holds a folder with `go.mod` and `go.sum` per module.
        tools: the table.
    """

    go: Go
    cache: Path
    modules: Path = MODULES_FOLDER
    tools: Sequence[Tool] = TOOLS

    def find(self, name: str) -> Tool:
        """Return the tool of a name.

        Raises:
            LabError: there is none.
        """
        for tool in self.tools:
            if tool.name == name:
                return tool
        known = ", ".join(tool.name for tool in self.tools)
        raise LabError(f"expected one of the lab's tools ({known}), got {name!r}")

    def key(self, module: str) -> str:
        """Name all that decides what comes out of a module: sources, versions, flags and Go."""
        folder = self.modules / module
        sources = sorted(path.name for path in folder.glob("*.go"))
        parts = [(folder / name).read_bytes() for name in ("go.mod", "go.sum", *sources)]
        parts += [self.linker_flags(module).encode(), self.go.target.encode()]
        digest = hashlib.sha256(b"\0".join(parts)).hexdigest()
        return f"{module}-{digest[:_KEY_LENGTH]}"

    def folder(self, module: str) -> Path:
        """Return where a module's binaries lie once they are built."""
        return self.cache / self.key(module)

    def binary(self, tool: Tool) -> Path:
        """Return where a tool lies once it is built."""
        return self.folder(tool.module) / tool.name

    def linker_flags(self, module: str) -> str:
        """Return what `go build -ldflags` is given: no debug information, and the stamps."""
        text = (self.modules / module / "go.mod").read_text(encoding="utf-8")
        stamps = (
            f"-X {stamp.variable}={_stamped(text, stamp)}" for stamp in STAMPS.get(module, ())
        )
        return " ".join(["-s", "-w", *stamps])

    def path(self, name: str) -> Path:
        """Return a tool that is built.

        Raises:
            LabError: it isn't.
        """
        binary = self.binary(self.find(name))
        if not binary.exists():
            raise LabError(f"{name} is not built: run `make lab-tools`, expected it at {binary}")
        return binary


def path(name: str) -> Path:
    """Return one of this project's tools, built before by `make lab-tools`.

    Raises:
        LabError: it isn't built, or there is no Go to tell which build is meant.
    """
    return _project_toolbox().path(name)


def project_toolbox(cache_folder: Path | None = None) -> Toolbox:
    """Return this project's tools and the user's cache of them.

    Raises:
        LabError: there is no Go that is new enough.
    """
    go = find_go(MODULES_FOLDER.glob("*/go.mod"))
    return Toolbox(go, cache_folder or default_cache())


def default_cache() -> Path:
    """Return the folder of builds that outlives every checkout."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "weighbridge" / "lab-tools"


def pinned_version(go_mod: str, module: str) -> str:
    """Return the version at which the text of a `go.mod` requires a module.

    Raises:
        LabError: it doesn't.
    """
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise LabError(
            f"expected go.mod to require {module}, which a tool is named after: it doesn't"
        )
    return found[1]


_project_toolbox = cache(project_toolbox)


def _stamped(go_mod: str, stamp: Stamp) -> str:
    version = pinned_version(go_mod, stamp.module)
    bare = version.removeprefix("v")
    major, minor, *_ = bare.split(".")
    return stamp.form.format(version=version, bare=bare, major=major, minor=minor)
