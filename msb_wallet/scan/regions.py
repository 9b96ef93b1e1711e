"""The trust list: which issuers may issue which licences, with which keys (docs/formats.md).

A JWS signed by a key that the checker holds already (pinned). It is versioned and dated: it
expires, and a version older than one seen before is refused by the verifier. Nothing in a code can
add to it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from msb_identity.envelopes.jose import parse_jws, public_jwk, sign_jws, verifying_key_from_jwk
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused, SignatureRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.foundation.text import is_showable
from msb_wallet.errors import TrustRefused
from msb_wallet.licences.status_list import is_status_uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from msb_identity.pki.keys import SigningKey, VerifyingKey
    from msb_wallet.licences.model import Authority

LIST_TYPE = "msb-trust-list+jwt"
LIST_FILE = "trust-list.jwt"
SIGNER_FILE = "list-signer.jwk"
STATUS_FOLDER = "status"
MAX_ISSUERS = 20_000
MAX_LIST_BYTES = 1_000_000


def _showable(text: str) -> str:
    if not is_showable(text):
        message = "a name with characters that cannot be shown"
        raise ValueError(message)
    return text


_Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_showable)]
KeyUse = Literal["licence", "status"]
_Code = Annotated[str, Field(pattern=r"^([0-9A-Z]{18}|[0-9]{6})$")]
_TypeCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{18}[0-9]{3}$")]
_Time = Annotated[int, Field(ge=0, le=253_402_300_799)]


class _Model(BaseModel):
    # A member that this version does not know might limit an issuer: it is refused, not ignored.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Jwk(_Model):
    kty: str
    crv: str
    x: str
    y: str
    kid: str
    alg: str
    use: Literal["sig"]


class _Key(_Model):
    jwk: _Jwk
    uses: Annotated[list[KeyUse], Field(min_length=1, max_length=2)]


class _Issuer(_Model):
    code: _Code
    name: _Name
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    types: Annotated[list[_TypeCode], Field(max_length=2_000)]
    keys: Annotated[list[_Key], Field(max_length=32)]
    status_prefixes: Annotated[list[str], Field(max_length=32)]

    @model_validator(mode="after")
    def _prefixes_are_folders(self) -> Self:
        for prefix in self.status_prefixes:
            if not prefix.endswith("/") or not is_status_uri(prefix):
                message = "a status prefix is an https address that ends in a slash"
                raise ValueError(message)
        return self


class _List(_Model):
    format: Annotated[int, Field(ge=1, le=1)]  # Literal[1] would take true
    name: _Name
    version: Annotated[int, Field(ge=1, le=2**53)]
    iat: _Time
    exp: _Time
    issuers: Annotated[list[_Issuer], Field(max_length=MAX_ISSUERS)]

    @model_validator(mode="after")
    def _codes_differ(self) -> Self:
        if any(count > 1 for count in Counter(item.code for item in self.issuers).values()):
            message = "an issuer stands twice"
            raise ValueError(message)
        return self


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """One issuer as the list names it."""

    code: str
    name: str
    region: str
    types: frozenset[str]
    licence_keys: Mapping[bytes, VerifyingKey]
    status_keys: Mapping[bytes, VerifyingKey]
    status_prefixes: tuple[str, ...]

    def covers(self, uri: str) -> bool:
        """Whether a status list of that URI is this issuer's."""
        return any(uri.startswith(prefix) for prefix in self.status_prefixes)


@dataclass(frozen=True, slots=True)
class TrustList:
    """A trust list whose signature held; expiry and version are the verifier's to judge."""

    name: str
    version: int
    issued_at: datetime
    expires_at: datetime
    issuers: Mapping[str, TrustedIssuer]
    digest: bytes

    def status_signer(self, key_id: bytes) -> TrustedIssuer | None:
        """Give the issuer that signs status lists with that key, if one does."""
        for issuer in self.issuers.values():
            if key_id in issuer.status_keys:
                return issuer
        return None


@dataclass(frozen=True, slots=True)
class ListedIssuer:
    """What `make_trust_list` writes about one issuer."""

    authority: Authority
    types: tuple[str, ...]
    key: VerifyingKey
    status_prefix: str


def make_trust_list(
    issuers: Iterable[ListedIssuer],
    *,
    name: str,
    version: int,
    signer: SigningKey,
    now: datetime,
    lifetime: timedelta,
) -> str:
    """Sign a trust list; TrustRefused where its content breaks a rule of the format."""
    payload = {
        "format": 1,
        "name": name,
        "version": version,
        "iat": seconds(now),
        "exp": seconds(now + lifetime),
        "issuers": [
            {
                "code": issuer.authority.code,
                "name": issuer.authority.name,
                "region": issuer.authority.region,
                "types": sorted(issuer.types),
                "keys": [{"jwk": public_jwk(issuer.key), "uses": ["licence", "status"]}],
                "status_prefixes": [issuer.status_prefix],
            }
            for issuer in issuers
        ],
    }
    text = sign_jws(strict_json.dump(payload), signer, type_=LIST_TYPE)
    open_trust_list(text, signer=signer.public)
    return text


def open_trust_list(text: str, *, signer: VerifyingKey) -> TrustList:
    """Verify a trust list against the pinned key; TrustRefused for anything that is not right."""
    try:
        if len(text) > MAX_LIST_BYTES:
            message = f"a trust list of more than {MAX_LIST_BYTES} bytes"
            raise EncodingRefused(message)
        jws = parse_jws(text)
        jws.verify(signer)
        if jws.type != LIST_TYPE:
            message = "signed, but not as a trust list"
            raise EncodingRefused(message)
        content = _List.model_validate(strict_json.load_object(jws.payload))
        issuers = {item.code: _trusted(item) for item in content.issuers}
    except (EncodingRefused, AlgorithmRefused, SignatureRefused, KeyRefused) as error:
        raise TrustRefused(str(error)) from error
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = f"trust list: {where}: {problem['msg']}"
        raise TrustRefused(message) from error
    return TrustList(
        name=content.name,
        version=content.version,
        issued_at=from_seconds(content.iat),
        expires_at=from_seconds(content.exp),
        issuers=issuers,
        digest=hashlib.sha256(jws.payload).digest(),
    )


def _trusted(item: _Issuer) -> TrustedIssuer:
    keys: dict[KeyUse, dict[bytes, VerifyingKey]] = {"licence": {}, "status": {}}
    seen = set()
    for listed in item.keys:
        key = verifying_key_from_jwk(listed.jwk.model_dump())
        if key.key_id in seen or listed.jwk.kid != key.key_id_text:
            message = "a key of an issuer with a name that is not its own, or that another has"
            raise KeyRefused(message)
        seen.add(key.key_id)
        for use in listed.uses:
            keys[use][key.key_id] = key
    return TrustedIssuer(
        code=item.code,
        name=item.name,
        region=item.region,
        types=frozenset(item.types),
        licence_keys=keys["licence"],
        status_keys=keys["status"],
        status_prefixes=tuple(item.status_prefixes),
    )
