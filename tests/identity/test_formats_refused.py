"""Files and forms of keys that must be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.errors import KeyRefused, StoreError, WrongPassword
from msb_identity.pki import (
    KeyFormat,
    KeyKind,
    SigningKey,
    VerifyingKey,
    encode_key,
    encode_public_key,
    generate_key,
    load_key,
    load_public_key,
    pbes,
)
from msb_identity.pki.pem import write_pem
from tests.identity.forms import (
    EC_KINDS,
    KEYS,
    PASSWORD,
    with_all_kinds,
)
from tests.support import element, integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def spki(kind: KeyKind) -> bytes:
    return KEYS[kind].public.spki


def plain(kind: KeyKind) -> bytes:
    return encode_key(KEYS[kind], KeyFormat.DER)


OTHER_CURVES = {
    "P-384": ("EC", "ec_paramgen_curve:P-384"),
    "P-521": ("EC", "ec_paramgen_curve:P-521"),
    "secp256k1": ("EC", "ec_paramgen_curve:secp256k1"),
    "brainpoolP256r1": ("EC", "ec_paramgen_curve:brainpoolP256r1"),
    "X25519": ("X25519",),
    "Ed448": ("ED448",),
    "RSASSA-PSS": ("RSA-PSS", "rsa_keygen_bits:2048"),
}


@pytest.mark.parametrize("name", OTHER_CURVES)
def test_kinds_that_we_do_not_have_are_refused_by_name(
    name: str, openssl: Callable[..., bytes]
) -> None:
    algorithm, *options = OTHER_CURVES[name]
    chosen = [part for option in options for part in ("-pkeyopt", option)]
    made = openssl("genpkey", "-algorithm", algorithm, *chosen)
    with pytest.raises(KeyRefused, match=name):
        load_key(made)
    with pytest.raises(KeyRefused, match=name):
        load_public_key(openssl("pkey", "-pubout", data=made))
    if algorithm == "EC":
        with pytest.raises(KeyRefused, match=name):
            load_key(openssl("ec", data=made))


@pytest.mark.parametrize("kind", EC_KINDS, ids=str)
def test_explicit_curve_parameters_are_refused(
    kind: KeyKind, openssl: Callable[..., bytes]
) -> None:
    explicit = ("-param_enc", "explicit")
    with pytest.raises(KeyRefused, match="explicit"):
        load_key(openssl("ec", *explicit, data=encode_key(KEYS[kind])))
    with pytest.raises(KeyRefused, match="explicit"):
        load_public_key(openssl("ec", "-pubout", *explicit, data=encode_key(KEYS[kind])))


@pytest.mark.parametrize("bits", [512, 1024, 2047])
def test_short_rsa_keys_are_refused(bits: int, openssl: Callable[..., bytes]) -> None:
    made = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}")
    with pytest.raises(KeyRefused, match=f"{bits} bits"):
        load_key(made)
    with pytest.raises(KeyRefused, match=f"{bits} bits"):
        load_public_key(openssl("pkey", "-pubout", data=made))
    with pytest.raises(KeyRefused, match="2048, 3072, 4096"):
        generate_key(KeyKind.RSA, bits=bits)


def test_a_password_for_a_key_that_is_not_encrypted_is_refused() -> None:
    for form in (KeyFormat.PEM, KeyFormat.DER, KeyFormat.SEC1, KeyFormat.JWK):
        with pytest.raises(KeyRefused, match="not encrypted"):
            load_key(encode_key(KEYS[KeyKind.SM2], form), PASSWORD)


def test_what_is_not_written_under_a_password_is_refused() -> None:
    for form in (KeyFormat.SEC1, KeyFormat.JWK):
        with pytest.raises(KeyRefused, match="PKCS#8"):
            encode_key(KEYS[KeyKind.SM2], form, PASSWORD)
    with pytest.raises(KeyRefused, match="empty"):
        encode_key(KEYS[KeyKind.SM2], KeyFormat.PEM, "")
    for kind in (KeyKind.RSA, KeyKind.ED25519):
        with pytest.raises(KeyRefused, match="SEC1"):
            encode_key(KEYS[kind], KeyFormat.SEC1)
    with pytest.raises(KeyRefused, match="SEC1"):
        encode_public_key(KEYS[KeyKind.SM2].public, KeyFormat.SEC1)
    for password in (b"\xff\xfe", "\ud800"):
        with pytest.raises(WrongPassword, match="UTF-8"):
            load_key(b"", password)


@with_all_kinds
def test_halves_of_two_keys_are_refused(kind: KeyKind) -> None:
    """The private half of one key beside the public half of another, in PKCS#8."""
    one, other = KEYS[kind], generate_key(kind)
    if kind is KeyKind.RSA:
        jwk: dict[str, Any] = {**json_of(one), "d": json_of(other)["d"]}
    elif kind is KeyKind.ED25519:
        jwk = {**json_of(one), "d": json_of(other)["d"]}
        with_public = element(0x81, b"\0", public_bits(other.public))
        version_1 = element(0x30, integer(1), plain(kind)[5:], with_public)
        with pytest.raises(KeyRefused, match="belong"):
            load_key(version_1)
    else:
        jwk = {**json_of(one), "x": json_of(other)["x"], "y": json_of(other)["y"]}
        swapped = plain(kind).replace(public_bits(one.public), public_bits(other.public))
        with pytest.raises(KeyRefused, match="belong"):
            load_key(swapped)
    with pytest.raises(KeyRefused, match="belong"):
        load_key(json_bytes(jwk))


