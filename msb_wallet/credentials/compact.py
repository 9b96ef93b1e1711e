"""The compact credential: a licence in the few bytes that fit a code (docs/formats.md).

COSE_Sign1 over CWT claims (RFC 8392): iss 1 (issuer's code), sub 2 (licence identifier without the
root), exp 4, nbf 5, iat 6, cnf 8 (holder's device key, RFC 8747; absent on a printed code), status
65535 (Token Status List, section 6), fields -65537 (element code to text). Nothing else: a claim
that this version does not know is refused, since it might limit what the licence allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msb_identity.envelopes import cbor
from msb_identity.envelopes.cose import (
    KEY_ID,
    Sign1,
    key_from_cose,
    key_to_cose,
    parse_sign1,
    sign1,
)
from msb_identity.errors import EncodingRefused, IdentifierRefused, KeyRefused
from msb_identity.foundation.clock import from_seconds
from msb_identity.foundation.text import is_showable
from msb_identity.pki.keys import KeyKind
from msb_wallet.licences.identifier import ROOT, LicenceIdentifier
from msb_wallet.licences.status_list import ENTRIES, is_status_uri

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.pki.keys import SigningKey, VerifyingKey

MAX_CREDENTIAL_BYTES = 4_096
MAX_FIELDS = 32
MAX_FIELD_CHARS = 256
_ISS, _SUB, _EXP, _NBF, _IAT, _CNF, _STATUS, _FIELDS = 1, 2, 4, 5, 6, 8, 65535, -65537
_REQUIRED = {_ISS, _SUB, _EXP, _NBF, _IAT, _STATUS, _FIELDS}
_COSE_KEY = 1  # confirmation method (RFC 8747 section 3.1)
_FIELD_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_HEADER = {1, KEY_ID}
HOLDER_KEYS = (KeyKind.SM2, KeyKind.P256)
"""The kinds of key a holder's device may have: they fit a code, and every device has one."""


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where a licence's status stands."""

    uri: str
    index: int


@dataclass(frozen=True, slots=True)
class Credential:
    """What a compact credential says; verify `envelope` before believing it."""

    envelope: Sign1
    issuer_code: str
    identifier: LicenceIdentifier
    issued_at: datetime
    not_before: datetime
    expires_at: datetime
    status: StatusReference
    holder_key: VerifyingKey | None
    fields: Mapping[str, str]

    @property
    def key_id(self) -> bytes:
        """The issuer's key that is said to have signed."""
        return self.envelope.key_id or b""


def sign_credential(
    *,
    identifier: LicenceIdentifier,
    issued_at: int,
    not_before: int,
    expires: int,
    status: StatusReference,
    fields: Mapping[str, str],
    key: SigningKey,
    holder_key: VerifyingKey | None = None,
) -> bytes:
    """Sign a compact credential; times are NumericDates (seconds since 1970)."""
    named: dict[int | str, cbor.Value] = dict(fields.items())
    claims: dict[int | str, cbor.Value] = {
        _ISS: identifier.issuer_code,
        _SUB: identifier.short,
        _EXP: expires,
        _NBF: not_before,
        _IAT: issued_at,
        _STATUS: {"status_list": {"idx": status.index, "uri": status.uri}},
        _FIELDS: named,
    }
    if holder_key is not None:
        if holder_key.kind not in HOLDER_KEYS:
            message = f"a device key is SM2 or P-256, not {holder_key.kind}"
            raise KeyRefused(message)
        claims[_CNF] = {_COSE_KEY: key_to_cose(holder_key)}
    return sign1(cbor.encode(claims), key, header={KEY_ID: key.public.key_id})


def parse_credential(data: bytes) -> Credential:
    """Read a compact credential without verifying it; EncodingRefused for any other bytes."""
    if len(data) > MAX_CREDENTIAL_BYTES:
        message = f"a credential of more than {MAX_CREDENTIAL_BYTES} bytes"
        raise EncodingRefused(message)
    envelope = parse_sign1(data)
    if set(envelope.protected) != _HEADER or envelope.key_id is None:
        message = "a credential's header names the algorithm and the key, nothing else"
        raise EncodingRefused(message)
    claims = cbor.decode(envelope.payload)
    if not isinstance(claims, dict) or not _REQUIRED <= set(claims) <= _REQUIRED | {_CNF}:
        message = "a credential with other claims than the format's"
        raise EncodingRefused(message)
    try:
        identifier = LicenceIdentifier.parse(_text(claims[_SUB]))
        holder_key = _confirmation(claims[_CNF]) if _CNF in claims else None
        issued, start, end = (from_seconds(_number(claims[name])) for name in (_IAT, _NBF, _EXP))
    except (IdentifierRefused, KeyRefused, ValueError) as error:
        raise EncodingRefused(str(error)) from error
    if str(claims[_SUB]).startswith(ROOT):
        message = "the identifier carries its root"
        raise EncodingRefused(message)
    return Credential(
        envelope=envelope,
        issuer_code=_text(claims[_ISS]),
        identifier=identifier,
        issued_at=issued,
        not_before=start,
        expires_at=end,
        status=_status(claims[_STATUS]),
        holder_key=holder_key,
        fields=_fields(claims[_FIELDS]),
    )


def _text(value: cbor.Value) -> str:
    if not isinstance(value, str) or not value or len(value) > MAX_FIELD_CHARS:
        message = "a text claim that is no text, empty or too long"
        raise EncodingRefused(message)
    return value


def _number(value: cbor.Value) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = "a numeric claim that is no integer"
        raise EncodingRefused(message)
    return value


def _confirmation(value: cbor.Value) -> VerifyingKey:
    if not isinstance(value, dict) or set(value) != {_COSE_KEY}:
        message = "cnf holds one COSE_Key"
        raise EncodingRefused(message)
    key = key_from_cose(value[_COSE_KEY])
    if key.kind not in HOLDER_KEYS:
        message = f"a device key is SM2 or P-256, not {key.kind}"
        raise EncodingRefused(message)
    return key


def _status(value: cbor.Value) -> StatusReference:
    inner = value.get("status_list") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(inner, dict) or set(inner) != {"idx", "uri"}:
        message = "status names one place in a status list"
        raise EncodingRefused(message)
    uri, index = _text(inner["uri"]), _number(inner["idx"])
    if not is_status_uri(uri) or not 0 <= index < ENTRIES:
        message = "a status reference that no list of ours can have"
        raise EncodingRefused(message)
    return StatusReference(uri, index)


def _fields(value: cbor.Value) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_FIELDS:
        message = f"fields are a map of at most {MAX_FIELDS}"
        raise EncodingRefused(message)
    result = {}
    for name, item in value.items():
        if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
            message = "a field's name is an element code"
            raise EncodingRefused(message)
        text = _text(item)
        if not is_showable(text):
            # What a checker reads must not be able to hide or turn around on a screen.
            message = "a field with characters that cannot be shown"
            raise EncodingRefused(message)
        result[name] = text
    return result
