"""Key files: OpenSSL reads what we write and we read what it writes; what is refused, and how."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    load_pkcs12,
    load_public_key,
    pbes,
)
from msb_identity.pki.pem import write_pem
from tests.support import element, integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MESSAGE = "准予登记 message".encode()
PASSWORD = "密码 pass"
KEYS = {kind: generate_key(kind) for kind in KeyKind}
EC_KINDS = (KeyKind.SM2, KeyKind.P256)
OID_EC = bytes.fromhex("06072a8648ce3d0201")
with_all_kinds = pytest.mark.parametrize("kind", list(KeyKind), ids=str)


@pytest.fixture
def openssl(program: Callable[[str], str]) -> Callable[..., bytes]:
    path = program("openssl")

    def run(*arguments: str | Path, data: bytes = b"") -> bytes:
        done = subprocess.run([path, *arguments], input=data, capture_output=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    return run


def assert_same_key(one: SigningKey, other: SigningKey) -> None:
    """The same numbers, and each verifies what the other signs."""
    assert one.public == other.public
    assert encode_key(one, KeyFormat.DER) == encode_key(other, KeyFormat.DER)
    other.public.verify(MESSAGE, one.sign(MESSAGE))
    one.public.verify(MESSAGE, other.sign(MESSAGE))


# There and back


def private_forms(kind: KeyKind) -> list[tuple[KeyFormat, str | None]]:
    plain = [(form, None) for form in KeyFormat if form is not KeyFormat.SEC1 or kind in EC_KINDS]
    return [*plain, (KeyFormat.PEM, PASSWORD), (KeyFormat.DER, PASSWORD)]


@with_all_kinds
def test_every_form_comes_back(kind: KeyKind) -> None:
    key = KEYS[kind]
    for form, password in private_forms(kind):
        assert_same_key(load_key(encode_key(key, form, password), password), key)
    for form in (KeyFormat.PEM, KeyFormat.DER, KeyFormat.JWK):
        assert load_public_key(encode_public_key(key.public, form)) == key.public


@pytest.mark.parametrize("bits", [3072, 4096])
def test_longer_rsa_keys_come_back(bits: int) -> None:
    key = generate_key(KeyKind.RSA, bits=bits)
    assert_same_key(load_key(encode_key(key)), key)
    assert len(key.sign(MESSAGE)) == bits // 8


@settings(max_examples=50)
@given(d=st.integers(1, 2**256), kind=st.sampled_from(EC_KINDS))
def test_any_number_comes_back_with_or_without_its_point(d: int, kind: KeyKind) -> None:
    private = (d % (kind.curve.n - 2) + 1).to_bytes(32, "big")
    curve = {KeyKind.SM2: "06082a811ccf5501822d", KeyKind.P256: "06082a8648ce3d030107"}[kind]
    named = element(0xA0, bytes.fromhex(curve))
    bare = element(0x30, integer(1), element(4, private), named)
    key = load_key(bare)
    assert key.private_bytes() == private
    for form in KeyFormat:
        assert load_key(encode_key(key, form)).public == key.public


# OpenSSL


@with_all_kinds
def test_openssl_reads_what_we_write(
    kind: KeyKind, openssl: Callable[..., bytes], tmp_path: Path
) -> None:
    key = KEYS[kind]
    wanted = openssl("pkey", "-pubin", "-outform", "DER", data=encode_public_key(key.public))
    assert wanted == key.public.spki
    for form, password in private_forms(kind):
        if form is KeyFormat.JWK:
            continue
        (tmp_path / "key").write_bytes(encode_key(key, form, password))
        encoding = "DER" if form is KeyFormat.DER else "PEM"
        options = ("-in", tmp_path / "key", "-inform", encoding, "-passin", f"pass:{password}")
        assert openssl("pkey", *options, "-pubout", "-outform", "DER") == wanted
        if form is KeyFormat.DER and password:
            openssl("pkcs8", *options, "-out", tmp_path / "plain")
            assert_same_key(load_key(tmp_path / "plain"), key)


def made_by_openssl(kind: KeyKind, openssl: Callable[..., bytes]) -> bytes:
    options = {
        KeyKind.SM2: ("-algorithm", "SM2"),
        KeyKind.P256: ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        KeyKind.RSA: ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        KeyKind.ED25519: ("-algorithm", "ED25519"),
    }[kind]
    return openssl("genpkey", *options)


@with_all_kinds
def test_we_read_what_openssl_writes(kind: KeyKind, openssl: Callable[..., bytes]) -> None:
    made = made_by_openssl(kind, openssl)
    key = load_key(made)
    assert key.kind is kind
    pkcs8 = openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=made)
    assert_same_key(load_key(pkcs8), key)
    public = openssl("pkey", "-pubout", data=made)
    assert load_public_key(public) == key.public
    # Our PKCS#8 is OpenSSL's, byte for byte.
    assert encode_key(key, KeyFormat.DER) == pkcs8
    if kind is not KeyKind.ED25519:
        command = ("rsa", "-traditional") if kind is KeyKind.RSA else ("ec",)
        assert_same_key(load_key(openssl(*command, data=made)), key)
        assert_same_key(load_key(openssl(*command, "-outform", "DER", data=made)), key)
    if kind is KeyKind.RSA:
        pkcs1 = openssl("rsa", "-pubin", "-RSAPublicKey_out", data=public)
        assert load_public_key(pkcs1) == key.public


SCHEMES = [
    ("-v2", "aes-256-cbc"),
    ("-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"),
    ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"),
    ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA384", "-iter", "1"),
    ("-v2", "sm4-cbc"),
    ("-v2", "des3"),
    ("-scrypt",),
    ("-scrypt", "-v2", "aes-128-cbc", "-scrypt_N", "1024", "-scrypt_r", "4", "-scrypt_p", "2"),
    ("-v1", "PBE-SHA1-3DES"),
    ("-v1", "PBE-SHA1-2DES"),
]


@pytest.mark.parametrize("scheme", SCHEMES, ids=" ".join)
@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA], ids=str)
def test_keys_that_openssl_encrypted_open(
    kind: KeyKind, scheme: tuple[str, ...], openssl: Callable[..., bytes]
) -> None:
    made = openssl(
        *("pkcs8", "-topk8", *scheme, "-passout", f"pass:{PASSWORD}"), data=encode_key(KEYS[kind])
    )
    for password in (PASSWORD, PASSWORD.encode()):
        assert_same_key(load_key(made, password), KEYS[kind])
    for wrong in (None, "", "密码 Pass", PASSWORD + "\0"):
        with pytest.raises(WrongPassword):
            load_key(made, wrong)


@pytest.mark.parametrize(
    ("scheme", "name"), [("PBE-MD5-DES", "MD5 and DES"), ("PBE-SHA1-RC2-40", "RC2-40")]
)
def test_old_encryptions_are_refused_by_name(
    scheme: str, name: str, openssl: Callable[..., bytes]
) -> None:
    made = openssl(
        *("pkcs8", "-topk8", "-v1", scheme, "-passout", "pass:x"),
        *("-provider", "legacy", "-provider", "default"),
        data=encode_key(KEYS[KeyKind.SM2]),
    )
    with pytest.raises(KeyRefused, match=name):
        load_key(made, "x")


P12_OPTIONS = [
    (),
    ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
    ("-certpbe", "NONE", "-keypbe", "aes-128-cbc", "-macalg", "sm3"),
    ("-certpbe", "sm4-cbc", "-keypbe", "sm4-cbc", "-macalg", "sha512", "-iter", "1"),
    ("-certpbe", "aes-256-cbc", "-keypbe", "NONE", "-macalg", "sha384", "-maciter"),
]


def pkcs12(
    openssl: Callable[..., bytes], folder: Path, key: SigningKey, *options: str
) -> tuple[bytes, bytes]:
    """A PKCS#12 file by OpenSSL, and the DER of the certificate inside."""
    (folder / "key").write_bytes(encode_key(key))
    digest = ("-sm3",) if key.kind is KeyKind.SM2 else ()
    subject = ("-subj", "/CN=test", "-days", "9")
    openssl("req", "-x509", "-key", folder / "key", *digest, *subject, "-out", folder / "cert")
    files = ("-inkey", folder / "key", "-in", folder / "cert", "-out", folder / "p12")
    openssl("pkcs12", "-export", *files, "-passout", f"pass:{PASSWORD}", *options)
    certificate = openssl("x509", "-in", folder / "cert", "-outform", "DER")
    return (folder / "p12").read_bytes(), certificate


