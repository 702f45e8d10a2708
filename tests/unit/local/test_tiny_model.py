import json
import math
import struct

import pytest
from weighbridge.local.tiny_model import CONTEXT_WINDOW, Family, write_model


@pytest.fixture(params=Family)
def model(request, tmp_path):
    return write_model(tmp_path / "model", family=request.param, seed=1)


def read(model, name):
    return json.loads((model / name).read_text())


def header_and_data(model):
    content = (model / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def test_tensors_fill_the_file_without_gaps(model):
    header, data = header_and_data(model)
    end = 0
    for tensor in header.values():
        start, stop = tensor["data_offsets"]
        assert start == end
        assert stop - start == 4 * math.prod(tensor["shape"])
        end = stop
    assert end == len(data)
    assert all(map(math.isfinite, struct.unpack(f"<{len(data) // 4}f", data)))


def test_tensors_have_the_sizes_that_the_configuration_says(model):
    header, _ = header_and_data(model)
    config = read(model, "config.json")
    rows = [config["vocab_size"], config["hidden_size"]]
    assert header["model.embed_tokens.weight"]["shape"] == rows
    assert ("lm_head.weight" in header) != config["tie_word_embeddings"]
    assert header["model.layers.0.self_attn.k_proj.weight"]["shape"] == [
        config["num_key_value_heads"] * config["head_dim"],
        config["hidden_size"],
    ]
    layers = {name.split(".")[2] for name in header if ".layers." in name}
    assert len(layers) == config["num_hidden_layers"]
    assert config["max_position_embeddings"] == CONTEXT_WINDOW


def test_each_id_has_its_token(model):
    vocabulary = read(model, "tokenizer.json")["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(read(model, "config.json")["vocab_size"]))


def test_merges_make_tokens_of_tokens(model):
    tokenizer = read(model, "tokenizer.json")["model"]
    for left, right in tokenizer["merges"]:
        assert {left, right, left + right} <= tokenizer["vocab"].keys()


def test_every_byte_has_a_token(model):
    tokenizer = read(model, "tokenizer.json")
    special = {token["content"] for token in tokenizer["added_tokens"]}
    pieces = {left + right for left, right in tokenizer["model"]["merges"]}
    letters = tokenizer["model"]["vocab"].keys() - special - pieces
    assert len(letters) == 256
    assert all(len(letter) == 1 and letter.isprintable() for letter in letters)


def test_answers_can_end(model):
    special = {token["id"] for token in read(model, "tokenizer.json")["added_tokens"]}
    ends = set(read(model, "generation_config.json")["eos_token_id"])
    assert ends < special
    assert read(model, "config.json")["bos_token_id"] in special - ends


@pytest.mark.parametrize("family", Family)
def test_same_seed_gives_the_same_bytes(family, tmp_path):
    first = write_model(tmp_path / "first", family=family, seed=1)
    again = write_model(tmp_path / "again", family=family, seed=1)
    other = write_model(tmp_path / "other", family=family, seed=2)
    for file in first.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()
    weights = "model.safetensors"
    assert (first / weights).read_bytes() != (other / weights).read_bytes()


def test_writing_leaves_nothing_half_done(model):
    assert not list(model.glob("*.partial"))
