"""What a device signs when it shows a licence offline, and what is read from it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
import pytest

from msb_identity.envelopes.cose import sign1
from msb_identity.errors import EncodingRefused, SignatureRefused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.codes.payload import MAX_CODE_CHARS
from msb_wallet.codes.present import (
    check_audience,
    new_secret,
    parse_presentation,
    secret_hash,
    show_offline,
)
from msb_wallet.credentials.compact import HOLDER_KEYS
from tests.wallet.craft import shown_parts, unwrap

NOW = datetime(2026, 3, 15, 4, 0, 7, 999_999, tzinfo=UTC)
SECOND = 1_773_547_207
CREDENTIAL = b"the issuer's exact bytes"
KEY = generate_key(KeyKind.P256)
NONCE = bytes(range(16))
GOOD: list[Any] = ["MSB-show-1", CREDENTIAL, SECOND, SECOND + 60, NONCE]


def signed(parts: object, header: dict[int | str, Any] | None = None) -> bytes:
    return sign1(cbor2.dumps(parts), KEY, header=header)


@pytest.mark.parametrize("kind", HOLDER_KEYS)
@pytest.mark.parametrize("audience", [None, "窗口 3 / window 3"])
def test_the_device_signs_the_array_of_the_format(kind: KeyKind, audience: str | None) -> None:
    key = generate_key(kind)
    text = show_offline(CREDENTIAL, key, audience=audience, now=NOW)
    parts = shown_parts(text)
    nonce = parts[4]
    expected = ["MSB-show-1", CREDENTIAL, SECOND, SECOND + 60, nonce]
    assert parts == expected + ([] if audience is None else [audience])
    assert isinstance(nonce, bytes)
    assert len(nonce) == 16
    presentation = parse_presentation(unwrap(text))
    presentation.envelope.verify(key.public)
    assert presentation.credential == CREDENTIAL
    assert presentation.shown_at == NOW.replace(microsecond=0)
    assert presentation.expires_at == presentation.shown_at + timedelta(seconds=60)
    assert (presentation.nonce, presentation.audience) == (nonce, audience)
    with pytest.raises(SignatureRefused):
        presentation.envelope.verify(generate_key(kind).public)
    assert CREDENTIAL.hex() not in repr(presentation)


def test_the_header_names_the_algorithm_and_nothing_else() -> None:
    outer = cbor2.loads(unwrap(show_offline(CREDENTIAL, KEY, now=NOW)))
    assert outer.tag == 18
    protected, unprotected, _, signature = outer.value
    assert cbor2.loads(protected) == {1: -7}
    assert unprotected == {}
    assert len(signature) == 64


def test_two_codes_of_one_second_differ() -> None:
    texts = {show_offline(CREDENTIAL, KEY, now=NOW) for _ in range(20)}
    assert len({bytes(shown_parts(text)[4]) for text in texts}) == 20


def test_a_code_of_the_usual_size_fits_a_qr_code() -> None:
    assert len(show_offline(bytes(600), KEY, audience="窗" * 100, now=NOW)) < MAX_CODE_CHARS


@pytest.mark.parametrize(
    "parts",
    {
        "a map": dict(enumerate(GOOD)),
        "nothing": [],
        "too few": GOOD[:4],
        "too many": [*GOOD, "window", 1],
        "another domain": ["MSB-show-2", *GOOD[1:]],
        "domain as bytes": [b"MSB-show-1", *GOOD[1:]],
        "credential as text": [GOOD[0], "credential", *GOOD[2:]],
        "credential as array": [GOOD[0], [CREDENTIAL], *GOOD[2:]],
        "time as text": [*GOOD[:2], str(SECOND), *GOOD[3:]],
        "time as true": [*GOOD[:2], True, *GOOD[3:]],
        "time before 1970": [*GOOD[:2], -1, 59, NONCE],
        "time after 9999": [*GOOD[:2], 2**62, 2**62 + 60, NONCE],
        "lifetime of 61 seconds": [*GOOD[:3], SECOND + 61, NONCE],
        "lifetime of a year": [*GOOD[:3], SECOND + 31_536_000, NONCE],
        "no lifetime": [*GOOD[:3], SECOND, NONCE],
        "ends before it begins": [*GOOD[:3], SECOND - 1, NONCE],
        "nonce too short": [*GOOD[:4], NONCE[1:]],
        "nonce too long": [*GOOD[:4], NONCE + b"\0"],
        "nonce as text": [*GOOD[:4], "0123456789abcdef"],
        "no nonce": [*GOOD[:4], None],
        "empty audience": [*GOOD, ""],
        "audience as bytes": [*GOOD, b"window"],
        "audience null": [*GOOD, None],
        "audience too long": [*GOOD, "w" * 101],
        "audience with a line end": [*GOOD, "window\n"],
        "audience that turns the line around": [*GOOD, "window\u202e"],
        "a float": [*GOOD[:2], float(SECOND), *GOOD[3:]],
        "text": "MSB-show-1",
    }.items(),
    ids=lambda item: item[0],
)
def test_any_other_content_is_refused(parts: tuple[str, Any]) -> None:
    with pytest.raises(EncodingRefused):
        parse_presentation(signed(parts[1]))


@pytest.mark.parametrize("header", [{4: b"kid"}, {3: 0}, {2: [3], 3: 0}, {16: "x"}])
def test_any_other_header_is_refused(header: dict[int | str, Any]) -> None:
    with pytest.raises(EncodingRefused):
        parse_presentation(signed(GOOD, header))


def test_what_is_no_cose_is_refused() -> None:
    good = signed(GOOD)
    for data in (b"", good[1:], good[:-1], good + b"\0", cbor2.dumps(GOOD), CREDENTIAL):
        with pytest.raises(EncodingRefused):
            parse_presentation(data)


@pytest.mark.parametrize("name", ["", "w" * 101, "a\nb", "a\0b", "a\u200fb", "\ud800"])
def test_a_name_that_no_window_has_is_a_mistake_of_the_caller(name: str) -> None:
    with pytest.raises(ValueError, match="audience"):
        check_audience(name)
    with pytest.raises(ValueError, match="audience"):
        show_offline(CREDENTIAL, KEY, audience=name, now=NOW)


def test_a_time_without_a_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="time zone"):
        show_offline(CREDENTIAL, KEY, now=NOW.replace(tzinfo=None))


def test_secrets_are_random_and_kept_as_hashes() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {16}
    assert secret_hash(NONCE) == hashlib.sha256(b"MSB-code-1" + NONCE).digest()
