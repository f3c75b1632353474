"""Keys, visitor tokens and versions of arbitrary bytes: refused with a reason, or right; nothing else."""

from __future__ import annotations

import json
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.api_keys import ApiKey, issue_key
from schemas.errors import InvalidToken
from schemas.ids import Version
from streams.gateway.access.credentials import Credentials, read_credentials, take_query_key
from streams.gateway.access.key_ring import KeyRing
from streams.gateway.access.refusals import Refused
from streams.gateway.access.visitor_tokens import VisitorTokens
from streams.runtime.clock import ManualClock
from streams.runtime.settings import Settings
from streams.stores.api_keys import read_api_keys
from streams.stores.keys import Keys
from tests.contracts.test_hostile_bytes import json_values

NOW = 1_800_000_000.0
SIGNING, SECRET = issue_key("signing", now=0)
SERVER, TEXT = issue_key("server", now=0)
RING = KeyRing(Settings())
RING.update([SIGNING, SERVER])
TOKENS = VisitorTokens(RING, ManualClock(NOW))
GOOD = {"sub": "u:ann", "exp": NOW + 60}


def sign(claims: Any, **header: Any) -> bytes:
    """A token with a right signature, whatever it says."""
    text = jwt.api_jws.encode(
        msgspec.json.encode(claims), SECRET, algorithm="HS256", headers={"kid": SIGNING.id} | header
    )
    return text.encode()


def only_refused(token: bytes) -> None:
    try:
        proof = TOKENS.verify(token)
    except Refused:
        return
    assert proof.visitor[:2] in ("u:", "a:")
    assert NOW < proof.expires <= NOW + 31 * 24 * 3600


@settings(max_examples=150)
@given(st.binary(max_size=1100))
def test_any_bytes_are_no_token(token: bytes) -> None:
    with pytest.raises(Refused):
        TOKENS.verify(token)


@given(st.data())
def test_a_token_changed_anywhere_is_none(data: st.DataObject) -> None:
    """But for the last character, whose low bits are no part of the signature."""
    token = bytearray(sign(GOOD))
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != token[at]))
    token[at] = other
    with pytest.raises(Refused):
        TOKENS.verify(bytes(token))


numbers = st.integers(-(10**400), 10**400) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from(["sub", "exp", "nbf", "iat", "iss", "aud", "jti"]), json_values | numbers)
)
def test_signed_claims_of_any_kind(claims: dict[str, Any]) -> None:
    only_refused(sign_loosely(GOOD | claims))
    only_refused(sign_loosely(claims))


def sign_loosely(claims: Any) -> bytes:
    """As `sign`; numbers that msgspec cannot write are written by the standard library."""
    text = jwt.api_jws.encode(json.dumps(claims).encode(), SECRET, headers={"kid": SIGNING.id})
    return text.encode()


@given(json_values)
def test_signed_payloads_that_are_no_claims(payload: Any) -> None:
    only_refused(sign_loosely(payload))


@given(st.dictionaries(st.sampled_from(["typ", "cty", "crit", "b64", "jku", "x5u", "zip"]), json_values))
def test_headers_of_any_kind(header: dict[str, Any]) -> None:
    try:
        token = sign(GOOD, **header)
    except (jwt.PyJWTError, ValueError, TypeError):
        return  # not even the library writes it
    only_refused(token)


@settings(max_examples=150)
@given(st.binary(max_size=80) | st.binary(max_size=20).map(lambda end: TEXT[:16].encode() + end))
def test_any_bytes_are_no_key(sent: bytes) -> None:
    with pytest.raises(Refused) as caught:
        RING.find(sent)
    assert caught.value.status == 401


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from([b"etalage_visitor", b"=", b";", b" ", b"\t", b"a", b"x", b'"']), max_size=12)
)
def test_the_cookie_is_what_splitting_the_header_finds(pieces: list[bytes]) -> None:
    """It is not split: 30 kB of semicolons would be split for 6 ms."""
    cookie = b"".join(pieces)
    pairs = (pair.strip(b" \t").partition(b"=") for pair in cookie.split(b";"))
    values = [value for name, equals, value in pairs if equals and name == b"etalage_visitor"]
    assert Credentials(cookie=cookie).cookie_token == (values[0] if len(values) == 1 else b"")


NAMES = [b"authorization", b"x-etalage-key", b"x-etalage-visitor", b"cookie", b"origin", b"content-type"]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=60)), max_size=8), st.binary(max_size=60)
)
def test_credentials_of_any_bytes_are_read(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    scope = {"headers": headers, "query_string": b"key=pk_" + query}
    credentials: Credentials = read_credentials(scope, take_query_key(scope))
    assert len(credentials.header_tokens) <= 2
    assert isinstance(credentials.cookie_token, bytes)
    assert isinstance(credentials.key_text, bytes)
    assert credentials.is_json in (True, False)


@given(st.text(max_size=80) | st.from_regex(r"[0-9.]{0,70}", fullmatch=True))
def test_any_text_is_a_version_or_refused(text: str) -> None:
    try:
        version = Version.parse(text)
    except InvalidToken:
        return
    assert Version.parse(version.text()) == version


@given(st.lists(st.integers(0, 10**19 - 1), min_size=3, max_size=3))
def test_a_version_is_read_as_it_was_written(numbers: list[int]) -> None:
    assert Version.parse(Version(*numbers).text()) == Version(*numbers)


class _Stored:
    def __init__(self, records: list[bytes]) -> None:
        self._records = records

    async def call(self, *_: Any) -> list[bytes]:
        return self._records


whole_keys = st.dictionaries(st.sampled_from(list(ApiKey.__struct_fields__)), json_values).map(
    lambda changed: msgspec.json.encode(msgspec.to_builtins(SERVER) | changed)
)


@given(st.lists(st.binary(max_size=60) | whole_keys, max_size=4))
def test_stored_keys_of_any_bytes_leave_the_others_as_they_are(records: list[bytes]) -> None:
    connection: Any = _Stored([*records, msgspec.json.encode(SIGNING)])
    reading = read_api_keys(connection, Keys("unit"))
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    keys = ended.value.value
    assert SIGNING in keys
    ring = KeyRing(Settings())
    ring.update(keys)
    assert ring.signer(NOW) is not None
    assert not ring.open
