"""Every failure has a label, and every failure of a request a decision that waits for it."""

import inspect

import pytest
from unit.bodies import make_settings
from weighbridge import errors
from weighbridge.contract import Outcome, Reason
from weighbridge.errors import ProtocolError, StreamError, WeighbridgeError
from weighbridge.policy import Policy


def _family(root):
    return [root, *(child for branch in root.__subclasses__() for child in _family(branch))]


@pytest.mark.parametrize("failure", _family(StreamError))
def test_each_failure_of_a_request_takes_the_fallback_tier_for_its_reason(failure):
    decision = Policy(make_settings(policy={"fallback_tier": "small"})).failed(failure.reason)

    assert isinstance(failure.reason, Reason)
    assert (decision.tier, decision.reason, decision.outcome, decision.score) == (
        "small",
        failure.reason,
        Outcome.FAILED,
        None,
    )


def test_labels_of_failures_differ():
    labels = [failure.label for failure in _family(WeighbridgeError)]

    assert len(set(labels)) == len(labels)


def test_the_tree_in_the_docstring_names_every_class():
    classes = [name for name, _ in inspect.getmembers(errors, inspect.isclass)]

    drawn = [name for name in classes if name in (errors.__doc__ or "")]

    assert drawn == [name for name in classes if issubclass(getattr(errors, name), Exception)]


def test_a_broken_protocol_is_the_one_failure_whose_reason_is_general():
    assert ProtocolError.reason is Reason.ERROR
