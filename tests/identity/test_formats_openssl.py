"""Forms of keys that OpenSSL and others write and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import KeyRefused, WrongPassword
from msb_identity.pki import (
    KeyFormat,
    KeyKind,
    SigningKey,
    encode_key,
    encode_public_key,
    load_key,
    load_pkcs12,
    load_public_key,
)
from tests.identity.forms import (
    KEYS,
    MESSAGE,
    PASSWORD,
    assert_same_key,
    private_forms,
    with_all_kinds,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
