"""JWS, JWK and key sets, parsed strictly by us (RFC 7515, RFC 7517, GM/T 0125-2022).

The key decides the algorithm; the header must name the same. PyJWT signs through algorithm objects
that call our keys, in an instance of its own, so that nothing is registered for the rest of the
process; the compact form we write ourselves, since PyJWT writes a key's header anew each time.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn

import jwt
from jwt.algorithms import Algorithm

from msb_identity.envelopes.algorithms import (
    JOSE_ALGORITHM,
    check_jose_algorithm,
    key_signature,
    raw_signature,
)
from msb_identity.envelopes.jwk import (
    decode_base64url,
    encode_base64url,
    is_for_others,
    private_jwk,
    public_jwk,
    signing_key_from_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import AlgorithmRefused, EncodingRefused, KeyRefused
from msb_identity.foundation import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from msb_identity.pki.keys import SigningKey, VerifyingKey

MAX_JWS_CHARS = 1_000_000
MAX_KEYS = 1_000
_PARTS = 3
_KNOWN_HEADERS, _KNOWN_HEADER_CHARS = 256, 400
_log = logging.getLogger(__name__)
__all__ = [
    "MAX_JWS_CHARS",
    "MAX_KEYS",
    "Jws",
    "KeySet",
    "SkippedKey",
    "decode_base64url",
    "encode_base64url",
    "parse_jws",
    "private_jwk",
    "public_jwk",
    "sign_jws",
    "signing_key_from_jwk",
    "verifying_key_from_jwk",
]
_NOT_BY_PYJWT = "keys and verification do not go through PyJWT here"


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed, not yet verified JWS."""

    header: Mapping[str, Any]
    payload: bytes
    signing_input: bytes
    signature: bytes = field(repr=False)

    @property
    def key_id(self) -> str | None:
        """The key id that the header names, if it is text."""
        value = self.header.get("kid")
        return value if isinstance(value, str) else None

    @property
    def type(self) -> str | None:
        """The media type in `typ`, lower case, without "application/" (RFC 7515 section 4.1.9)."""
        value = self.header.get("typ")
        return value.lower().removeprefix("application/") if isinstance(value, str) else None

    def verify(self, key: VerifyingKey) -> None:
        """Return when the signature is the key's.

        Raises AlgorithmRefused where the header names another algorithm than the key's own, and
        SignatureRefused where the signature does not verify.
        """
        check_jose_algorithm(self.header.get("alg"), key.kind)
        key.verify(self.signing_input, key_signature(key, self.signature))


def sign_jws(payload: bytes, key: SigningKey, *, type_: str) -> str:
    """Sign `payload` and give the compact JWS; the header names algorithm, key id and type."""
    name = JOSE_ALGORITHM[key.kind]
    header = _header(name, key.public.key_id_text, type_)
    signing_input = f"{header}.{encode_base64url(payload)}"
    signature = _ALGORITHMS.get_algorithm_by_name(name).sign(signing_input.encode(), key)
    return f"{signing_input}.{encode_base64url(signature)}"


@lru_cache(maxsize=_KNOWN_HEADERS)
def _header(algorithm: str, key_id: str, type_: str) -> str:
    return encode_base64url(strict_json.dump({"alg": algorithm, "kid": key_id, "typ": type_}))


def parse_jws(text: str) -> Jws:
    """Parse a compact JWS without verifying it; EncodingRefused unless it is strict."""
    if len(text) > MAX_JWS_CHARS:
        message = f"a JWS of more than {MAX_JWS_CHARS} characters"
        raise EncodingRefused(message)
    parts = text.split(".")
    if len(parts) != _PARTS or not all(parts):
        message = "a JWS is three parts with points between"
        raise EncodingRefused(message)
    header = (_known_header if len(parts[0]) <= _KNOWN_HEADER_CHARS else _read_header)(parts[0])
    payload, signature = decode_base64url(parts[1]), decode_base64url(parts[2])
    return Jws(header, payload, text[: -len(parts[2]) - 1].encode(), signature)


def _read_header(encoded: str) -> Mapping[str, Any]:
    header = strict_json.load_object(decode_base64url(encoded))
    for name in ("crit", "b64", "jku", "x5u"):
        # We define no extension, and nothing is fetched because a message says so.
        if name in header:
            message = f"a JWS header with {name}"
            raise EncodingRefused(message)
    return MappingProxyType(header)


