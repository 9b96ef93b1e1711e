"""P-256 keys: agreement with `cryptography` and OpenSSL, and what must be refused."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from msb_identity.errors import KeyRefused, SignatureRefused
from msb_identity.pki import (
    KeyKind,
    SigningKey,
    VerifyingKey,
    generate_key,
    private_key,
    public_key,
)
from msb_identity.pki.curves import P256_CURVE, SM2_CURVE
from tests.support import broken_points, full_signature, renumbered, respelt, signature_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MESSAGE = "准予登记 message".encode()
N, P = P256_CURVE.n, P256_CURVE.p
G = P256_CURVE.gx.to_bytes(32, "big"), P256_CURVE.gy.to_bytes(32, "big")
SAMPLE = 2**255, 2**255 + 1  # only for the names of cases


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return generate_key(KeyKind.P256)


@pytest.fixture(scope="module")
def numbers(key: SigningKey) -> tuple[int, int]:
    return full_signature(key, MESSAGE)


def library_key(key: VerifyingKey) -> ec.EllipticCurvePublicKey:
    """The same point in `cryptography`, by way of SEC 1."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + key.x + key.y)


# Agreement


def test_cryptography_verifies_our_signature(key: SigningKey) -> None:
    signature = key.sign(MESSAGE)
    library_key(key.public).verify(signature, MESSAGE, ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        library_key(key.public).verify(signature, MESSAGE + b"!", ec.ECDSA(SHA256()))


def test_a_signature_by_cryptography_verifies() -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    shown = made.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    public = public_key(KeyKind.P256, shown[1:33], shown[33:])
    signature = made.sign(MESSAGE, ec.ECDSA(SHA256()))
    public.verify(MESSAGE, signature)
    with pytest.raises(SignatureRefused):
        public.verify(MESSAGE + b"!", signature)
    with pytest.raises(SignatureRefused):
        public.verify(MESSAGE, made.sign(MESSAGE, ec.ECDSA(SHA384())))


def test_openssl_verifies_our_signature(
    key: SigningKey, program: Callable[[str], str], tmp_path: Path
) -> None:
    pem = library_key(key.public).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "signature").write_bytes(key.sign(MESSAGE))
    arguments = ("-sha256", "-verify", tmp_path / "key.pem", "-signature", tmp_path / "signature")
    done = subprocess.run(
        [program("openssl"), "dgst", *arguments],
        input=MESSAGE,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr


def test_a_key_read_back_signs_for_the_same_point(key: SigningKey) -> None:
    again = private_key(KeyKind.P256, key.private_bytes(), key.public.x, key.public.y)
    assert again.public == key.public
    key.public.verify(MESSAGE, again.sign(MESSAGE))


def test_signing_twice_gives_different_signatures(key: SigningKey) -> None:
    signatures = {key.sign(MESSAGE)[:36] for _ in range(50)}
    assert len(signatures) == 50


def test_sixteen_threads_share_one_key(key: SigningKey) -> None:
    count = 16
    start = Barrier(count)

    def work(number: int) -> int:
        start.wait(timeout=30)
        for turn in range(20):
            message = b"%d %d" % (number, turn)
            key.public.verify(message, key.sign(message))
        return 20

    with ThreadPoolExecutor(count) as pool:
        assert sum(pool.map(work, range(count))) == count * 20


def test_a_key_never_shows_its_private_number(key: SigningKey) -> None:
    shown = repr(key) + str(key)
    number = int.from_bytes(key.private_bytes(), "big")
    for secret in (key.private_bytes().hex(), str(number), repr(key.private_bytes())):
        assert secret not in shown


def test_keys_are_equal_by_kind_and_point(key: SigningKey) -> None:
    same = public_key(KeyKind.P256, key.public.x, key.public.y)
    assert same == key.public
    assert len({same, key.public, generate_key(KeyKind.P256).public}) == 2
    assert same != generate_key(KeyKind.SM2).public
    assert same != "a key"


# What must be refused


@pytest.mark.parametrize("name", respelt(*SAMPLE))
def test_a_second_spelling_of_a_good_signature_is_refused(
    key: SigningKey, numbers: tuple[int, int], name: str
) -> None:
    key.public.verify(MESSAGE, signature_value(*numbers))
    with pytest.raises(SignatureRefused):
        key.public.verify(MESSAGE, respelt(*numbers)[name])


@pytest.mark.parametrize("name", renumbered(*SAMPLE, N))
def test_other_numbers_are_refused(key: SigningKey, numbers: tuple[int, int], name: str) -> None:
    with pytest.raises(SignatureRefused):
        key.public.verify(MESSAGE, signature_value(*renumbered(*numbers, N)[name]))


def test_a_signature_with_any_bit_changed_is_refused(
    key: SigningKey, numbers: tuple[int, int]
) -> None:
    both = numbers[0] << 256 | numbers[1]
    for bit in range(512):
        changed = both ^ 1 << bit
        with pytest.raises(SignatureRefused):
            key.public.verify(MESSAGE, signature_value(changed >> 256, changed & (1 << 256) - 1))


def test_another_key_is_refused(key: SigningKey) -> None:
    with pytest.raises(SignatureRefused):
        generate_key(KeyKind.P256).public.verify(MESSAGE, key.sign(MESSAGE))


def test_a_negated_s_is_a_second_good_signature(key: SigningKey, numbers: tuple[int, int]) -> None:
    """ECDSA as it is: signed bytes have more than one signature, so nothing may be keyed on it."""
    r, s = numbers
    key.public.verify(MESSAGE, signature_value(r, N - s))
    with pytest.raises(SignatureRefused):
        key.public.verify(MESSAGE, signature_value(N - r, s))


@pytest.mark.parametrize("name", broken_points(P256_CURVE))
def test_what_is_no_point_is_refused(name: str) -> None:
    with pytest.raises(KeyRefused):
        public_key(KeyKind.P256, *broken_points(P256_CURVE)[name])


def test_a_point_of_the_other_curve_is_refused() -> None:
    for kind, curve in ((KeyKind.P256, SM2_CURVE), (KeyKind.SM2, P256_CURVE)):
        with pytest.raises(KeyRefused, match="curve"):
            public_key(kind, curve.gx.to_bytes(32, "big"), curve.gy.to_bytes(32, "big"))


@pytest.mark.parametrize(
    "d",
    [
        bytes(32),
        N.to_bytes(32, "big"),
        (N + 1).to_bytes(32, "big"),
        b"\xff" * 32,
        b"",
        b"\x01",
        bytes(30) + b"\x01",
        bytes(32) + b"\x01",
        b"\x01" + bytes(31),
        (N - 1).to_bytes(32, "big"),
    ],
    ids=["0", "n", "n+1", "all bits", "empty", "short", "31 bytes", "33 bytes", "another's", "-1"],
)
def test_a_private_number_out_of_range_or_of_another_point_is_refused(d: bytes) -> None:
    """The point is G, whose private number is 1."""
    with pytest.raises(KeyRefused):
        private_key(KeyKind.P256, d, *G)


@pytest.mark.parametrize(("d", "y"), [(1, P256_CURVE.gy), (N - 1, P - P256_CURVE.gy)])
def test_the_smallest_and_the_largest_private_number_sign(d: int, y: int) -> None:
    """n - 1 is a good key for ECDSA, though not for SM2."""
    signer = private_key(KeyKind.P256, d.to_bytes(32, "big"), G[0], y.to_bytes(32, "big"))
    signer.public.verify(MESSAGE, signer.sign(MESSAGE))


def test_halves_of_two_keys_are_refused(key: SigningKey) -> None:
    other = generate_key(KeyKind.P256).public
    with pytest.raises(KeyRefused, match="belong"):
        private_key(KeyKind.P256, key.private_bytes(), other.x, other.y)
