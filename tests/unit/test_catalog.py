"""The catalog: what ships is whole, and a fault of an operator's own names its file."""

import tomllib
from pathlib import Path

import pytest
from weighbridge.catalog import PACKAGED, find_model, load_catalog
from weighbridge.errors import SettingsError

REPOSITORY = Path(__file__).parents[2]
MODEL = """
name: mine
parameters_billion: 7
tier: small
context_window: 4096
prices: {input_per_million: 0.1, output_per_million: 0.3}
"""


def folder_with(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_the_packaged_catalog_holds_the_pair_that_the_command_assumes():
    catalog = load_catalog()

    assert (catalog["gemma-2-9b-it"].tier, catalog["llama-3.3-70b-instruct"].tier) == (
        "small",
        "large",
    )


def test_files_are_named_after_their_models_and_call_their_prices_assumptions():
    paths = list(PACKAGED.glob("*.yaml"))

    assert {path.stem for path in paths} == set(load_catalog())
    for path in paths:
        assert "list-price assumption" in path.read_text(encoding="utf-8")


def test_the_wheel_takes_the_catalog_to_where_it_is_looked_for():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))

    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["models/catalog"] == "weighbridge/model_catalog"


def test_a_folder_of_ones_own_takes_its_place(tmp_path):
    catalog = load_catalog(folder_with(tmp_path, mine=MODEL))

    assert list(catalog) == ["mine"]
    assert find_model(catalog, "mine").prices.output_per_million == 0.3


def test_a_model_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(
        SettingsError, match=r"model 'gpt-9' is not in the catalog, .* mine; .*--cat"
    ):
        find_model(load_catalog(folder_with(tmp_path, mine=MODEL)), "gpt-9")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "a: [",
        MODEL + "colour: red",
        MODEL.replace("0.1", "-1"),
        MODEL.replace("4096", "many"),
        MODEL.replace("name: mine\n", ""),
    ],
)
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path, text):
    with pytest.raises(SettingsError, match=r"bad\.yaml: not a model: "):
        load_catalog(folder_with(tmp_path, bad=text))


ARCHITECTURE = """
architecture:
  parameters: 7000000000
  layers: 32
  hidden_size: 4096
  intermediate_size: 14336
  heads: 32
  kv_heads: 8
  head_dim: 128
  vocabulary: 32768
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ARCHITECTURE.replace("7000000000", "9000000000"), "parameters_billion is 7, architecture"),
        (ARCHITECTURE.replace("kv_heads: 8", "kv_heads: 5"), "heads 32 is no multiple of kv_heads"),
        (ARCHITECTURE.replace("32768", "9999999"), "the embeddings alone are 81,919,991,808"),
        (ARCHITECTURE + "  sliding_window: {tokens: 1, layers: 33}", "more layers than the model"),
        (ARCHITECTURE.replace("layers: 32", "layers: 0"), "`$.architecture.layers`"),
        ("quantizations: [fp3]", "`$.quantizations[0]`"),
        ("quantizations: []", "`$.quantizations`"),
        ("checkpoints: {awq: me/mine-awq}", "checkpoints of awq are none of its"),
    ],
)
def test_figures_that_can_not_stand_side_by_side_are_refused_by_field(tmp_path, text, words):
    with pytest.raises(SettingsError) as refusal:
        load_catalog(folder_with(tmp_path, bad=MODEL + text))

    assert "bad.yaml: not a model: " in str(refusal.value)
    assert words in str(refusal.value)


def test_a_model_of_ones_own_may_say_how_it_is_built_or_not(tmp_path):
    plain = MODEL.replace("mine", "plain")
    catalog = load_catalog(folder_with(tmp_path, mine=MODEL + ARCHITECTURE, plain=plain))

    assert catalog["plain"].architecture is None
    assert catalog["mine"].architecture.embeddings == 2 * 4096 * 32768


def test_each_packaged_model_says_where_it_is_from_and_how_it_is_built():
    for model in load_catalog().values():
        assert model.architecture
        assert model.repository
        assert model.licence
    assert {model.tier for model in load_catalog().values()} == {"small", "large", "code"}


def test_a_name_that_stands_twice_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"two\.yaml: model 'mine' stands in another file"):
        load_catalog(folder_with(tmp_path, one=MODEL, two=MODEL))


@pytest.mark.parametrize("folder", ["", "absent"])
def test_a_folder_without_models_is_refused(tmp_path, folder):
    with pytest.raises(SettingsError, match="expected a folder of YAML files, one per model"):
        load_catalog(tmp_path / folder)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path):
    (tmp_path / "folder.yaml").mkdir()

    with pytest.raises(SettingsError, match=r"folder\.yaml: can't be read: Is a directory"):
        load_catalog(tmp_path)
