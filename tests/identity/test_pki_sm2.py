"""SM2 keys: the standard's example, agreement with OpenSSL, what must be refused, backends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any, cast

import pytest

import msb_identity
from msb_identity.errors import KeyRefused, NoBackend, SignatureRefused
from msb_identity.pki import (
    KeyKind,
    SigningKey,
    VerifyingKey,
    generate_key,
    libcrypto,
    private_key,
    public_key,
)
from msb_identity.pki.curves import SM2_CURVE
from msb_identity.pki.sm import sm3
from msb_identity.pki.sm2 import signer_digest
from msb_identity.pki.sm2_answers import prove
from tests.support import (
    broken_points,
    element,
    full_signature,
    integer,
    renumbered,
    respelt,
    signature_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from msb_identity.pki.libcrypto import KeyHandle

MESSAGE = "准予登记 message".encode()
N, P = SM2_CURVE.n, SM2_CURVE.p
G = SM2_CURVE.gx.to_bytes(32, "big"), SM2_CURVE.gy.to_bytes(32, "big")
SAMPLE = 2**255, 2**255 + 1  # only for the names of cases
DISTID = "distid:1234567812345678"
OID_EC = bytes.fromhex("06072a8648ce3d0201")
OID_SM2 = bytes.fromhex("06082a811ccf5501822d")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return generate_key(KeyKind.SM2)


@pytest.fixture(scope="module")
def numbers(key: SigningKey) -> tuple[int, int]:
    return full_signature(key, MESSAGE)


# The standard's example


@pytest.fixture(scope="module")
def example(vectors: Path) -> dict[str, Any]:
    return cast(
        "dict[str, Any]",
        json.loads((vectors / "sm2" / "gmt0003_5.json").read_text(encoding="utf-8")),
    )


def example_key(example: dict[str, Any]) -> VerifyingKey:
    return public_key(KeyKind.SM2, bytes.fromhex(example["x"]), bytes.fromhex(example["y"]))


def test_z_and_the_digest_are_those_of_the_standard(example: dict[str, Any]) -> None:
    z = signer_digest(*(bytes.fromhex(example[name]) for name in ("x", "y")))
    assert z == bytes.fromhex(example["ZA"])
    assert sm3(z, example["msg"].encode()) == bytes.fromhex(example["e"])
    assert sm3(b"abc") == bytes.fromhex(example["sm3"]["abc"])


def test_the_signature_of_the_standard_verifies(example: dict[str, Any]) -> None:
    r, s = int(example["r"], 16), int(example["s"], 16)
    example_key(example).verify(example["msg"].encode(), signature_value(r, s))


def test_the_private_number_of_the_standard_signs_for_its_point(example: dict[str, Any]) -> None:
    signer = private_key(KeyKind.SM2, *(bytes.fromhex(example[name]) for name in ("d", "x", "y")))
    assert signer.private_bytes() == bytes.fromhex(example["d"])
    example_key(example).verify(MESSAGE, signer.sign(MESSAGE))


def test_the_signature_of_the_standard_with_any_bit_changed_is_refused(
    example: dict[str, Any],
) -> None:
    key, message = example_key(example), example["msg"].encode()
    both = int(example["r"] + example["s"], 16)
    for bit in range(512):
        changed = both ^ 1 << bit
        with pytest.raises(SignatureRefused):
            key.verify(message, signature_value(changed >> 256, changed & (1 << 256) - 1))


@pytest.mark.parametrize("message", [b"", b"message digesT", b"message digest\0", b"message diges"])
def test_the_signature_of_the_standard_is_for_no_other_message(
    example: dict[str, Any], message: bytes
) -> None:
    value = signature_value(int(example["r"], 16), int(example["s"], 16))
    with pytest.raises(SignatureRefused):
        example_key(example).verify(message, value)


# OpenSSL


def openssl(
    find: Callable[[str], str], *arguments: str | Path
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [find("openssl"), *arguments], capture_output=True, check=False, timeout=30
    )


def pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{b64encode(der).decode()}\n-----END {label}-----\n"


def point(key: VerifyingKey) -> bytes:
    return b"\x04" + key.x + key.y


def public_pem(key: VerifyingKey) -> str:
    """SubjectPublicKeyInfo (RFC 5480 section 2)."""
    algorithm = element(0x30, OID_EC, OID_SM2)
    return pem("PUBLIC KEY", element(0x30, algorithm, element(3, b"\0", point(key))))


def pkcs8_pem(key: SigningKey) -> str:
    """PrivateKeyInfo (RFC 5208 section 5) around an ECPrivateKey (RFC 5915 section 3)."""
    public = element(0xA1, element(3, b"\0", point(key.public)))
    inner = element(0x30, integer(1), element(4, key.private_bytes()), public)
    algorithm = element(0x30, OID_EC, OID_SM2)
    return pem("PRIVATE KEY", element(0x30, integer(0), algorithm, element(4, inner)))


@pytest.mark.parametrize("message", [b"m", MESSAGE, bytes(10_000)])
def test_openssl_verifies_our_signature(
    key: SigningKey, program: Callable[[str], str], tmp_path: Path, message: bytes
) -> None:
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(key.sign(message))
    (tmp_path / "key.pem").write_text(public_pem(key.public), encoding="ascii")
    options = ("-pubin", "-inkey", tmp_path / "key.pem", "-rawin", "-digest", "sm3")
    files = ("-in", tmp_path / "message", "-sigfile", tmp_path / "signature")
    good = openssl(program, "pkeyutl", "-verify", *options, "-pkeyopt", DISTID, *files)
    assert good.returncode == 0, good.stderr
    other = "distid:8765432187654321"
    assert openssl(program, "pkeyutl", "-verify", *options, "-pkeyopt", other, *files).returncode


@pytest.mark.parametrize("message", [b"m", MESSAGE, bytes(10_000)])
def test_a_signature_by_openssl_with_our_key_verifies(
    key: SigningKey, program: Callable[[str], str], tmp_path: Path, message: bytes
) -> None:
    (tmp_path / "key.pem").write_text(pkcs8_pem(key), encoding="ascii")
    key.public.verify(message, signed_by_openssl(program, tmp_path, message))


def test_a_key_and_a_signature_by_openssl_verify(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    made = openssl(program, "genpkey", "-algorithm", "SM2", "-out", tmp_path / "key.pem")
    assert made.returncode == 0, made.stderr
    shown = openssl(program, "pkey", "-in", tmp_path / "key.pem", "-pubout", "-outform", "DER")
    public = public_key(KeyKind.SM2, shown.stdout[-64:-32], shown.stdout[-32:])
    public.verify(MESSAGE, signed_by_openssl(program, tmp_path, MESSAGE))


def test_a_signature_for_another_signer_id_is_refused(
    key: SigningKey, program: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text(pkcs8_pem(key), encoding="ascii")
    signature = signed_by_openssl(program, tmp_path, MESSAGE, distid="distid:ALICE123@YAHOO.COM")
    with pytest.raises(SignatureRefused):
        key.public.verify(MESSAGE, signature)


def signed_by_openssl(
    find: Callable[[str], str], folder: Path, message: bytes, *, distid: str = DISTID
) -> bytes:
    (folder / "message").write_bytes(message)
    options = ("-inkey", folder / "key.pem", "-rawin", "-digest", "sm3", "-pkeyopt", distid)
    files = ("-in", folder / "message", "-out", folder / "signature")
    done = openssl(find, "pkeyutl", "-sign", *options, *files)
    assert done.returncode == 0, done.stderr
    return (folder / "signature").read_bytes()


def test_openssl_own_cases_give_its_own_answers(vectors: Path) -> None:
    """Input is e itself here. A case with a Result is one that must not verify."""
    text = (vectors / "sm2" / "openssl_evppkey_sm2.txt").read_text(encoding="utf-8")
    (encoded,) = re.findall(r"-----BEGIN PRIVATE KEY-----(.*?)-----END", text, re.DOTALL)
    library = libcrypto.library()
    handle = library.take(b64decode(encoded)[-65:])
    cases = [
        dict(re.findall(r"^(\w+) = (.*)$", block, re.MULTILINE))
        for block in text.split("\n\n")
        if block.startswith("Verify = ")
    ]
    answers = [
        library.verify_digest(handle, bytes.fromhex(c["Input"]), bytes.fromhex(c["Output"]))
        for c in cases
    ]
    assert answers == ["Result" not in case for case in cases] == [True, True, False]


# Signing


def test_signing_twice_gives_different_signatures(key: SigningKey) -> None:
    signatures = [key.sign(MESSAGE) for _ in range(50)]
    nonces = {signature[:36] for signature in signatures}  # r shows whether a nonce came back
    assert len(nonces) == len(signatures)
    for signature in signatures:
        key.public.verify(MESSAGE, signature)


def test_a_key_read_back_signs_for_the_same_point(key: SigningKey) -> None:
    again = private_key(KeyKind.SM2, key.private_bytes(), key.public.x, key.public.y)
    assert again.public == key.public
    key.public.verify(MESSAGE, again.sign(MESSAGE))


def test_another_key_is_refused(key: SigningKey) -> None:
    with pytest.raises(SignatureRefused):
        generate_key(KeyKind.SM2).public.verify(MESSAGE, key.sign(MESSAGE))


def test_sixteen_threads_share_one_key(key: SigningKey) -> None:
    count = 16
    start = Barrier(count)
    fresh = private_key(KeyKind.SM2, key.private_bytes(), key.public.x, key.public.y)

    def work(number: int) -> int:
        start.wait(timeout=30)  # so that the key's lazy parts are made by all at once, too
        good = 0
        for turn in range(20):
            message = b"%d %d" % (number, turn)
            signature = fresh.sign(message)
            fresh.public.verify(message, signature)
            with pytest.raises(SignatureRefused):
                fresh.public.verify(message + b"!", signature)
            good += 1
        return good

    with ThreadPoolExecutor(count) as pool:
        assert sum(pool.map(work, range(count))) == count * 20


def test_a_key_never_shows_its_private_number(key: SigningKey) -> None:
    shown = repr(key) + str(key)
    number = int.from_bytes(key.private_bytes(), "big")
    for secret in (key.private_bytes().hex(), str(number), repr(key.private_bytes())):
        assert secret not in shown


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


def test_r_plus_s_equal_to_n_is_refused(key: SigningKey, numbers: tuple[int, int]) -> None:
    r, s = numbers
    for pair in ((r, N - r), (N - s, s), (1, N - 1), (N - 1, 1)):
        with pytest.raises(SignatureRefused, match=r"r \+ s = n"):
            key.public.verify(MESSAGE, signature_value(*pair))


def test_a_negated_signature_is_refused(key: SigningKey, numbers: tuple[int, int]) -> None:
    """In ECDSA (r, n - s) is good too; in SM2 nothing like it is."""
    r, s = numbers
    for pair in ((r, N - s), (N - r, s), (N - r, N - s)):
        with pytest.raises(SignatureRefused):
            key.public.verify(MESSAGE, signature_value(*pair))


@pytest.mark.parametrize("name", broken_points(SM2_CURVE))
def test_what_is_no_point_is_refused(name: str) -> None:
    with pytest.raises(KeyRefused):
        public_key(KeyKind.SM2, *broken_points(SM2_CURVE)[name])


@pytest.mark.parametrize(
    "d",
    [
        bytes(32),
        (N - 1).to_bytes(32, "big"),
        N.to_bytes(32, "big"),
        (N + 1).to_bytes(32, "big"),
        b"\xff" * 32,
        b"",
        b"\x01",
        bytes(30) + b"\x01",
        bytes(32) + b"\x01",
        b"\x01" + bytes(31),
    ],
    ids=["0", "n-1", "n", "n+1", "all bits", "empty", "short", "31 bytes", "33 bytes", "another's"],
)
def test_a_private_number_out_of_range_or_of_another_point_is_refused(d: bytes) -> None:
    """The point is G, whose private number is 1."""
    with pytest.raises(KeyRefused):
        private_key(KeyKind.SM2, d, *G)


def test_the_private_number_n_minus_1_is_refused_with_its_own_point() -> None:
    """1 + d would be n: no signature exists (GB/T 32918.2 section 6.1)."""
    minus_g = G[0], (P - SM2_CURVE.gy).to_bytes(32, "big")
    public_key(KeyKind.SM2, *minus_g)
    with pytest.raises(KeyRefused, match="range"):
        private_key(KeyKind.SM2, (N - 1).to_bytes(32, "big"), *minus_g)


def test_the_smallest_private_number_signs() -> None:
    signer = private_key(KeyKind.SM2, bytes(31) + b"\x01", *G)
    signer.public.verify(MESSAGE, signer.sign(MESSAGE))


def test_halves_of_two_keys_are_refused(key: SigningKey) -> None:
    other = generate_key(KeyKind.SM2).public
    with pytest.raises(KeyRefused, match="belong"):
        private_key(KeyKind.SM2, key.private_bytes(), other.x, other.y)
    minus = (P - int.from_bytes(key.public.y, "big")).to_bytes(32, "big")
    with pytest.raises(KeyRefused, match="belong"):
        private_key(KeyKind.SM2, key.private_bytes(), key.public.x, minus)


# The proof that a library must give before it is used


class WrongOnPurpose(libcrypto.LibCrypto):
    """A good libcrypto that lies in one answer."""

    def __init__(self) -> None:
        super().__init__(libcrypto.library().name)


class VerifiesEverything(WrongOnPurpose):
    def verify_digest(self, key: KeyHandle, digest: bytes, der: bytes) -> bool:
        super().verify_digest(key, digest, der)
        return True


class VerifiesNothing(WrongOnPurpose):
    def verify_digest(self, key: KeyHandle, digest: bytes, der: bytes) -> bool:
        super().verify_digest(key, digest, der)
        return False


class IgnoresTheDigest(WrongOnPurpose):
    def verify_digest(self, key: KeyHandle, digest: bytes, der: bytes) -> bool:
        return any(
            super(IgnoresTheDigest, self).verify_digest(key, e, der) for e in (digest, KNOWN_E)
        )


class SignsBadly(WrongOnPurpose):
    def sign_digest(self, key: KeyHandle, digest: bytes) -> bytes:
        return super().sign_digest(key, digest[::-1])


class RepeatsItsNonce(WrongOnPurpose):
    made = b""

    def sign_digest(self, key: KeyHandle, digest: bytes) -> bytes:
        self.made = self.made or super().sign_digest(key, digest)
        return self.made


class CannotSign(WrongOnPurpose):
    def sign_digest(self, key: KeyHandle, digest: bytes) -> bytes:
        message = f"no signature over {len(digest)} bytes by {key}"
        raise KeyRefused(message)


KNOWN_E = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")


def test_a_good_library_is_proven() -> None:
    prove(WrongOnPurpose())


@pytest.mark.parametrize(
    "library",
    [
        VerifiesEverything,
        VerifiesNothing,
        IgnoresTheDigest,
        SignsBadly,
        RepeatsItsNonce,
        CannotSign,
    ],
)
def test_a_library_that_is_wrong_is_not_proven(library: type[WrongOnPurpose]) -> None:
    with pytest.raises((NoBackend, KeyRefused)):
        prove(library())


@pytest.mark.parametrize("named", ["text", "empty", "nowhere", "folder", "libc.so.6"])
def test_a_variable_that_names_no_libcrypto_gives_no_backend(tmp_path: Path, named: str) -> None:
    """The user's choice is final: nothing else is tried in its place."""
    (tmp_path / "text").write_text("not a library", encoding="ascii")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    path = named if named.startswith("lib") else str(tmp_path / named)
    script = (
        "from msb_identity.errors import NoBackend\n"
        "from msb_identity.pki import KeyKind, generate_key\n"
        "try:\n    generate_key(KeyKind.SM2)\n"
        "except NoBackend as error:\n    print('NoBackend', error)\n"
    )
    root = str(Path(msb_identity.__file__).parents[1])
    environment = {**os.environ, libcrypto.LIBRARY_VARIABLE: path, "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.startswith("NoBackend")
    assert path in done.stdout
