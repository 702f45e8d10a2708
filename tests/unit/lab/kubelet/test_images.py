import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.kubelet.errors import ImageError
from weighbridge_lab.kubelet.images import ImageTable, repository_of

TABLE = """
istio/pilot: {entrypoint: ["{bin}/pilot-discovery"], user: 1337}
pilot: {entrypoint: [other]}
tool:
  entrypoint: [tool]
  env: {LEVEL: 3}
  binds: {/usr/local/bin/x: "{here}/x"}
data: {root: "{here}"}
bare: {root: "{here}/gone"}
lost: {entrypoint: ["{nowhere}/x"]}
"""


@pytest.fixture
def table(tmp_path):
    (tmp_path / "images.yaml").write_text(TABLE)
    (tmp_path / "x").touch()
    return ImageTable(tmp_path / "images.yaml", {"bin": "/built", "here": str(tmp_path)})


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("tool", "tool"),
        ("tool:1", "tool"),
        ("host:5000/a/tool", "host:5000/a/tool"),
        ("host:5000/a/tool:1@sha256:ab", "host:5000/a/tool"),
    ],
)
def test_tag_and_digest_are_no_part_of_a_repository(image, repository):
    assert repository_of(image) == repository


@pytest.mark.parametrize("image", ["istio/pilot", "docker.io/istio/pilot:1.31@sha256:00"])
def test_the_longest_match_wins(table, image):
    found = table.find(image)
    assert found.entrypoint == ("/built/pilot-discovery",)
    assert found.user == 1337


def test_another_registrys_pilot_is_the_short_entry(table):
    assert table.find("example.org/pilot").entrypoint == ("other",)


def test_variables_and_binds_come_with_the_image(table, tmp_path):
    found = table.find("tool")
    assert found.env == {"LEVEL": "3"}
    assert found.binds == {"/usr/local/bin/x": tmp_path / "x"}


def test_an_image_of_data_has_a_root(table, tmp_path):
    assert table.find("data").root == tmp_path
    assert table.find("tool").root is None


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        ("example.org/nope:1", r"name nope in .*images\.yaml"),
        ("lost", r"--place nowhere=PATH"),
        ("bare", r"gone, for a volume, is absent"),
    ],
)
def test_an_image_that_nobody_knows_names_the_way_out(table, image, complaint):
    with pytest.raises(ImageError, match=complaint):
        table.find(image)


def test_a_bind_without_a_source_names_it(table, tmp_path):
    (tmp_path / "x").unlink()
    with pytest.raises(ImageError, match="x, for /usr/local/bin/x, is absent"):
        table.find("tool")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[a]", "expected a map of repositories, got list"),
        ("a: b", "a: expected a map, got 'b'"),
        ("a: {entry: []}", "a: unknown entry, expected: binds, entrypoint"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path, text, complaint):
    (tmp_path / "images.yaml").write_text(text)
    with pytest.raises(LabError, match=complaint):
        ImageTable(tmp_path / "images.yaml", {})
