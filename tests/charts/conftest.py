"""Adds --update-goldens, which `make charts` gives."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--update-goldens", action="store_true", help="write what the charts render as goldens"
    )


@pytest.fixture(scope="session")
def update_goldens(request):
    """Whether renders are to become the goldens."""
    return request.config.getoption("--update-goldens", default=False)
