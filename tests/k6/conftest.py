"""The endpoint that suites are run against: `weighbridge up`, once for all tests of this folder."""

from up.conftest import *  # noqa: F403 - the fixtures of tests/up
