"""Seeded mutants of every key file and certificate of the vectors: nothing undeclared is raised."""

from __future__ import annotations

import random
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.pki import (
    KeyFormat,
    KeyKind,
    der,
    encode_key,
    encode_public_key,
    generate_key,
    load_key,
    load_pkcs12,
    load_public_key,
    pbes,
    verifying_key_from_spki,
)
from msb_identity.pki.pem import write_pem
from msb_identity.pki.pkcs12 import read_safe
from msb_identity.pki.privatekeys import read_private_key_info
from tests.support import element, integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MUTANTS = 10_000
PASSWORD = "777777"
SLOW = 50  # mutants of each PKCS#12 file: its MAC takes 100,000 iterations


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may ask for little work only, so that mutants which ask for much cost nothing."""
    monkeypatch.setattr(pbes, "MAX_ITERATIONS", 2_000)
    monkeypatch.setattr(pbes, "MAX_SCRYPT_WORK", 1 << 14)
    monkeypatch.setattr(pbes, "WRITTEN_ITERATIONS", 10)


def mutant(data: bytes, chance: random.Random) -> bytes:
    """The data with one to three changes of the kinds that break parsers."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(changed) + 1)
        size = chance.choice([1, 1, 1, 2, 4, 16])
        kind = chance.randrange(7)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(changed):
            changed[at] = chance.choice([0, 1, 2, 3, 4, 0x30, 0x7F, 0x80, 0x84, 0xA0, 0xFF])
        elif kind == 2:
            del changed[at : at + size]
        elif kind == 3:
            changed[at:at] = chance.randbytes(size)
        elif kind == 4:
            source = chance.randrange(len(changed) + 1)
            changed[at:at] = changed[source : source + 4 * size]
        elif kind == 5:
            changed[at : at + size] = bytes(size)
        else:
            del changed[at:]
    return bytes(changed)


def pems_and_ders(folder: Path) -> list[bytes]:
    """Key files, certificates and requests, as they are and as DER."""
    names = ("sm2/*.key", "sm2/*.pem", "sm2/*.crt", "sm2/*.csr", "seal/*.pem", "pdf/own/*.key")
    paths = [path for name in names for path in sorted(folder.glob(name))]
    paths += [*sorted(folder.glob("pdf/own/*.crt")), *sorted(folder.glob("identity/rfc7520/jwk/*"))]
    assert len(paths) > 20
    return [path.read_bytes() for path in paths]


def spkis(folder: Path) -> list[bytes]:
    """The SubjectPublicKeyInfo of certificates, found without their keys being read."""
    found = []
    for name in ("sm2/ca.pem", "sm2/tongsuo_*.crt", "seal/*_cert.pem", "pdf/own/*.crt"):
        for path in sorted(folder.glob(name)):
            body = path.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1].split(b"-----END")[0]
            parts = der.read_der(b64decode(body)).sequence()[0].sequence()
            found.append(parts[6 if parts[0].tag == 0xA0 else 5].encoded)
    assert len(found) > 3
    return found


def own_files() -> list[bytes]:
    keys = [generate_key(kind) for kind in KeyKind]
    plain = [encode_key(key, form) for key in keys for form in (KeyFormat.DER, KeyFormat.JWK)]
    locked = [encode_key(key, KeyFormat.DER, PASSWORD) for key in keys]
    pems = [encode_key(key, KeyFormat.PEM) for key in keys]
    sec1 = [encode_key(keys[0], KeyFormat.SEC1), encode_key(keys[1], KeyFormat.SEC1)]
    public = [
        encode_public_key(k.public, form) for k in keys for form in (KeyFormat.PEM, KeyFormat.DER)
    ]
    return [*plain, *locked, *pems, *sec1, *public]


def safe_contents() -> bytes:
    """An AuthenticatedSafe with a plain key bag, an encrypted one and a certificate, as BER."""
    password = pbes.Password(PASSWORD)
    info = encode_key(generate_key(KeyKind.SM2), KeyFormat.DER)
    algorithm, ciphertext = pbes.encrypt(info, password)
    bags = "1.2.840.113549.1.12.10.1."
    locked = der.sequence(algorithm, der.octet_string(ciphertext))
    certificate = der.sequence(
        der.oid("1.2.840.113549.1.9.22.1"), element(0xA0, der.octet_string(b"certificate"))
    )
    inside = der.sequence(
        der.sequence(der.oid(bags + "2"), element(0xA0, locked), element(0x31)),
        der.sequence(der.oid(bags + "3"), element(0xA0, certificate)),
    )
    algorithm, ciphertext = pbes.encrypt(der.sequence(), password)
    encrypted = der.sequence(der.oid("1.2.840.113549.1.7.1"), algorithm, element(0x80, ciphertext))
    parts = b"\x24\x80" + der.octet_string(inside[:40]) + der.octet_string(inside[40:]) + b"\0\0"
    return der.sequence(
        der.sequence(der.oid("1.2.840.113549.1.7.1"), element(0xA0, parts)),
        der.sequence(
            der.oid("1.2.840.113549.1.7.6"), element(0xA0, der.sequence(integer(0), encrypted))
        ),
    )


@pytest.mark.usefixtures("cheap")
def test_ten_thousand_mutants_raise_nothing_undeclared(vectors: Path) -> None:
    chance = random.Random("msb keys 1")
    inputs = [*pems_and_ders(vectors), *own_files(), *spkis(vectors)]
    safe = safe_contents()
    assert read_safe(safe, pbes.Password(PASSWORD)).certificates == (b"certificate",)
    loaders: list[Callable[[bytes], object]] = [
        load_key,
        load_public_key,
        verifying_key_from_spki,
        lambda data: load_key(data, PASSWORD),
        lambda data: load_key(write_pem("PRIVATE KEY", data)),
    ]
    loaded = 0
    for turn in range(MUTANTS):
        data = mutant(inputs[turn % len(inputs)], chance)
        for load in (loaders[turn % 2], chance.choice(loaders)):
            loaded += succeeds(load, data)
    for _ in range(MUTANTS // 10):
        loaded += succeeds(open_safe, mutant(safe, chance))
    assert loaded > 0, "some mutants change nothing that matters, and must still load"


def open_safe(data: bytes) -> object:
    """Read bags whose MAC would be good."""
    try:
        return read_safe(data, pbes.Password(PASSWORD))
    except EncodingRefused as error:  # what `load_pkcs12` turns it into
        raise KeyRefused(str(error)) from error


def succeeds(load: Callable[[bytes], object], data: bytes) -> bool:
    try:
        load(data)
    except KeyRefused:
        return False
    return True


def test_mutants_of_the_seal_makers_files_raise_nothing_undeclared(vectors: Path) -> None:
    chance = random.Random("msb keys 2")
    for name in ("USER.p12", "SealBuilder.p12", "ROOT.p12"):
        data = (vectors / "seal" / name).read_bytes()
        for _ in range(SLOW):
            succeeds(lambda changed: load_pkcs12(changed, PASSWORD), mutant(data, chance))


def test_mutants_of_decrypted_keys_raise_nothing_undeclared() -> None:
    chance = random.Random("msb keys 3")
    infos = [encode_key(generate_key(kind), KeyFormat.DER) for kind in KeyKind]

    def read(data: bytes) -> object:
        try:
            return read_private_key_info(der.read_der(data))
        except EncodingRefused as error:
            raise KeyRefused(str(error)) from error

    for turn in range(1_000):
        succeeds(read, mutant(infos[turn % len(infos)], chance))
