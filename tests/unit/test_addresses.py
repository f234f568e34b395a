"""Addresses in URLs, and the keys under which clients are counted."""

import pytest

from lobby.addresses import UNKNOWN, bare, counting_key, in_url, is_loopback, reachable


@pytest.mark.parametrize(
    ("host", "written"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("lobby.example", "lobby.example"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("fe80::1%eth0", "[fe80::1%25eth0]"),
    ],
)
def test_an_ipv6_address_is_written_in_brackets_in_a_url(host: str, written: str) -> None:
    assert in_url(host) == written
    assert bare(written) == bare(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("[::]", "::1"), ("", "127.0.0.1"), ("::1", "::1"), ("192.0.2.1", "192.0.2.1")],
)
def test_a_server_on_every_network_is_reached_on_this_machine(host: str, address: str) -> None:
    assert reachable(host) == address


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST.", "a.localhost"]
)
def test_loopback_in_all_its_spellings(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "localhost.example", "notlocalhost", ""])
def test_other_addresses_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("2001:DB8:0:0::1", "2001:db8::2"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::2"),
        ("<script>", "unknown"),
    ],
)
def test_these_addresses_are_counted_together(one: str, other: str) -> None:
    assert counting_key(one) == counting_key(other)


@pytest.mark.parametrize(("one", "other"), [("2001:db8::1", "2001:db8:0:1::1"), ("192.0.2.1", "192.0.2.2"), ("x", "192.0.2.2")])
def test_these_addresses_are_counted_apart(one: str, other: str) -> None:
    assert counting_key(one) != counting_key(other)


def test_garbage_has_one_key() -> None:
    assert {counting_key(text) for text in ("", "a", "1.2.3", "999.1.1.1", "[", "%", "1.2.3.4:80")} == {UNKNOWN}
