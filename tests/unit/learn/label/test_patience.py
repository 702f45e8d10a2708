"""A server is waited for, a hopeless prompt is left, and a dead server ends the run."""

import pytest
from weighbridge.learn.label.halt import Cause, Halt, HaltedError, SetAsideError
from weighbridge.learn.label.options import Endpoint, Role, Sampling
from weighbridge.learn.label.patience import ATTEMPTS, REFUSALS, Patience
from weighbridge.learn.label.pools import Pool
from weighbridge.learn.label.troubles import Kind, Trouble

SECONDS = 60.0


class Waiting:
    """A patience whose clock moves when told."""

    def __init__(self):
        self.now = 0.0
        self.halt = Halt()
        pool = Pool(Role.LARGE, Endpoint("http://pool/v1", "m"), Sampling())
        self.patience = Patience(
            pool, SECONDS, self.halt, clock=lambda: self.now, jitter=lambda: 1.0
        )

    def pause(self, kind, attempt=1, **fields):
        return self.patience.pause(Trouble(kind, "told why", **fields), attempt)


@pytest.fixture
def waiting():
    return Waiting()


def test_pauses_double_up_to_a_bound(waiting):
    pauses = [waiting.pause(Kind.UNREACHED, attempt) for attempt in (1, 2, 3, 4, 5, 6, 500)]
    assert pauses == [0.5, 1, 2, 4, 8, 10, 10]


def test_a_pause_is_as_long_as_the_server_asks(waiting):
    assert waiting.pause(Kind.BUSY, retry_after_s=17.0) == 17
    assert waiting.pause(Kind.BUSY, 5, retry_after_s=1.0) == 8


def test_a_server_that_asks_for_more_than_the_patience_ends_the_run(waiting):
    with pytest.raises(HaltedError, match="asks to wait 3600 s"):
        waiting.pause(Kind.BUSY, retry_after_s=3600.0)
    assert waiting.halt.cause is Cause.POOL


@pytest.mark.parametrize("kind", [Kind.UNREACHED, Kind.BUSY, Kind.BROKEN, Kind.FAULTY])
def test_troubles_alone_for_longer_than_the_patience_end_the_run(waiting, kind):
    waiting.pause(kind)
    waiting.now = SECONDS - 1
    waiting.pause(kind)
    waiting.now = SECONDS
    with pytest.raises(
        HaltedError, match="the large pool at http://pool/v1 has given no answer for 60 s: told why"
    ):
        waiting.pause(kind)
    assert waiting.halt.cause is Cause.POOL


def test_an_answer_between_troubles_starts_the_patience_anew(waiting):
    waiting.pause(Kind.UNREACHED)
    waiting.now = SECONDS
    waiting.patience.answered()
    waiting.pause(Kind.UNREACHED)
    assert waiting.halt.cause is None


@pytest.mark.parametrize("kind", list(ATTEMPTS))
def test_a_prompt_that_keeps_failing_is_left(waiting, kind):
    for attempt in range(1, ATTEMPTS[kind]):
        waiting.pause(kind, attempt)
    with pytest.raises(SetAsideError, match="large: told why"):
        waiting.pause(kind, ATTEMPTS[kind])
    assert waiting.halt.cause is None


@pytest.mark.parametrize("kind", [Kind.UNREACHED, Kind.BUSY])
def test_what_is_not_the_prompts_doing_is_tried_until_the_patience_ends(waiting, kind):
    assert waiting.pause(kind, 1000) == 10


def test_a_wrong_setup_ends_the_run_at_once(waiting):
    with pytest.raises(HaltedError, match="check address, model and key"):
        waiting.pause(Kind.SETUP)
    assert waiting.halt.cause is Cause.POOL


def test_a_refused_prompt_is_left(waiting):
    waiting.patience.answered()
    for _ in range(REFUSALS * 3):
        with pytest.raises(SetAsideError):
            waiting.pause(Kind.REFUSED)
    assert waiting.halt.cause is None


def test_a_server_that_refuses_all_from_the_start_ends_the_run(waiting):
    for _ in range(REFUSALS - 1):
        with pytest.raises(SetAsideError):
            waiting.pause(Kind.REFUSED)
    with pytest.raises(HaltedError, match=f"refused all of {REFUSALS} prompts"):
        waiting.pause(Kind.REFUSED)
