"""Makes sm2_negative.json: cases that a verifier of SM2 must take or refuse, with the reason.

In the manner of Wycheproof, which has none for SM2. Nonces are fixed, so the file comes out the
same each time; curve arithmetic is gmssl's, encodings are made by hand. The key is the one of the
standard's example (GM/T 0003.5-2012): never use it for anything else.

Run from the repository's root: python -m tests.vectors.make_sm2_negative
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gmssl.sm2 import CryptSM2  # type: ignore[import-untyped]

from msb_identity.pki.curves import P256_CURVE, SM2_CURVE
from msb_identity.pki.sm import sm3
from msb_identity.pki.sm2 import SIGNER_ID, signer_digest
from tests.support import (
    broken_points,
    element,
    integer,
    renumbered,
    respelt,
    signature_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT = Path(__file__).with_name("sm2_negative.json")
N, P = SM2_CURVE.n, SM2_CURVE.p
G = SM2_CURVE.gx, SM2_CURVE.gy
D = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
MESSAGE = b"message digest"
ALICE = b"ALICE123@YAHOO.COM"
OID_EC, OID_SM2 = bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06082a811ccf5501822d")
OID_P256 = bytes.fromhex("06082a8648ce3d030107")
Case = dict[str, str]


def multiply(k: int, point: tuple[int, int] = G) -> tuple[int, int]:
    text = CryptSM2("", "")._kg(k, f"{point[0]:064x}{point[1]:064x}")  # noqa: SLF001
    return int(text[:64], 16), int(text[64:], 16)


def bytes32(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


PUBLIC = multiply(D)


def digest(message: bytes, *, signer_id: bytes = SIGNER_ID, point: tuple[int, int] = PUBLIC) -> int:
    z = signer_digest(bytes32(point[0]), bytes32(point[1]), signer_id)
    return int.from_bytes(sm3(z, message), "big")


def sign(e: int, k: int, d: int = D) -> tuple[int, int]:
    """The signature over e with nonce k (GB/T 32918.2 section 6.1)."""
    r = (e + multiply(k)[0]) % N
    return r, pow(1 + d, -1, N) * (k - r * d) % N


def case(
    comment: str,
    value: tuple[int, int] | bytes,
    *,
    result: str = "invalid",
    point: tuple[int, int] = PUBLIC,
    message: bytes = MESSAGE,
    signer_id: bytes = SIGNER_ID,
) -> Case:
    return {
        "type": "verify",
        "comment": comment,
        "x": f"{point[0]:064x}",
        "y": f"{point[1]:064x}",
        "id": signer_id.hex(),
        "message": message.hex(),
        "signature": (value if isinstance(value, bytes) else signature_value(*value)).hex(),
        "result": result,
    }


def good() -> Iterator[Case]:
    """Cases that must verify: strictness must not refuse what a signer may make."""
    standard = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
    yield case("the standard's example", sign(digest(MESSAGE), standard), result="valid")
    for message in (b"", b"\0", bytes(4096), "准予登记".encode(), MESSAGE + b"\0"):
        value = sign(digest(message), 0x1234567)
        yield case(f"message of {len(message)} bytes", value, message=message, result="valid")
    for signer_id in (ALICE, b"", b"\0" * 16, "电子证照".encode(), b"i" * 255):
        value = sign(digest(MESSAGE, signer_id=signer_id), 0x1234568)
        comment = f"signer's ID of {len(signer_id)} bytes"
        yield case(comment, value, signer_id=signer_id, result="valid")
    e = digest(MESSAGE)
    yield case("nonce 1", sign(e, 1), result="valid")
    yield case("nonce n - 1", sign(e, N - 1), result="valid")
    for name, fits in (
        ("r of 31 bytes", lambda r, s: r < 1 << 248 and s >> 255),
        ("s of 31 bytes", lambda r, s: s < 1 << 248 and r >> 255),
        ("r and s begin with a bit, so a zero byte comes first", lambda r, s: (r & s) >> 255),
        ("neither needs a zero byte first", lambda r, s: not (r | s) >> 255),
    ):
        value = next(v for v in (sign(e, k) for k in range(2, 20_000)) if fits(*v))
        yield case(name, value, result="valid")
    for name, d in (("private number 1, so the key is G", 1), ("private number n - 2", N - 2)):
        point = multiply(d)
        value = sign(digest(MESSAGE, point=point), 0x1234569, d)
        yield case(name, value, point=point, result="valid")


def encodings(r: int, s: int) -> Iterator[Case]:
    for name, value in respelt(r, s).items():
        yield case(f"encoding: {name}", value[:300])


def ranges(r: int, s: int) -> Iterator[Case]:
    for name, value in renumbered(r, s, N).items():
        yield case(f"range: {name}", value)
    for name, value in {
        "r + s = n": (r, N - r),
        "r + s = n, the other way": (N - s, s),
        "r + s = n with r = 1": (1, N - 1),
        "s negated, as ECDSA would take it": (r, N - s),
        "r negated": (N - r, s),
        "both negated": (N - r, N - s),
    }.items():
        yield case(f"range: {name}", value)


def other_equations() -> Iterator[Case]:
    """Values that satisfy an equation, only not SM2's."""
    e, k = digest(MESSAGE), 0x7654321
    x = multiply(k)[0]
    ecdsa = x % N, pow(k, -1, N) * (e + x % N * D) % N
    yield case("an ECDSA signature over the same e", ecdsa)
    plain = hashlib.sha256(MESSAGE).digest()
    yield case(
        "an ECDSA signature over SHA-256",
        (x % N, pow(k, -1, N) * (int.from_bytes(plain, "big") + x * D) % N),
    )
    yield case("e without Z", sign(int.from_bytes(sm3(MESSAGE), "big"), k))
    yield case("e by SHA-256 of the message", sign(int.from_bytes(plain, "big"), k))
    z = signer_digest(*(bytes32(v) for v in PUBLIC))
    mixed = hashlib.sha256(z + MESSAGE).digest()
    yield case("e by SHA-256 of Z and message", sign(int.from_bytes(mixed, "big"), k))
    yield case("e with Z behind the message", sign(int.from_bytes(sm3(MESSAGE, z), "big"), k))
    yield case("Z of another key", sign(digest(MESSAGE, point=multiply(D + 1)), k))
    short = sm3(b"\0\x10" + SIGNER_ID, *_curve(), bytes32(*PUBLIC))
    yield case("ID's length in bytes, not bits", sign(_with_z(short), k))
    bare = sm3(SIGNER_ID, *_curve(), bytes32(*PUBLIC))
    yield case("Z without the ID's length", sign(_with_z(bare), k))
    no_curve = sm3(b"\0\x80" + SIGNER_ID, bytes32(*PUBLIC))
    yield case("Z without the curve", sign(_with_z(no_curve), k))
    s = 0x5555
    r = -s * (1 + D) * pow(D, -1, N) % N
    yield case("sG + tP is the point at infinity", (r, s))
    r = s * (1 - D) * pow(D, -1, N) % N
    yield case("sG equals tP, so the sum is a doubling, but r is not e + x", (r, s))
    yield case("the equation with tP left out", ((e + multiply(s)[0]) % N, s))
    yield case("the equation with r instead of t", _without_t(e, k))


