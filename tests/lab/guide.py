"""The install guide, as tests read it: its commands, its tables, and the charts that it names."""

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from charts.rendering import REPOSITORY, helm
from weighbridge_lab.module_files import module_files
from weighbridge_lab.tools import project_toolbox

GUIDE = REPOSITORY / "docs" / "install.md"
CLOUDS = REPOSITORY / "mesh" / "clouds"
CLOUD = "CLOUD"
"""What the guide writes where the reader puts the name of a folder."""

_BLOCK = re.compile(r"<!-- (\S+) -->\n```console\n(.*?)```", re.DOTALL)
_EXAMPLES = {"REGISTRY": "registry.example.com", "DIGEST": "sha256:" + "0" * 64}


@dataclass(frozen=True)
class Installation:
    """A `helm upgrade --install` of the guide, for one cloud.

    Attributes:
        release: its name.
        chart: as the guide writes it, such as "istio/base" or "router/chart".
        namespace: of the release.
        values: files, those that the cloud does not have left out.
        settings: of `--set`.
    """

    release: str
    chart: str
    namespace: str
    values: tuple[Path, ...]
    settings: tuple[str, ...]

    def render(self) -> str:
        """Render it, with the chart of the Istio that the lab runs for one of Istio's."""
        return helm(
            "template",
            self.release,
            _folder(self.chart),
            f"--namespace={self.namespace}",
            *(f"--values={path}" for path in self.values),
            *(f"--set={setting}" for setting in self.settings),
        )


def clouds() -> list[str]:
    """Names of the folders that the guide calls CLOUD."""
    return sorted(path.name for path in CLOUDS.iterdir() if path.is_dir())


def commands() -> list[list[str]]:
    """All commands that the guide has its reader run, in their order, as words."""
    blocks = (text for name, text in _BLOCK.findall(GUIDE.read_text()) if name == "guide")
    lines = (line for text in blocks for line in text.replace("\\\n", "").splitlines())
    return [shlex.split(line.removeprefix("$ ")) for line in lines if line.startswith("$ ")]


def installations() -> dict[str, Installation]:
    """What the guide installs on any cloud, each once, by what a person would call it."""
    installs = [words for words in commands() if words[:3] == ["helm", "upgrade", "--install"]]
    found = {}
    for cloud in clouds():
        for each in (_installation(words, cloud) for words in installs):
            is_its_own = any(path.parent.name == cloud for path in each.values)
            found[f"{each.release}-{cloud}" if is_its_own else each.release] = each
    return found


def table(name: str) -> list[list[str]]:
    """Rows of the table after the comment of this name, without its head."""
    _, _, after = GUIDE.read_text().partition(f"<!-- {name} -->\n")
    rows = [line for line in after.split("\n\n")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def _installation(words: list[str], cloud: str) -> Installation:
    flags = list(pairwise(words))
    paths = (
        REPOSITORY / value.replace(CLOUD, cloud) for flag, value in flags if flag == "--values"
    )
    settings = [value for flag, value in flags if flag == "--set"]
    for name, example in _EXAMPLES.items():
        settings = [setting.replace(name, example) for setting in settings]
    (namespace,) = (value for flag, value in flags if flag == "--namespace")
    values = tuple(path for path in paths if path.exists())
    return Installation(words[3], words[4], namespace, values, tuple(settings))


def _folder(chart: str) -> Path:
    files = module_files(project_toolbox())
    istio_s = {
        "istio/base": files.istio_base,
        "istio/cni": files.istio_cni,
        "istio/istiod": files.istiod,
        "istio/gateway": files.istio_gateway,
    }
    return istio_s[chart] if chart in istio_s else REPOSITORY / chart
