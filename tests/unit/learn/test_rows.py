"""Requests on their way to numbers: read as the router reads them."""

import numpy as np
import pytest
from unit.artifacts import STATES, tiny
from unit.bodies import assistant, chat, encode, text_part, user
from weighbridge.generation import Generation
from weighbridge.learn.rows import ask_of, ask_of_chat, ask_of_text, make_material
from weighbridge.prompt import read_prompt
from weighbridge.settings import Settings
from weighbridge.stages import ENCODER, STAGE_1, Encoder, make_featurizer, read_tensors

LONG = "prove " * 5000


@pytest.fixture
def artifact(tmp_path):
    return tiny(tmp_path / "tiny", second_stage=True)


@pytest.fixture
def featurizer(artifact):
    return make_featurizer(artifact, read_tensors(artifact, STAGE_1))


@pytest.mark.parametrize(
    "body",
    [
        chat("what?"),
        chat("what?", "prove it"),
        chat(LONG),
        chat([text_part("prove"), text_part("it")]),
        encode({"messages": [{"role": "system", "content": "be short"}, user("what?")]}),
    ],
    ids=["one", "turns", "long", "parts", "system"],
)
def test_an_ask_is_the_one_that_the_router_weighs(body):
    from weighbridge.contract import Endpoint

    assert ask_of(body) == read_prompt(body, Endpoint.CHAT, Settings().limits).ask


@pytest.mark.parametrize(
    "body", [b"no json", b"[]", b"{}", encode({"messages": []}), encode({"messages": [user("")]})]
)
def test_where_there_is_no_ask_there_is_an_empty_one(body):
    assert (ask_of(body).text, ask_of(body).size) == ("", 0)


def test_a_text_is_a_chat_of_one_message():
    assert ask_of_text("prove it") == ask_of_chat([user("prove it")]) == ask_of(chat("prove it"))


def test_an_answer_that_follows_changes_nothing():
    assert ask_of_chat([user("prove it"), assistant()]) == ask_of_text("prove it")


def test_rows_are_those_of_the_router_itself(artifact, featurizer, tmp_path):
    texts = ["what?", "prove it", LONG, ""]
    encoder = Encoder(artifact.contents[ENCODER], featurizer.vocabulary)
    done = []

    made = make_material(map(ask_of_text, texts), featurizer, encoder, done.append)

    classifier = Generation.load(None, tmp_path / "tiny").classifier
    features = [classifier.features(ask_of_text(text)) for text in texts]
    assert done == [1, 2, 3, 4]
    assert np.array_equal(made.rows, [one.row for one in features])
    assert made.lengths.tolist() == [one.log_pieces for one in features]
    assert np.array_equal(made.states, [encoder.states(one.ids) for one in features])
    assert made.whole(states=True).shape == (4, featurizer.width + STATES)
    assert np.array_equal(made.whole(states=False), made.rows)


def test_without_an_encoder_there_are_no_states(featurizer):
    made = make_material([ask_of_text("what?")], featurizer, None, lambda _: None)

    assert made.states.shape == (1, 0)
    assert np.array_equal(made.whole(states=True), made.rows)
