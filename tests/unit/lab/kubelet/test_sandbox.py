import ipaddress

import pytest
from weighbridge_lab.kubelet.errors import StartError
from weighbridge_lab.kubelet.sandbox import Addresses, check_sysctls


def test_addresses_begin_behind_those_of_the_node():
    addresses = Addresses()
    assert [addresses.take() for _ in range(2)] == ["10.244.1.0", "10.244.1.1"]


def test_an_address_that_was_given_back_is_the_last_to_come_again():
    addresses = Addresses(ipaddress.IPv4Network("10.0.0.0/23"))
    first = addresses.take()
    addresses.give_back(first)
    others = {addresses.take() for _ in range(254)}
    assert first not in others
    assert addresses.take() == first


def test_when_all_are_taken_there_is_none():
    addresses = Addresses(ipaddress.IPv4Network("10.0.0.0/23"))
    taken = {addresses.take() for _ in range(255)}
    assert len(taken) == 255
    with pytest.raises(StartError, match=r"all pod addresses of 10\.0\.0\.0/23 are taken"):
        addresses.take()


@pytest.mark.parametrize("name", ["net.ipv4.ip_unprivileged_port_start", "kernel.shmmax"])
def test_a_pod_may_set_what_is_its_own(name):
    check_sysctls([name])


@pytest.mark.parametrize("name", ["vm.swappiness", "kernel.hostname", "fs.file-max"])
def test_a_pod_may_not_set_what_is_the_machines(name):
    with pytest.raises(StartError, match=f"sysctl {name} is not a pod's own"):
        check_sysctls([name])
