"""A classifier of known answers for all tests here: what is tested is what is made of them."""

import pytest
from unit.learn.stand_in import standing_in


@pytest.fixture(scope="module", autouse=True)
def _stand_in():
    with standing_in():
        yield
