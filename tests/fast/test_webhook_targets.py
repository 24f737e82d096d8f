"""Where webhooks may go: what an address says at the door, and which network addresses may be called (I27)."""

from __future__ import annotations

import string
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff import config
from signoff.errors import BadConfig
from signoff.ports import Targets
from signoff.ports.targets import read, targets

PRIVATE_V4 = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.7"),
    *("192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
)
PUBLIC_V4 = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1")
PRIVATE_V6 = (
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1", "2001:2::1"),
    *("3fff::1", "100::1", "64:ff9b:1::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "5f00::1"),
)
PUBLIC_V6 = ("2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888")


def inside(v4: str) -> tuple[str, ...]:
    """The forms of IPv6 that lead to an address of IPv4: mapped, NAT64, 6to4."""
    number = int(IPv4Address(v4))
    return (
        f"::ffff:{v4}",
        str(IPv6Address((0x64FF9B << 96) | number)),
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
    )


@pytest.mark.parametrize("address", PRIVATE_V4)
def test_i27_private_addresses_are_refused_in_every_form(address: str) -> None:
    """Loopback, private, link-local, metadata, carrier-grade NAT, multicast, reserved; also inside of IPv6."""
    for form in (address, *inside(address)):
        assert not Targets().allows(ip_address(form)), form
        host = f"[{form}]" if ":" in form else form
        for url in (f"https://{host}/", f"http://{host}/", f"https://{host}:8443/x"):
            refused = Targets().refusal(url)
            assert refused is not None, url
            assert "public" in refused


@pytest.mark.parametrize("address", PRIVATE_V6)
def test_i27_private_addresses_of_ipv6_are_refused(address: str) -> None:
    """All but what is given out as public, and of that what is special."""
    assert not Targets().allows(ip_address(address))
    assert "public" in (Targets().refusal(f"https://[{address}]/") or "")


@pytest.mark.parametrize("address", [*PUBLIC_V4, *PUBLIC_V6, *(form for v4 in PUBLIC_V4 for form in inside(v4))])
def test_public_addresses_may_be_called(address: str) -> None:
    """Also behind NAT64 and mapped, where they are what is called in the end."""
    assert Targets().allows(ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert Targets().refusal(f"https://{host}/hook") is None


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "1", "0", "0x", "127.0.0.01"),
        *(
            "127.0.0.1.",
            "a.1",
            "example.0x7f",
            "256.256.256.256",
            "1.2.3.4.5",
            "[127.0.0.1]",
            "[::1",
            "::1",
            "[::1%25lo]",
        ),
        *(
            "[fe80::1%eth0]",
            "",
            ".",
            "a..b",
            "exa mple.com",
            "exämple.com",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
        ),
        *("localhost", "LOCALHOST", "localhost.", "sub.localhost", "printer.local", "metadata.google.internal"),
        *("example.com:0", "example.com:65536", "example.com:x", "example.com:80:80", "[::1]example.com"),
    ],
)
def test_i27_other_ways_to_write_a_host_are_refused(host: str) -> None:
    """Decimal, octal, hexadecimal and short forms, zones, escapes, letters that become digits, private names."""
    assert Targets().refusal(f"https://{host}/") is not None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "https"),
        ("ftp://example.com/", "https"),
        ("file:///etc/passwd", "https"),
        ("//example.com/", "https"),
        ("/hook", "https"),
        ("example.com/hook", "https"),
        ("https:example.com", "https"),
        ("https:///hook", "https"),
        ("https://user@example.com/", "user name"),
        ("https://user:word@example.com/", "user name"),
        ("https://example.com@127.0.0.1/", "user name"),
        ("https://example.com/#top", "fragment"),
        ("https://example.com/#", "fragment"),
        ("https://example.com\\@127.0.0.1/", "ASCII"),
        ("https://example.com/\r\nHost: x", "ASCII"),
        ("https://example.com/ä", "ASCII"),
        ("", "ASCII"),
        ("https://example.com/" + "x" * 2000, "2000"),
    ],
)
def test_an_address_says_what_is_wrong_with_it(url: str, why: str) -> None:
    """One sentence each."""
    assert why in (Targets().refusal(url) or "")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://example.com",
            "https://example.com:8443/a/b?c=d&e=%2F",
            "HTTPS://EXAMPLE.COM/",
            "https://a_b.example.com/",
        ),
        *(
            "https://xn--bcher-kva.example/",
            "https://example.com./",
            "https://1.1.1.1/",
            "https://[2606:4700::1]:444/x",
        ),
    ],
)
def test_public_targets_are_taken(url: str) -> None:
    """Names, public addresses, ports, queries."""
    assert Targets().refusal(url) is None


def test_what_the_operator_allows_may_be_called_by_http_too() -> None:
    """Networks by address, hosts by name; and nothing beside them."""
    allowed = targets("10.20.0.0/16, 127.0.0.1,fd00::/8, Hooks.Corp.internal, localhost")
    for url in ("http://10.20.1.2/", "https://127.0.0.1:8080/", "http://[fd00::1]/", "http://hooks.corp.internal/x"):
        assert allowed.refusal(url) is None, url
    assert allowed.refusal("http://[::ffff:10.20.1.2]/") is None
    for url in (
        "http://10.21.0.1/",
        "http://127.0.0.2/",
        "http://example.com/",
        "http://other.internal/",
        "http://1.1.1.1/",
    ):
        assert allowed.refusal(url) is not None, url
    private = ip_address("192.168.7.7")
    assert allowed.allows(private, "hooks.corp.internal")
    assert allowed.allows(private, "HOOKS.corp.internal.")
    assert not allowed.allows(private, "evil-hooks.corp.internal")
    assert not allowed.allows(private)


@given(st.text(string.printable + "。１äİ", max_size=40))
def test_no_address_makes_the_door_stumble(text: str) -> None:
    """Whatever an agent sends is taken or refused with a sentence; what is taken names no private address."""
    for url in (text, f"https://{text}", f"https://{text}/x"):
        refused = Targets().refusal(url)
        assert refused is None or refused.endswith(".")
        if refused is None:
            literal = read(url.partition("//")[2].partition("/")[0])
            assert literal is None or Targets().allows(literal)


@pytest.mark.parametrize("text", ["10.0.0.0/99", "a b", "http://x", "*.example.com", "127.1", "exämple.com", "a..b"])
def test_i28_a_wrong_setting_stops_the_boot(text: str) -> None:
    """The key, the fault and the mend."""
    with pytest.raises(BadConfig, match="SIGNOFF_WEBHOOK_PRIVATE"):
        config.load({"SIGNOFF_WEBHOOK_PRIVATE": text})


def test_the_setting_reaches_the_limits() -> None:
    """Unset: public addresses only."""
    assert config.load({}).limits.webhooks == Targets()
    assert config.load({"SIGNOFF_WEBHOOK_PRIVATE": "localhost"}).limits.webhooks.hosts == {"localhost"}
