"""No file names an index of packages, a download or a folder of somebody's machine."""

import re

import pytest
from contract.tree import files, relative

ADDRESSES = {
    "an option that names an index": re.compile(r"--(?:extra-)?index-url|--find[-]links"),
    "an index": re.compile(r"https?://[^\s\"'<>]+/simple\b"),
    "a download": re.compile(r"https?://[^\s\"'<>]+\.(?:whl|tgz|tar\.gz)\b"),
    "a registry": re.compile(r"\bregistry\s*=\s*[\"']https?:"),
    "a machine's folder": re.compile(r"(?<![\w.])/(?:work|farm|root|Users)/"),
}
_MOST_BYTES = 4_000_000


def found(text):
    return [what for what, pattern in ADDRESSES.items() if pattern.search(text)]


def test_no_file_names_an_address_that_only_one_machine_has():
    faulty = {}
    for path in files():
        content = path.read_bytes()
        if b"\0" in content[:1024] or len(content) > _MOST_BYTES:
            continue
        if names := found(content.decode("utf-8", "replace")):
            faulty[relative(path)] = names

    assert faulty == {}


# Written with gaps, so that this file is no finding of its own.
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("pip install --index~-url x", "an option that names an index"),
        ("uv --extra-index~-url=x", "an option that names an index"),
        ("see https:/~/mirror.example/pypi/simple/", "an index"),
        ("https:/~/example.org/a/b-1.0.tar.gz", "a download"),
        ("registry =~ 'https://example.org'", "a registry"),
        ("cd /work~/main", "a machine's folder"),
        ("open('/root~/x')", "a machine's folder"),
    ],
)
def test_an_address_is_found(text, what):
    assert found(text.replace("~", "")) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/project/weighbridge",
        "https://example.org/simplest",
        "framework/root/x and ./work/x",
        "--hash=sha256:abc",
    ],
)
def test_an_ordinary_address_is_no_fault(text):
    assert found(text) == []