_known_header = lru_cache(maxsize=_KNOWN_HEADERS)(_read_header)
"""One key writes the same header again and again."""


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """A key of a set that is not used: its name, or its place in the list, and why."""

    name: str
    reason: str


class KeySet:
    """Public keys of one issuer, by key id (RFC 7517 section 5).

    A set serves many readers: a key in it that cannot be used here (of another kind, for
    encryption, malformed, without a name, with its private number) is skipped and stands in
    `skipped`, and what it signed is signed by an unknown key.
    """

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        """Name each key by our key id; KeyRefused for two keys of one name."""
        self._keys: dict[str, VerifyingKey] = {}
        for key in keys:
            if self._keys.setdefault(key.key_id_text, key) != key:
                message = f"two keys are named {key.key_id_text}"
                raise KeyRefused(message)
        self.skipped: tuple[SkippedKey, ...] = ()

    @classmethod
    def from_json(cls, data: bytes | str) -> KeySet:
        """Read a JWK set; EncodingRefused where it is none, KeyRefused for two keys of one name."""
        listed = strict_json.load_object(data).get("keys")
        if (
            not isinstance(listed, list)
            or len(listed) > MAX_KEYS
            or not all(isinstance(jwk, dict) for jwk in listed)
        ):
            message = f"a key set is an object with at most {MAX_KEYS} keys"
            raise EncodingRefused(message)
        result, skipped = cls(()), []
        for place, jwk in enumerate(listed, 1):
            name = jwk.get("kid")
            try:
                key = verifying_key_from_jwk(jwk)
                if not isinstance(name, str):
                    message = "a key without a name"
                    raise KeyRefused(message)
            except KeyRefused as error:
                shown = name if isinstance(name, str) else f"#{place}"
                skipped.append(SkippedKey(shown, str(error)))
                if not is_for_others(jwk):
                    _log.warning("key %.40r of a key set is not used: %s", shown, error)
                continue
            if name in result._keys:
                message = "every key of a set needs a kid of its own"
                raise KeyRefused(message)
            result._keys[name] = key
        result.skipped = tuple(skipped)
        return result

    def __len__(self) -> int:
        """How many keys can be used."""
        return len(self._keys)

    def get(self, key_id: str | None) -> VerifyingKey | None:
        """Give the key of that id, if the set has it."""
        return None if key_id is None else self._keys.get(key_id)

    def __iter__(self) -> Iterator[VerifyingKey]:
        """Give the keys."""
        return iter(self._keys.values())

    def as_json(self) -> bytes:
        """Write the set as a JWK set."""
        keys = [{**public_jwk(key), "kid": name} for name, key in self._keys.items()]
        return strict_json.dump({"keys": keys})


class _KeyAlgorithm(Algorithm):
    """Lets PyJWT sign with our keys; it never verifies or parses keys for us."""

    def prepare_key(self, key: Any) -> Any:  # noqa: ANN401 - PyJWT's own type
        """Take our key as it is."""
        return key

    def sign(self, msg: bytes, key: Any) -> bytes:  # noqa: ANN401 - PyJWT's own type
        """Sign and give the signature in its JOSE form."""
        return raw_signature(key.public, key.sign(msg))

    def verify(self, msg: bytes, key: Any, sig: bytes) -> NoReturn:  # noqa: ANN401, ARG002
        """Refuse: `Jws.verify` is the one way to verify."""
        raise AlgorithmRefused(_NOT_BY_PYJWT)

    @staticmethod
    def to_jwk(key_obj: Any, as_dict: bool = False) -> NoReturn:  # noqa: ANN401, ARG004, FBT001, FBT002
        """Refuse: `public_jwk` and `private_jwk` write keys."""
        raise AlgorithmRefused(_NOT_BY_PYJWT)

    @staticmethod
    def from_jwk(jwk: str | dict[str, Any]) -> NoReturn:  # noqa: ARG004
        """Refuse: `verifying_key_from_jwk` and `signing_key_from_jwk` read keys."""
        raise AlgorithmRefused(_NOT_BY_PYJWT)


def _make_algorithms() -> jwt.PyJWS:
    algorithms = jwt.PyJWS(algorithms=[])
    for name in JOSE_ALGORITHM.values():
        algorithms.register_algorithm(name, _KeyAlgorithm())
    return algorithms


_ALGORITHMS = _make_algorithms()
