"""Keys of all kinds: what they share, algorithms that others name, keys that must be refused."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, cast

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from msb_identity.envelopes.jose import (
    private_jwk,
    public_jwk,
    verifying_key_from_jwk,
)
from msb_identity.errors import (
    AlgorithmRefused,
    KeyRefused,
    SignatureRefused,
)
from msb_identity.pki import (
    KeyKind,
    SignatureAlgorithm,
    SigningKey,
    generate_key,
    verifying_key_from_spki,
)
from msb_identity.pki.ed25519 import Ed25519VerifyingKey
from msb_identity.pki.rsa import RSAVerifyingKey
from tests.identity.kinds import (
    ED,
    KEYS,
    MESSAGE,
    P256,
    RSA,
    SM2,
    A,
    library_key,
    with_all_kinds,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_kind_may_be_named_and_no_other_is_made() -> None:
    for kind in (KeyKind.SM2, KeyKind.P256, KeyKind.ED25519):
        assert generate_key(str(kind)).kind is kind
    for wrong in ("nonsense", "sm2", "", "RSA-2048"):
        with pytest.raises(ValueError, match="KeyKind"):
            generate_key(wrong)


@with_all_kinds
def test_a_signature_verifies_and_a_changed_one_does_not(key: SigningKey) -> None:
    signature = key.sign(MESSAGE)
    key.public.verify(MESSAGE, signature)
    other = generate_key(key.kind).public
    for public, message, value in (
        (key.public, MESSAGE + b"!", signature),
        (key.public, MESSAGE[:-1], signature),
        (key.public, MESSAGE, signature[:-1]),
        (key.public, MESSAGE, signature + b"\0"),
        (key.public, MESSAGE, b"\0" + signature),
        (key.public, MESSAGE, b""),
        (key.public, MESSAGE, bytes(len(signature))),
        (key.public, MESSAGE, b"\xff" * len(signature)),
        (other, MESSAGE, signature),
    ):
        with pytest.raises(SignatureRefused):
            public.verify(message, value)


@with_all_kinds
def test_every_bit_of_a_signature_counts(key: SigningKey) -> None:
    signature = key.sign(MESSAGE)
    for bit in range(0, 8 * len(signature), 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureRefused):
            key.public.verify(MESSAGE, bytes(changed))


@with_all_kinds
def test_the_spki_is_that_of_cryptography(key: SigningKey) -> None:
    assert verifying_key_from_spki(key.public.spki) == key.public
    if key.kind is not KeyKind.SM2:
        public = cast("rsa.RSAPrivateKey", library_key(key)).public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        assert public.public_bytes(serialization.Encoding.DER, form) == key.public.spki


@with_all_kinds
def test_the_thumbprint_is_that_of_rfc_7638(key: SigningKey) -> None:
    members = {n: v for n, v in public_jwk(key.public).items() if n not in ("kid", "alg", "use")}
    written = json.dumps(members, sort_keys=True, separators=(",", ":"))
    assert key.public.thumbprint == hashlib.sha256(written.encode()).digest()


def test_the_thumbprints_of_the_rfcs_come_out() -> None:
    """RFC 7638 section 3.1 and RFC 8037 appendix A.3."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ"
        "ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW"
        "2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQ"
        "Fh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    for jwk, wanted in (
        ({"kty": "RSA", "n": n, "e": "AQAB"}, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        ({"kty": "OKP", "crv": "Ed25519", "x": x}, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ):
        thumbprint = verifying_key_from_jwk(jwk).thumbprint
        assert jwt.utils.base64url_encode(thumbprint).decode() == wanted


@with_all_kinds
def test_sixteen_threads_share_one_key(key: SigningKey) -> None:
    start = Barrier(16)

    def work(number: int) -> int:
        start.wait(timeout=30)
        for turn in range(10):
            message = b"%d %d" % (number, turn)
            key.public.verify(message, key.sign(message))
        return 10

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(16))) == 160


@with_all_kinds
def test_a_key_never_shows_its_private_half(key: SigningKey) -> None:
    shown = repr(key) + str(key)
    for name, value in private_jwk(key).items():
        assert name not in ("d", "p", "q") or value not in shown


def test_keys_of_different_kinds_are_never_equal() -> None:
    assert len({key.public for key in KEYS.values()}) == len(KEYS)
    assert RSA.public != "a key"


def test_a_curve_belongs_to_the_point_kinds_alone() -> None:
    assert (SM2.public.curve.name, P256.public.curve.name) == ("sm2p256v1", "P-256")
    for key in (RSA, ED):
        with pytest.raises(KeyRefused, match="curve"):
            _ = key.public.curve
    with pytest.raises(KeyRefused, match="RSA"):
        RSA.private_bytes()


# Algorithms that others name


OF_KIND: dict[KeyKind, set[SignatureAlgorithm]] = {
    KeyKind.SM2: {A.SM2_SM3},
    KeyKind.P256: {a for a in A if a.startswith("ECDSA")},
    KeyKind.RSA: {a for a in A if a.startswith("RSA")},
    KeyKind.ED25519: {A.ED25519},
}
DIGESTS: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
    "SHA1": hashes.SHA1,
    "MD5": hashes.MD5,
}


