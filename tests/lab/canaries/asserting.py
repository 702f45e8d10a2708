"""What holds of every canary that was given up."""

INTERVAL_S = 2.0
"""Of the lab's analyses, tests/lab/values/rollouts.yaml."""
_SETTLED_S = 1.0
_BEYOND = 0.02


def assert_back_on_stable(act, *, measured=True):
    """Weights, subsets and requests are stable's again, and only the canary's own failed.

    And within two intervals of the first bad sample, where what was bad could be `measured`.
    """
    change, figures = act.change, act.figures
    told = f"{change.told()}\n{act.ledger.summary()}"
    assert change.weight == 0, told
    assert change.envoy_weights() in ({"stable": 100}, {"stable": 100, "canary": 0}), told
    assert figures.failed_else == 0, told
    assert figures.beyond <= _BEYOND, told
    if measured and figures.clear_s is not None:
        assert figures.clear_s <= 2 * INTERVAL_S + _SETTLED_S, told


def assert_named(act, *metrics):
    """The Rollout's message and the analyses blame one of these metrics."""
    change = act.change
    assert act.change.blamed() & set(metrics), change.told()
    message = change.status["message"]
    assert any(f'"{metric}"' in message for metric in metrics), message


def assert_measured(change, gate):
    """Its value is one that the analysis has measured."""
    numbers = [m.number for m in change.measurements() if m.metric == gate["name"]]
    assert gate["value"] in {f"{number:.4g}" for number in numbers if number is not None}, gate
