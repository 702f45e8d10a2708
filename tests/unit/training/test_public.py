"""The public sets."""

import pytest
from unit.training.fakes import write_data
from weighbridge.errors import RecordError
from weighbridge_training.public import PUBLIC, read_public, without


@pytest.mark.parametrize("which", PUBLIC, ids=lambda which: which.name)
def test_each_set_has_its_pair(tmp_path, which):
    paired = read_public(write_data(tmp_path), which)

    assert paired.name == which.name
    assert len(paired.rows) == 12
    assert (paired.small, paired.large) == (which.models or ("org/small", "large"))


def test_data_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RecordError, match="there is no such file"):
        read_public(tmp_path, PUBLIC[0])


def test_rows_that_were_fitted_to_are_left_out(tmp_path):
    paired = read_public(write_data(tmp_path), PUBLIC[0])

    left = without(paired, frozenset({"t/0", "t/3", "elsewhere"}))

    assert [row.id for row in left.rows][:3] == ["t/1", "t/2", "t/4"]
    assert (len(left.weak), left.weak[0], left.weak[1]) == (10, 0, 1)
    assert without(paired, frozenset({"elsewhere"})) is paired
