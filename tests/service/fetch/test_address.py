"""Which addresses may be connected to, by the registries and by the operator's word."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from service.fetch.address import may_connect

FORBIDDEN = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "3ffe::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "2400:cb00::1",
    "2003::1",
]


@pytest.mark.parametrize("written", FORBIDDEN)
def test_what_is_not_public_may_not_be_connected_to(written: str) -> None:
    assert not may_connect(ip_address(written))


@pytest.mark.parametrize("written", PUBLIC)
def test_what_is_public_may_be(written: str) -> None:
    assert may_connect(ip_address(written))


def test_the_operator_opens_networks_and_no_others() -> None:
    opened = [ip_network(each) for each in ("10.1.0.0/16", "fd12::/48", "10.2.0.7/32")]
    for written in ("10.1.2.3", "fd12::9", "10.2.0.7", "8.8.8.8"):
        assert may_connect(ip_address(written), opened)
    for written in ("10.0.255.255", "10.2.0.8", "fd13::1", "127.0.0.1", "::ffff:10.1.2.3"):
        assert not may_connect(ip_address(written), opened)


@pytest.mark.parametrize(
    "written",
    ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"],
)
def test_nothing_opens_the_addresses_of_a_machines_secrets(written: str) -> None:
    every = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert may_connect(ip_address("127.0.0.1"), every)
    assert not may_connect(ip_address(written), every)
    if "." in written:
        assert not may_connect(ip_address(f"::ffff:{written}"), every)