def json_of(key: SigningKey) -> dict[str, Any]:
    import json

    loaded: dict[str, Any] = json.loads(encode_key(key, KeyFormat.JWK))
    return loaded


def json_bytes(value: object) -> bytes:
    import json

    return json.dumps(value).encode()


def public_bits(key: VerifyingKey) -> bytes:
    return key.spki[-32:] if key.kind is KeyKind.ED25519 else b"\x04" + key.x + key.y


def test_a_oneasymmetrickey_with_its_own_public_key_loads() -> None:
    for kind in (KeyKind.ED25519, KeyKind.SM2):
        key = KEYS[kind]
        body = plain(kind)
        start = body.index(b"\x02\x01\x00") + 3
        with_public = element(0x81, b"\0", public_bits(key.public))
        assert load_key(element(0x30, integer(1), body[start:], with_public)).public == key.public
        with_attributes = element(0x30, integer(0), body[start:], element(0xA0))
        assert load_key(with_attributes).public == key.public
        for wrong in (
            element(0x30, integer(0), body[start:], with_public),
            element(0x30, integer(2), body[start:]),
            element(0x30, integer(1), body[start:], with_public, element(5)),
        ):
            with pytest.raises(KeyRefused):
                load_key(wrong)


GOOD = write_pem("PRIVATE KEY", plain(KeyKind.SM2))
PEMS = {
    "text before": b"Bag Attributes\n" + GOOD,
    "text behind": GOOD + b"text\n",
    "two keys": GOOD + GOOD,
    "another label": GOOD.replace(b"PRIVATE KEY", b"CERTIFICATE"),
    "a public label": GOOD.replace(b"PRIVATE KEY", b"PUBLIC KEY"),
    "an encrypted label": GOOD.replace(b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY"),
    "labels that differ": GOOD.replace(b"END PRIVATE KEY", b"END EC PRIVATE KEY"),
    "no end": GOOD[:-30],
    "a character that is not base64": GOOD.replace(b"MI", b"M!", 1),
    "an empty line": GOOD.replace(b"-----\nMI", b"-----\n\nMI", 1),
    "no content": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    "old encryption": GOOD.replace(b"-----\nMI", b"-----\nProc-Type: 4,ENCRYPTED\n\nMI", 1),
    "a byte behind the key": write_pem("PRIVATE KEY", plain(KeyKind.SM2) + b"\0"),
    "an explicit curve before": write_pem("EC PARAMETERS", element(0x30)) + GOOD,
}


@pytest.mark.parametrize("name", PEMS)
def test_pem_that_breaks_a_rule_is_refused(name: str) -> None:
    assert load_key(GOOD.replace(b"\n", b"\r\n")).public == KEYS[KeyKind.SM2].public
    assert load_key(b"\n" + GOOD + b"\n\n").public == KEYS[KeyKind.SM2].public
    with pytest.raises(KeyRefused):
        load_key(PEMS[name])


def test_openssl_curve_name_before_an_ec_key_must_be_the_key_s() -> None:
    key = encode_key(KEYS[KeyKind.SM2], KeyFormat.SEC1)
    sm2, p256 = (bytes.fromhex(o) for o in ("06082a811ccf5501822d", "06082a8648ce3d030107"))
    assert load_key(write_pem("EC PARAMETERS", sm2) + key).public == KEYS[KeyKind.SM2].public
    with pytest.raises(KeyRefused, match="two curves"):
        load_key(write_pem("EC PARAMETERS", p256) + key)


def test_the_wrong_half_is_refused_by_name() -> None:
    with pytest.raises(KeyRefused, match="a public key where a private"):
        load_key(spki(KeyKind.P256))
    with pytest.raises(KeyRefused, match="PUBLIC KEY where a private"):
        load_key(encode_public_key(KEYS[KeyKind.P256].public))
    with pytest.raises(KeyRefused, match="PRIVATE KEY where a public"):
        load_public_key(encode_key(KEYS[KeyKind.P256]))
    for form in (KeyFormat.DER, KeyFormat.JWK):
        with pytest.raises(KeyRefused):
            load_public_key(encode_key(KEYS[KeyKind.P256], form))


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        load_key(tmp_path / "none")
    with pytest.raises(StoreError, match="cannot read"):
        load_public_key(tmp_path)
    (tmp_path / "huge").write_bytes(b" " * 300_000)
    with pytest.raises(KeyRefused, match="more than"):
        load_key(tmp_path / "huge")


def encrypted(derivation: bytes, oid: str = "06092a864886f70d01050c") -> bytes:
    """An EncryptedPrivateKeyInfo of PBES2 with AES-256 whose derivation is given."""
    kdf = element(0x30, bytes.fromhex(oid), derivation)
    aes = element(0x30, bytes.fromhex("060960864801650304012a"), element(4, bytes(16)))
    pbes2 = element(0x30, bytes.fromhex("06092a864886f70d01050d"), element(0x30, kdf, aes))
    return element(0x30, pbes2, element(4, bytes(32)))


@pytest.mark.parametrize("iterations", [0, pbes.MAX_ITERATIONS + 1, 2**31, 2**64])
def test_a_file_that_asks_for_too_much_work_is_refused_at_once(iterations: int) -> None:
    with pytest.raises(KeyRefused, match="iterations"):
        load_key(encrypted(element(0x30, element(4, b"salt"), integer(iterations))), "x")


@pytest.mark.parametrize(
    ("n", "r", "p"), [(2**30, 8, 1), (2**14, 2**20, 1), (2**14, 8, 2**20), (3, 8, 1), (1, 8, 1)]
)
def test_scrypt_that_asks_for_too_much_is_refused_at_once(n: int, r: int, p: int) -> None:
    numbers = element(0x30, element(4, b"salt"), integer(n), integer(r), integer(p))
    with pytest.raises(KeyRefused, match="scrypt"):
        load_key(encrypted(numbers, "06092b06010401da47040b"), "x")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("3_1.ec_public_key", "P-521"),
        ("3_2.ec_private_key", "P-521"),
        ("3_5.symmetric_key_mac_computation", "oct"),
        ("3_6.symmetric_key_encryption", "oct"),
    ],
)
def test_jwks_of_rfc_7520_that_we_do_not_have_are_refused_by_name(
    vectors: Path, name: str, says: str
) -> None:
    path = vectors / "identity" / "rfc7520" / "jwk" / f"{name}.json"
    for load in (load_key, load_public_key):
        with pytest.raises(KeyRefused, match=says):
            load(path)


def test_the_rsa_jwks_of_rfc_7520_load(vectors: Path) -> None:
    folder = vectors / "identity" / "rfc7520" / "jwk"
    key = load_key((folder / "3_4.rsa_private_key.json").read_bytes())
    assert load_public_key(folder / "3_3.rsa_public_key.json") == key.public
