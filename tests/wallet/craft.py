"""Codes made by hand, as another program or an attacker would make them.

CBOR is read and written by `cbor2` here, not by the code under test.
"""

from __future__ import annotations

import json
import random
import zlib
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

import cbor2

from msb_identity.envelopes.cose import sign1
from msb_identity.envelopes.jose import sign_jws
from msb_identity.foundation.files import write_whole
from msb_wallet.codes.payload import decode_base45, encode_base45

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msb_identity.pki.keys import SigningKey
    from tests.wallet.conftest import World

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
ISS, SUB, EXP, NBF, IAT, CNF, STATUS, FIELDS = 1, 2, 4, 5, 6, 8, 65535, -65537
KID = 4


def unwrap(text: str) -> bytes:
    """What is in a code: the signed bytes, or the secret of an MSB0 code."""
    data = decode_base45(text[5:])
    return data if text.startswith("MSB0:") else zlib.decompress(data)


def wrap(prefix: str, data: bytes) -> str:
    """A code around signed bytes."""
    return f"{prefix}:" + encode_base45(zlib.compress(data, 9))


def claims(credential: bytes) -> dict[Any, Any]:
    """The claims of a credential."""
    found: dict[Any, Any] = cbor2.loads(cbor2.loads(credential).value[2])
    return found


def signed_claims(content: dict[Any, Any], key: SigningKey, *, kid: bytes | None = None) -> bytes:
    """A credential with these claims, signed."""
    name = key.public.key_id if kid is None else kid
    return sign1(cbor2.dumps(content), key, header={KID: name})


def recut(credential: bytes, key: SigningKey, changes: dict[Any, Any]) -> bytes:
    """A credential with some claims changed, or removed where the new value is None; re-signed."""
    content = {**claims(credential), **changes}
    return signed_claims({n: v for n, v in content.items() if v is not None}, key)


def shown_parts(text: str) -> list[Any]:
    """The array that the device signed: domain, credential, iat, exp, nonce, perhaps audience."""
    parts: list[Any] = cbor2.loads(cbor2.loads(unwrap(text)).value[2])
    return parts


def shown(parts: object, key: SigningKey, header: dict[int | str, Any] | None = None) -> str:
    """An MSB2 code over any parts."""
    return wrap("MSB2", sign1(cbor2.dumps(parts), key, header=header))


def flipped(data: bytes, *, sample: int | None = None, seed: int = 1) -> Iterator[bytes]:
    """The data with one bit changed: every bit, or a sample of them."""
    positions: range | list[int] = range(8 * len(data))
    if sample is not None and sample < len(positions):
        positions = random.Random(seed).sample(positions, sample)
    for position in positions:
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        yield bytes(changed)


def list_content(world: World) -> dict[str, Any]:
    """What the world's trust list says."""
    payload = world.list_file.read_text(encoding="ascii").split(".")[1]
    content: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return content


def write_list(
    world: World,
    content: dict[str, Any],
    *,
    signer: SigningKey | None = None,
    type_: str = "msb-trust-list+jwt",
) -> None:
    """Put a trust list with this content in place of the world's, signed by the pinned key."""
    text = sign_jws(json.dumps(content).encode(), signer or world.signer, type_=type_)
    write_whole(world.list_file, text.encode())
