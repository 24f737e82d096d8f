"""Where webhooks may go (I27). Pure: what an address of the agent says, and which network addresses may be called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LONGEST = 2000
"""Characters of an address."""

# A list of our own: what `ipaddress` calls private differs between versions of Python.
_NOT_PUBLIC = tuple(
    IPv4Network(text)
    for text in (
        # IANA, IPv4 Special-Purpose Address Registry
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Azure's WireServer, which answers virtual machines at a public address (Microsoft Learn, "IP address
        # 168.63.129.16")
        "168.63.129.16/32",
    )
)
_GLOBAL = IPv6Network("2000::/3")
"""The only part of IPv6 that is given out as public so far (IANA, IPv6 Address Space)."""
_NOT_GLOBAL = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
"""What is special within it: protocols (Teredo is one), documentation."""
_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that is called. Behind DNS64 public targets look like this too."""

_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_PLAIN = re.compile(r"[!-~]+", re.ASCII)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_LOCAL = ("localhost", "local", "internal")
"""Names that end so mean this machine or this network, whatever a resolver says."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What the operator allows beside public addresses. By default nothing."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    """Names, in lower case, whose addresses may be private."""

    def refusal(self, url: str) -> str | None:
        """What is wrong with an address that an agent names, as a sentence; None: it may be tried. Names are not looked
        up here: where they lead is checked whenever something is sent.
        """
        if len(url) > LONGEST:
            return f"This must have at most {LONGEST} characters."
        if not _PLAIN.fullmatch(url) or "\\" in url:
            return "This must be a URL of printable ASCII characters; percent-encode all others."
        try:
            parts = urlsplit(url)
        except ValueError:
            return "This is not a URL."
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            return "This must be an absolute URL that begins with https://."
        if "@" in parts.netloc:
            return "This must hold no user name or password; requests are signed instead."
        if "#" in url:
            return "This must have no fragment (the part from # on)."
        found = _HOST.fullmatch(parts.netloc)
        if found is None or not 0 < int(found["port"] or 443) < 65536:
            return "Its host or port cannot be read."
        return self._host(found["host"].lower(), secure=parts.scheme == "https")

    def _host(self, host: str, *, secure: bool) -> str | None:
        name = host.rstrip(".")
        if name in self.hosts:
            return None
        literal = read(host)
        if literal is None:
            last = name.rpartition(".")[2]
            if host.startswith("[") or not name or ".." in name or _NUMBER.fullmatch(last):
                return "Its host cannot be read; write an IP address in its usual form."
            if last in _LOCAL:
                return f"{_shown(name)} is a private name; the operator may allow it with SIGNOFF_WEBHOOK_PRIVATE."
        elif not self.allows(literal):
            return f"{literal} is not a public address; the operator may allow it with SIGNOFF_WEBHOOK_PRIVATE."
        listed = literal is not None and any(form in network for form in forms(literal) for network in self.networks)
        if not secure and not listed:
            return "This must begin with https://; plain http is only for targets in SIGNOFF_WEBHOOK_PRIVATE."
        return None

    def allows(self, address: Address, host: str | None = None) -> bool:
        """Whether this network address may be called, `host` being the name that led to it."""
        if host is not None and host.lower().rstrip(".") in self.hosts:
            return True
        if any(form in network for form in forms(address) for network in self.networks):
            return True
        return all(map(is_public, forms(address)))


def read(host: str) -> Address | None:
    """A literal address, of IPv6 with or without brackets; None for a name, and for other ways to write a number."""
    try:
        return ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return None


def forms(address: Address) -> tuple[Address, ...]:
    """The addresses that a call to this one may reach: the one inside of it, where there is one, or itself."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return (inner,)
    return (address,)


def is_public(address: Address) -> bool:
    """Whether everybody may call it: no address of this machine, of a private network or of many receivers."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC)
    if address.scope_id is not None:
        return False
    return address in _GLOBAL and not any(address in network for network in _NOT_GLOBAL)


def targets(text: str) -> Targets:
    """From what the operator writes: networks (CIDR) and host names, comma-separated. Raises ValueError, which names
    the part that is neither.
    """
    networks, hosts = list[Network](), set[str]()
    for part in filter(None, (one.strip() for one in text.split(","))):
        try:
            networks.append(ip_network(part, strict=False))
            continue
        except ValueError:
            pass
        name = part.lower().rstrip(".")
        if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name, re.ASCII) or _NUMBER.fullmatch(
            name.rpartition(".")[2]
        ):
            raise ValueError(part)
        hosts.add(name)
    return Targets(tuple(networks), frozenset(hosts))


def _shown(name: str) -> str:
    return name if len(name) <= 100 else f"{name[:99]}…"
