"""Which addresses may be connected to: those of the public internet, and what the operator adds.

Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates),
and what the large clouds document of the addresses at which they serve a machine's own secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL: Final = tuple(
    IPv4Network(written)
    for written in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by the customers of a carrier
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# All else of IPv6 is loopback, link-local, private, multicast, unassigned, or has an IPv4 address
# embedded (mapped, compatible, NAT64).
UNICAST_6: Final = IPv6Network("2000::/3")
SPECIAL_6: Final = tuple(
    IPv6Network(written)
    for written in (
        "2001::/23",  # protocol assignments, Teredo among them, which embeds IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4
        "3fff::/20",  # documentation
        "3ffe::/16",  # the 6bone that was
    )
)

METADATA: Final[tuple[Network, ...]] = (
    IPv4Network("169.254.169.254/32"),  # most clouds
    IPv4Network("169.254.170.0/24"),  # AWS: credentials of containers
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fd00:ec2::254/128"),  # AWS
    IPv6Network("fd00:ec2::23/128"),  # AWS: credentials of containers
    IPv6Network("fd20:ce::254/128"),  # Google
)
"""Closed whatever the operator opens: nobody keeps pictures there."""


def may_connect(address: Address, opened: Iterable[Network] = ()) -> bool:
    """Whether the gate may connect to an address; ``opened`` are networks that the operator adds.

    No IPv6 address that embeds one of IPv4 is public, and a mapped one cannot be opened either: it
    would be another spelling of what is closed.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return False
    if _within(address, METADATA):
        return False
    if _within(address, opened):
        return True
    if isinstance(address, IPv4Address):
        return not _within(address, SPECIAL)
    return address in UNICAST_6 and not _within(address, SPECIAL_6)


def _within(address: Address, among: Iterable[Network]) -> bool:
    return any(address in network for network in among)