def _curve() -> tuple[bytes, ...]:
    curve = SM2_CURVE
    return tuple(bytes32(value) for value in (curve.a, curve.b, curve.gx, curve.gy))


def _with_z(z: bytes) -> int:
    return int.from_bytes(sm3(z, MESSAGE), "big")


def _without_t(e: int, k: int) -> tuple[int, int]:
    r = (e + multiply(k)[0]) % N
    return r, (k - r * D) % N


def others(r: int, s: int) -> Iterator[Case]:
    """A good signature beside another message, another ID or another key."""
    for name, message in {
        "a bit changed": b"message digesu",
        "a byte more": MESSAGE + b"\0",
        "a byte less": MESSAGE[:-1],
        "upper case": MESSAGE.upper(),
        "empty": b"",
        "its digest instead": sm3(MESSAGE),
    }.items():
        yield case(f"message: {name}", (r, s), message=message)
    for name, signer_id in {
        "another": ALICE,
        "empty": b"",
        "a byte more": SIGNER_ID + b"\0",
        "a byte less": SIGNER_ID[:-1],
        "as numbers": bytes.fromhex("1234567812345678"),
        "as UTF-16": SIGNER_ID.decode().encode("utf-16-be"),
    }.items():
        yield case(f"signer's ID: {name}", (r, s), signer_id=signer_id)
    yield case("key: another", (r, s), point=multiply(D + 1))
    yield case("key: the negated point", (r, s), point=(PUBLIC[0], P - PUBLIC[1]))
    yield case("key: the generator", (r, s), point=G)


def points(r: int, s: int) -> Iterator[Case]:
    for name, (x, y) in broken_points(SM2_CURVE).items():
        broken = {**case(f"point: {name}", (r, s)), "x": x.hex(), "y": y.hex()}
        yield {**broken, "type": "key", "result": "invalid"}
    yield {
        **case("point: of P-256", (r, s), point=(P256_CURVE.gx, P256_CURVE.gy)),
        "type": "key",
    }