@pytest.mark.parametrize("algorithm", [a for a in A if a.startswith(("RSA", "ECDSA"))], ids=str)
def test_algorithms_of_others_verify_when_they_are_named(algorithm: SignatureAlgorithm) -> None:
    digest = DIGESTS[algorithm.rsplit("-", 1)[1]]()
    if algorithm.startswith("ECDSA"):
        key: SigningKey = P256
        made = cast("ec.EllipticCurvePrivateKey", library_key(key)).sign(MESSAGE, ec.ECDSA(digest))
    else:
        key = RSA
        scheme: padding.AsymmetricPadding = padding.PKCS1v15()
        if "PSS" in algorithm:
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
        made = cast("rsa.RSAPrivateKey", library_key(key)).sign(MESSAGE, scheme, digest)
    key.public.verify(MESSAGE, made, algorithm=algorithm)
    for other in {*OF_KIND[key.kind], None} - {algorithm}:
        if other is None and algorithm in (A.RSA_SHA256, A.ECDSA_SHA256):
            key.public.verify(MESSAGE, made)
            continue
        with pytest.raises(SignatureRefused):
            key.public.verify(MESSAGE, made, algorithm=other)


def test_pss_with_the_longest_salt_verifies_too() -> None:
    """OpenSSL 3.0 signs certificates so by default."""
    longest = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    made = cast("rsa.RSAPrivateKey", library_key(RSA)).sign(MESSAGE, longest, hashes.SHA256())
    RSA.public.verify(MESSAGE, made, algorithm=A.RSA_PSS_SHA256)


@with_all_kinds
def test_an_algorithm_of_another_kind_is_refused(key: SigningKey) -> None:
    signature = key.sign(MESSAGE)
    for algorithm in set(A) - OF_KIND[key.kind]:
        with pytest.raises(AlgorithmRefused, match=str(algorithm)):
            key.public.verify(MESSAGE, signature, algorithm=algorithm)
    if key.kind is not KeyKind.SM2:
        with pytest.raises(AlgorithmRefused, match="SM2"):
            key.sign(MESSAGE, signer_id=b"ID")
        with pytest.raises(AlgorithmRefused, match="SM2"):
            key.public.verify(MESSAGE, signature, signer_id=b"ID")


def test_weak_algorithms_are_called_weak() -> None:
    assert {a for a in A if a.weak} == {A.ECDSA_SHA1, A.RSA_SHA1, A.RSA_MD5}


def test_a_signer_id_that_is_too_long_for_its_length_is_refused() -> None:
    SM2.public.verify(MESSAGE, SM2.sign(MESSAGE, signer_id=b"i" * 8191), signer_id=b"i" * 8191)
    with pytest.raises(AlgorithmRefused, match="8191"):
        SM2.sign(MESSAGE, signer_id=b"i" * 8192)


# RSA and Ed25519: keys that must be refused


def test_weak_rsa_keys_are_taken_only_when_that_is_asked_and_say_so() -> None:
    made = rsa.generate_private_key(65537, 1024)  # noqa: S505 - what others made long ago
    spki = made.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(KeyRefused, match="1024 bits"):
        verifying_key_from_spki(spki)
    key = verifying_key_from_spki(spki, allow_weak=True)
    assert key.weak
    assert not RSA.public.weak
    key.verify(MESSAGE, made.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda n, _: (n + 1, 65537), "even"),
        (lambda n, _: (n, 1), "exponent"),
        (lambda n, _: (n, 65536), "exponent"),
        (lambda n, _: (n, 0), "exponent"),
        (lambda n, _: (n, 2**64 + 1), "exponent"),
        (lambda n, _: (n >> 2 | 1, 65537), "bits"),
        (lambda n, _: (n << 8192 | 1, 65537), "bits"),
        (lambda _n, _e: (0, 65537), "bits"),
    ],
)
def test_rsa_numbers_that_cannot_be_are_refused(
    change: Callable[[int, int], tuple[int, int]], says: str
) -> None:
    public = cast("RSAVerifyingKey", RSA.public)
    with pytest.raises(KeyRefused, match=says):
        RSAVerifyingKey(*change(public.n, public.e))


def torsion() -> set[bytes]:
    """Every encoding, canonical or not, of the eight points whose order divides 8."""
    p = 2**255 - 19
    y8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    values = {0, 1, p - 1, y8, p - y8, p, p + 1}
    return {(y | sign << 255).to_bytes(32, "little") for y in values for sign in (0, 1)}


@pytest.mark.parametrize("encoded", sorted(torsion()), ids=bytes.hex)
def test_ed25519_keys_of_small_order_are_refused(encoded: bytes) -> None:
    """Under the identity, (R, S) = (identity, 0) verifies any message."""
    with pytest.raises(KeyRefused, match="small order"):
        Ed25519VerifyingKey(encoded)


@pytest.mark.parametrize("encoded", [b"", bytes(31), bytes(33), b"\x02" + bytes(31), b"\xff" * 32])
def test_ed25519_bytes_that_are_no_point_are_refused(encoded: bytes) -> None:
    with pytest.raises(KeyRefused):
        Ed25519VerifyingKey(encoded)


def test_any_real_ed25519_key_is_taken() -> None:
    for _ in range(100):
        raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        assert Ed25519VerifyingKey(raw).encoded == raw


def test_an_ed25519_signature_with_s_beyond_the_order_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = ED.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little") + order
    with pytest.raises(SignatureRefused):
        ED.public.verify(MESSAGE, signature[:32] + s.to_bytes(32, "little"))
