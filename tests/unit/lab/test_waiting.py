import pytest
from weighbridge_lab.errors import LabError
from weighbridge_lab.waiting import until


def test_it_gives_what_was_seen_at_last():
    seen = iter([0, "", "there"])
    assert until("it", lambda: next(seen)) == "there"


def test_faults_on_the_way_count_as_not_yet():
    tries = iter([LabError("no pod"), ConnectionRefusedError("no one"), None])

    def look():
        fault = next(tries)
        if fault:
            raise fault
        return True

    assert until("it", look)


def test_what_does_not_come_is_told_with_what_was_seen_last():
    with pytest.raises(LabError, match="three pods: not after 0 s; seen last: 0"):
        until("three pods", lambda: 0, timeout_s=0.2)
