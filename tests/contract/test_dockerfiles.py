"""The images' recipes are lint-free, unprivileged, pinned, and name files that are there.

No Docker is needed, so no image is built here; see docker/README.md for what was tried by hand.
"""

import fnmatch
import re
import runpy
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from contract.tree import REPOSITORY, relative

DOCKERFILES = sorted((REPOSITORY / "docker").glob("*.Dockerfile"))
HADOLINT = Path(sysconfig.get_path("scripts"), "hadolint")

INSTALLING = [path for path in DOCKERFILES if "bin/pip" in path.read_text(encoding="utf-8")]

each_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=relative)
each_that_installs = pytest.mark.parametrize("path", INSTALLING, ids=relative)


def _instructions(path: Path, word: str) -> list[str]:
    """Arguments of each instruction of a kind; continued lines are joined."""
    text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


@each_dockerfile
def test_hadolint_finds_nothing(path):
    done = subprocess.run(
        [HADOLINT, "--failure-threshold=style", "--disable-ignore-pragma", path],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")


@each_dockerfile
def test_every_base_is_pinned_by_a_digest(path):
    bases = [base.split()[0] for base in _instructions(path, "FROM")]

    digests = dict(argument.split("=", 1) for argument in _instructions(path, "ARG"))

    assert bases
    for base in bases:
        name = re.search(r"@\$\{(\w+)\}$", base)
        assert name, base
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digests[name[1]])


@each_dockerfile
def test_it_runs_as_a_number_that_is_not_root(path):
    user, group = _instructions(path, "USER")[-1].split(":")

    assert int(user) == int(group) == 65532


@each_dockerfile
def test_kubernetes_probes_it_and_docker_does_not(path):
    assert _instructions(path, "HEALTHCHECK") == []
    assert _instructions(path, "ENTRYPOINT")[-1].startswith("[")


@each_dockerfile
def test_the_last_stage_installs_nothing(path):
    last = path.read_text(encoding="utf-8").rpartition("\nFROM ")[2]

    assert not re.search(r"\b(?:apt-get|apk|curl|wget|pip)\s+(?:install|download|add)\b", last)


@each_dockerfile
def test_packages_come_by_hash_from_locks_that_are_there(path):
    installs = re.findall(r"pip\b[^&]*\binstall\b[^&]*", "\n".join(_instructions(path, "RUN")))
    locks = re.findall(r"constraints/[\w.-]+\.txt", path.read_text(encoding="utf-8"))

    assert [
        one for one in installs if "--require-hashes" not in one and "--no-index" not in one
    ] == []
    assert [lock for lock in locks if not (REPOSITORY / lock).is_file()] == []


@each_dockerfile
def test_what_it_copies_is_there_and_not_kept_from_the_build(path):
    ignored = path.with_name(f"{path.name}.dockerignore").read_text(encoding="utf-8")
    let_in = [line[1:] for line in ignored.splitlines() if line.startswith("!")]
    copied = [
        source
        for copy in _instructions(path, "COPY")
        if not copy.startswith("--from=")
        for source in copy.split()[:-1]
    ]

    assert "*" in ignored.splitlines()
    for source in copied:
        if "${" not in source:
            assert (REPOSITORY / source).exists(), source
            assert any(fnmatch.fnmatch(source, pattern) for pattern in let_in), source


@each_that_installs
def test_it_says_where_its_bill_of_materials_lies(path):
    (labels,) = _instructions(path, "LABEL")
    place = re.search(r'dev\.weighbridge\.sbom="([^"]+)"', labels)

    assert place
    assert f"> {place[1]}" in path.read_text(encoding="utf-8")


def test_vllms_caches_are_where_the_chart_puts_them():
    (words,) = _instructions(REPOSITORY / "docker" / "vllm.Dockerfile", "ENV")
    golden = REPOSITORY / "tests" / "charts" / "models" / "golden" / "default.yaml"
    documents = yaml.safe_load_all(golden.read_text(encoding="utf-8"))
    (deployment,) = [document for document in documents if document["kind"] == "Deployment"]
    (vllm,) = deployment["spec"]["template"]["spec"]["containers"]

    assert dict(word.split("=", 1) for word in words.split()) == {
        variable["name"]: variable["value"] for variable in vllm["env"]
    }


def test_the_simulators_lock_has_all_that_it_imports():
    wanted = (REPOSITORY / "constraints" / "simulator.in").read_text(encoding="utf-8").splitlines()
    named = {line.replace("-", "_") for line in wanted if not line.startswith("#")}
    sources = (REPOSITORY / "models" / "simulator").rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", text, re.MULTILINE))

    assert imported - sys.stdlib_module_names - {"weighbridge_simulator"} == named


def test_the_bill_of_materials_names_every_package_by_its_version():
    made = runpy.run_path(str(REPOSITORY / "docker" / "sbom.py"))["document"]()
    purls = [component["purl"] for component in made["components"]]

    assert made["bomFormat"] == "CycloneDX"
    assert made["metadata"]["component"]["name"] == "weighbridge"
    assert purls == sorted(set(purls))
    assert any(re.fullmatch(r"pkg:pypi/grpcio-health-checking@[\d.]+", purl) for purl in purls)
