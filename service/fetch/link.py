"""A link, read once and strictly: what follows works on its pieces and parses nothing again.

The one parser is ``urllib.parse`` (RFC 3986). What parsers are known to disagree about is refused
before it sees it: white space, control characters, backslashes, user names, numbers as hosts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna

from service.fetch.address import Address
from service.fetch.rules import LINK, NotFetched, Rules

MOST_CHARACTERS: Final = 8192
DEFAULT_PORTS: Final = {"https": 443, "http": 80}

_AUTHORITY: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@%/]+)(?::([0-9]{1,5})?)?")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# The URL standard's rule: a host whose last label is a number is an IPv4 address, or broken.
_NUMBER: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_MOST_NAME: Final = 253
# Percent-encoded where it is not: what RFC 3986 lets stand in a path and in a query.
_PATH: Final = "%/:@!$&'()*+,;=~"
_QUERY: Final = f"{_PATH}?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The pieces of a link. ``host`` is in lower case and ASCII, without brackets or a last dot.

    ``address`` is the host's own where it is one; ``target`` is path and query, percent-encoded.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None = None

    @property
    def authority(self) -> str:
        """Host and port as the ``Host`` header writes them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def read(text: str, rules: Rules) -> Link:
    """The link that ``text`` spells, if it is one that the rules let the gate follow.

    Raises:
        NotFetched: it is not.
    """
    return _link(_split(text), rules)


def follow(link: Link, location: bytes, rules: Rules) -> Link:
    """The link to which a redirect of ``link`` leads. Raises as ``read`` does."""
    try:
        text = location.decode("ascii")
    except UnicodeDecodeError:
        raise NotFetched(LINK, "malformed") from None
    _split(text)
    return read(urljoin(f"{link.scheme}://{link.authority}{link.target}", text), rules)


def _split(text: str) -> SplitResult:
    if not text.isprintable() or " " in text or "\\" in text or len(text) > MOST_CHARACTERS:
        raise NotFetched(LINK, "malformed")
    try:
        return urlsplit(text)
    except ValueError:
        raise NotFetched(LINK, "malformed") from None


def _link(parts: SplitResult, rules: Rules) -> Link:
    if parts.scheme not in rules.schemes or parts.scheme not in DEFAULT_PORTS:
        raise NotFetched(LINK, "scheme")
    authority = _AUTHORITY.fullmatch(parts.netloc)
    if authority is None:
        raise NotFetched(LINK, "malformed")
    host, address = _host(authority[1])
    port = int(authority[2] or DEFAULT_PORTS[parts.scheme])
    if port not in rules.ports:
        raise NotFetched(LINK, "port")
    if _listed(host, rules.denied) or (rules.hosts and not _listed(host, rules.hosts)):
        raise NotFetched(LINK, "host")
    target = quote(parts.path or "/", safe=_PATH)
    if parts.query:
        target += f"?{quote(parts.query, safe=_QUERY)}"
    return Link(scheme=parts.scheme, host=host, port=port, target=target, address=address)


def _host(written: str) -> tuple[str, Address | None]:
    """The host as it is asked for, and its address where it is one."""
    try:
        if written.startswith("["):
            six = IPv6Address(written[1:-1])
            return six.compressed, six
        name = written.lower()
        if not name.isascii():
            name = idna.encode(name).decode()
        if _NUMBER.fullmatch(name):
            four = IPv4Address(name)  # four decimal numbers without leading zeros, and no other
            return name, four
    except (AddressValueError, idna.IDNAError):
        raise NotFetched(LINK, "malformed") from None
    if len(name) > _MOST_NAME or not _NAME.fullmatch(name):
        raise NotFetched(LINK, "malformed")
    return name, None


def _listed(host: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(host, glob.lower()) for glob in globs)
