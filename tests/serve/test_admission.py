"""Who is let in, as functions of headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.serve.admission import Admission, address_of, names_loopback, stranger

OURS = {"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost:9000", "LocalHost", "[::1]:8000", "127.0.0.1", "127.8.8.8:1"]
)
def test_names_of_this_machine_at_any_port(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "localhost.",
     "0.0.0.0", "10.0.0.1:8000", "127.0.0.1:8000@evil.example", "127.0.0.1:", "127.0.0.1:8000:1", "2130706433",
     "[::2]", "localhost\n", "127.0.0.1 evil", "١٢٧.0.0.1"],
)  # fmt: skip
def test_other_names_are_none(host: str) -> None:
    assert not names_loopback(host)


@given(st.text(max_size=40))
def test_any_text_as_a_host_is_judged_without_an_error(host: str) -> None:
    assert names_loopback(host) in {True, False}
    assert stranger({"Host": host}).isprintable()


@given(st.text(max_size=60))
def test_no_other_text_is_the_token(given_: str) -> None:
    one = Admission()
    assert one.knows_token(given_) == (given_ == one.token)


def test_every_start_has_secrets_of_its_own_that_repr_does_not_tell() -> None:
    starts = [Admission() for _ in range(50)]
    assert len({secret for one in starts for secret in (one.token, one.ticket)}) == 100
    assert all(len(one.token) >= 43 and one.token not in repr(one) and one.ticket not in repr(one) for one in starts)


def test_a_page_at_another_port_of_this_machine_is_a_stranger() -> None:
    assert stranger(OURS) == ""
    for origin in ("http://127.0.0.1:8001", "https://127.0.0.1:8000", "http://localhost:8000", "null", ""):
        assert stranger(OURS | {"Origin": origin})


def test_a_websocket_must_say_where_it_comes_from() -> None:
    one = Admission()
    assert one.refusal({"Host": OURS["Host"]}, ticket=one.ticket) == ""
    assert one.refusal({"Host": OURS["Host"]}, ticket=one.ticket, websocket=True)
    assert one.refusal(OURS, ticket=one.ticket, websocket=True) == ""


def test_the_token_is_no_ticket_and_the_ticket_no_token() -> None:
    one = Admission()
    assert one.refusal(OURS, ticket=one.token)
    assert not one.knows_token(one.ticket)


@pytest.mark.parametrize(
    ("given_", "address"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("[::1]", "::1")]
)
def test_loopback_addresses_are_listened_on(given_: str, address: str) -> None:
    assert address_of(given_) == address


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.5", "box.example", "*"])
def test_no_other_address_is_ever_listened_on(host: str) -> None:
    with pytest.raises(BadInput, match="ssh -L"):
        address_of(host)