def pairs() -> Iterator[Case]:
    other = multiply(D + 1)
    for comment, d, (x, y) in (
        ("the standard's pair", bytes32(D), PUBLIC),
        ("private number 1", bytes32(1), G),
        ("private number 0", bytes32(0), PUBLIC),
        (
            "private number n - 1, with its own point: 1 + d cannot be inverted",
            bytes32(N - 1),
            (G[0], P - G[1]),
        ),
        ("private number n", bytes32(N), PUBLIC),
        ("private number n + 1, which is 1 again", bytes32(N + 1), G),
        ("private number 2^256 - 1", b"\xff" * 32, PUBLIC),
        ("private number of another point", bytes32(D), other),
        ("private number of the negated point", bytes32(D), (PUBLIC[0], P - PUBLIC[1])),
        ("private number negated", bytes32(N - D), PUBLIC),
        ("private number without its leading zeros", b"\x01", G),
        ("private number with a zero byte more", b"\0" + bytes32(D), PUBLIC),
        ("private number empty", b"", PUBLIC),
    ):
        result = "valid" if comment in ("the standard's pair", "private number 1") else "invalid"
        named = {"type": "pair", "comment": f"pair: {comment}", "d": d.hex()}
        yield {**named, "x": f"{x:064x}", "y": f"{y:064x}", "result": result}


def structures() -> Iterator[Case]:
    """SubjectPublicKeyInfo around the same point."""
    point = b"\x04" + bytes32(*PUBLIC)
    ours = element(0x30, OID_EC, OID_SM2)
    bits = element(3, b"\0", point)
    whole = element(0x30, ours, bits)
    compressed = bytes((2 + PUBLIC[1] % 2,)) + bytes32(PUBLIC[0])
    hybrid = bytes((6 + PUBLIC[1] % 2,)) + bytes32(*PUBLIC)
    field = element(0x30, bytes.fromhex("06072a8648ce3d0101"), integer(P))
    coefficients = element(0x30, element(4, *_curve()[:1]), element(4, *_curve()[1:2]))
    base = element(4, b"\x04", *_curve()[2:])
    explicit = element(0x30, integer(1), field, coefficients, base, integer(N), integer(1))
    for comment, data in {
        "the standard's key": whole,
        "a P-256 curve around the point": element(0x30, element(0x30, OID_EC, OID_P256), bits),
        "explicit curve parameters": element(0x30, element(0x30, OID_EC, explicit), bits),
        "an implicit curve": element(0x30, element(0x30, OID_EC, b"\5\0"), bits),
        "no curve": element(0x30, element(0x30, OID_EC), bits),
        "the curve as the algorithm": element(0x30, element(0x30, OID_SM2), bits),
        "something after the curve": element(0x30, element(0x30, OID_EC, OID_SM2, b"\5\0"), bits),
        "a compressed point": element(0x30, ours, element(3, b"\0", compressed)),
        "a hybrid point": element(0x30, ours, element(3, b"\0", hybrid)),
        "the point at infinity": element(0x30, ours, element(3, b"\0\0")),
        "the point without its first byte": element(0x30, ours, element(3, b"\0", point[1:])),
        "unused bits": element(0x30, ours, element(3, b"\1", point)),
        "the point as an octet string": element(0x30, ours, element(4, point)),
        "bytes after the end": whole + b"\0",
        "bytes after the point": element(0x30, ours, bits, b"\5\0"),
        "cut short": whole[:-1],
        "long-form length": b"\x30\x81" + whole[1:],
        "indefinite length": b"\x30\x80" + whole[2:] + b"\0\0",
        "empty": b"",
    }.items():
        result = "valid" if comment == "the standard's key" else "invalid"
        yield {"type": "spki", "comment": f"SPKI: {comment}", "spki": data.hex(), "result": result}


def make() -> str:
    """Give the file's content."""
    e = digest(MESSAGE)
    full = next(v for v in (sign(e, k) for k in range(2, 20_000)) if (v[0] & v[1]) >> 255)
    cases = [
        *good(),
        *encodings(*full),
        *ranges(*full),
        *other_equations(),
        *others(*full),
        *points(*full),
        *pairs(),
        *structures(),
    ]
    content = {
        "about": "SM2 with SM3 on sm2p256v1; made by make_sm2_negative.py; bytes in hexadecimal",
        "types": {
            "verify": "DER signature over SM3(Z of x, y, id, then message)",
            "key": "x and y are no key at all",
            "pair": "private number d with the point x, y",
            "spki": "SubjectPublicKeyInfo",
        },
        "cases": [{"number": number, **item} for number, item in enumerate(cases, 1)],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    OUT.write_text(make(), encoding="utf-8")
