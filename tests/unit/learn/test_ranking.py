"""The sums below the metrics: runs of equal scores, resamples, chunks."""

import numpy as np
import pytest
from weighbridge.learn import ranking


def test_runs_of_equal_scores_are_summed_hardest_first():
    order = ranking.Ranking(np.array([1.0, 3.0, 1.0, 2.0]))

    sent, gained = order.sums(np.array([10.0, 20.0, 30.0, 40.0]), np.array([[1.0, 2.0, 3.0, 0.0]]))

    assert sent.tolist() == [[2, 0, 4]]
    assert gained.tolist() == [[40, 0, 100]]


@pytest.mark.parametrize("rows", [2, 7, 1_500_000])
def test_each_resample_has_as_many_rows_as_there_are(rows):
    counts = np.concatenate(list(ranking.resampled_counts(rows, 3, seed=4)))

    assert counts.shape == (3, rows)
    assert (counts.sum(axis=1) == rows).all()


def test_draws_are_worked_on_in_chunks_that_fit_and_add_up():
    sizes = list(ranking.chunk_sizes(1_000_000, 5))

    assert sizes == [2, 2, 1]
    assert list(ranking.chunk_sizes(10**9, 2)) == [1, 1]


def test_a_resample_without_a_gap_has_no_measure():
    measured = ranking.summary(np.ones((2, 2)), np.array([[1.0, -1.0], [1.0, 0.0]]))

    assert np.isnan(measured[0]).all()
    assert measured[1] == pytest.approx([0.75, 0.25, 0.4])