@with_all_kinds
@pytest.mark.parametrize("options", P12_OPTIONS, ids=" ".join)
def test_a_pkcs12_file_by_openssl_opens(
    kind: KeyKind, options: tuple[str, ...], openssl: Callable[..., bytes], tmp_path: Path
) -> None:
    data, certificate = pkcs12(openssl, tmp_path, KEYS[kind], *options)
    found = load_pkcs12(data, PASSWORD)
    assert (found.certificates, found.warnings) == ((certificate,), ())
    assert_same_key(found.key, KEYS[kind])
    assert_same_key(load_key(tmp_path / "p12", PASSWORD.encode()), KEYS[kind])
    for wrong in (None, "", "no"):
        with pytest.raises(WrongPassword):
            load_key(data, wrong)


def test_a_pkcs12_file_without_a_mac_or_without_a_key_is_refused(
    openssl: Callable[..., bytes], tmp_path: Path
) -> None:
    data, _ = pkcs12(openssl, tmp_path, KEYS[KeyKind.P256], "-nomac")
    with pytest.raises(KeyRefused, match="MAC"):
        load_key(data, PASSWORD)
    data, _ = pkcs12(openssl, tmp_path, KEYS[KeyKind.P256], "-nokeys")
    with pytest.raises(KeyRefused, match="0 keys"):
        load_key(data, PASSWORD)


@pytest.mark.parametrize(
    ("name", "password"), [("USER", "777777"), ("SealBuilder", "777777"), ("ROOT", "123456")]
)
def test_the_seal_makers_files_give_their_key_and_name_what_does_not_open(
    vectors: Path, name: str, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = vectors / "seal" / f"{name}.p12"
    found = load_pkcs12(path.read_bytes(), password)
    assert found.key.kind is KeyKind.SM2
    assert found.certificates == ()
    assert len(found.warnings) == 1
    assert "RC2-40" in found.warnings[0]
    assert load_key(path, password).public == found.key.public
    assert "RC2-40" in caplog.text
    for wrong in ("", "777778", "123457"):
        with pytest.raises(WrongPassword):
            load_key(path, wrong)


@pytest.mark.parametrize("name", ["sm2/ca.key", "sm2/leaf.key", "seal/sign_key.pem"])
def test_key_files_of_others_load(vectors: Path, name: str, openssl: Callable[..., bytes]) -> None:
    key = load_key((vectors / name).read_bytes())
    assert key.kind is KeyKind.SM2
    shown = openssl("pkey", "-in", vectors / name, "-pubout", "-outform", "DER")
    assert key.public.spki == shown
    key.public.verify(MESSAGE, key.sign(MESSAGE))


# What must be refused


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
