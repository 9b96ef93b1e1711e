"""msb-identity key new, show and convert: formats, passwords, files of others."""

from __future__ import annotations

import getpass
import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from msb_identity.cli import main
from msb_identity.errors import StoreError
from msb_identity.pki import KeyFormat, KeyKind, encode_key, generate_key, load_key, load_public_key
from tests.support import console_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[..., tuple[int, str, str]]

KEY = generate_key(KeyKind.SM2)


def keep(path: Path, key: bytes) -> None:
    path.touch(0o600)
    path.write_bytes(key)


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Console:
    return console_of(main, capsys)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("密码 one\nsecond line\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("form", ["pem", "der", "sec1", "jwk"])
def test_a_new_key_is_written_in_the_form_that_was_asked(
    console: Console, tmp_path: Path, form: str
) -> None:
    out, public = tmp_path / "key", tmp_path / "public"
    files = ("--out", out, "--public", public)
    status, printed, err = console("key", "new", "--kind", "SM2", "--format", form, *files)
    assert (status, err) == (0, "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    key = load_key(out)
    assert load_public_key(public) == key.public
    assert json.loads(printed)["kid"] == key.public.key_id_text


def test_rsa_keys_have_the_length_that_was_asked(console: Console, tmp_path: Path) -> None:
    out = tmp_path / "key"
    assert console("key", "new", "--kind", "RSA", "--bits", "3072", "--out", out)[0] == 0
    shown = json.loads(console("key", "show", "--json", out)[1])
    assert shown[0]["key"]["bits"] == 3072
    assert console("key", "new", "--kind", "RSA", "--bits", "1024", "--out", tmp_path / "x")[0] == 2


def test_a_new_key_under_a_password_opens_with_it_alone(
    console: Console, tmp_path: Path, password: Path
) -> None:
    out = tmp_path / "key.pem"
    options = ("--format", "pem", "--new-password-file", password)
    assert console("key", "new", "--kind", "P-256", *options, "--out", out)[0] == 0
    assert b"ENCRYPTED" in out.read_bytes()
    key = load_key(out, "密码 one")
    status, printed, _ = console("key", "show", out, "--password-file", password)
    assert status == 0
    assert key.public.key_id_text in printed
    assert console("key", "show", out)[0] == 2
    password.write_text("wrong")
    status, _, err = console("key", "show", out, "--password-file", password)
    assert status == 2
    assert "password is wrong" in err


def test_passwords_are_asked_for_on_a_terminal(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["one", "two", "one", "one", "one"])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    new = ("key", "new", "--kind", "SM2", "--format", "pem", "--ask-new-password", "--out")
    assert "no terminal" in console(*new, tmp_path / "a")[2]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert "differ" in console(*new, tmp_path / "a")[2]
    assert not (tmp_path / "a").exists()
    assert console(*new, tmp_path / "a")[0] == 0
    assert console("key", "show", tmp_path / "a")[0] == 0


def test_a_key_is_shown_without_its_private_half(console: Console, tmp_path: Path) -> None:
    keep(tmp_path / "key", encode_key(KEY))
    for options in ((), ("--json",)):
        status, printed, err = console("key", "show", *options, tmp_path / "key")
        assert (status, err) == (0, "")
        assert KEY.public.thumbprint.hex() in printed
        assert KEY.private_bytes().hex() not in printed
        assert json.loads(encode_key(KEY, KeyFormat.JWK))["d"] not in printed
    (shown,) = json.loads(console("key", "show", "--json", tmp_path / "key")[1])
    assert (shown["kind"], shown["key"]["kind"], shown["key"]["private"]) == ("key", "SM2", True)


def test_a_public_key_is_shown_too(console: Console, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY.public.spki)
    (shown,) = json.loads(console("key", "show", "--json", tmp_path / "key")[1])
    assert shown["key"]["private"] is False
    assert shown["key"]["key_id"] == KEY.public.key_id_text


@pytest.mark.parametrize("form", ["pem", "der", "sec1", "jwk"])
def test_a_key_is_converted(console: Console, tmp_path: Path, form: str) -> None:
    keep(tmp_path / "key", encode_key(KEY, KeyFormat.JWK))
    out, public = tmp_path / "out", tmp_path / "public"
    files = (tmp_path / "key", "--out", out, "--public", public)
    status, printed, err = console("key", "convert", "--format", form, *files)
    assert (status, err) == (0, "")
    assert json.loads(printed)["kid"] == KEY.public.key_id_text
    assert load_key(out).private_bytes() == KEY.private_bytes()
    assert load_public_key(public) == KEY.public
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert console("key", "convert", *files)[0] == 2


def test_a_seal_maker_s_file_is_converted_and_its_certificate_missed_aloud(
    console: Console, tmp_path: Path, vectors: Path, password: Path
) -> None:
    password.write_text("777777\n")
    out = tmp_path / "out"
    source = (vectors / "seal" / "USER.p12", "--password-file", password)
    status, _, err = console("key", "convert", *source, "--out", out)
    assert status == 0
    assert "RC2-40" in err
    assert load_key(out).kind is KeyKind.SM2


def test_the_certificates_of_a_pkcs12_file_are_written_apart(
    console: Console, tmp_path: Path, password: Path
) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
    certificate = builder.sign(key, hashes.SHA256())
    lock = serialization.BestAvailableEncryption("密码 one".encode())
    data = pkcs12.serialize_key_and_certificates(b"n", key, certificate, None, lock)
    (tmp_path / "p12").write_bytes(data)
    source = (tmp_path / "p12", "--password-file", password)
    out = ("--out", tmp_path / "out", "--certificates", tmp_path / "certificates")
    assert console("key", "convert", *source, *out)[0] == 0
    written = x509.load_pem_x509_certificate((tmp_path / "certificates").read_bytes())
    assert written == certificate


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x00", b"{}", b"\xff" * 99],
)
def test_what_is_no_key_is_one_line_and_status_2(
    console: Console, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key").write_bytes(content)
    for action in (("show",), ("convert", "--out", tmp_path / "out")):
        status, printed, err = console("key", *action, tmp_path / "key")
        assert (status, printed, err.count("\n")) == (2, "", 1)
    assert not (tmp_path / "out").exists()


def test_an_empty_password_file_is_refused(console: Console, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    keep(tmp_path / "key", encode_key(KEY))
    for name in ("empty", "none"):
        found = console("key", "show", tmp_path / "key", "--password-file", tmp_path / name)
        assert found[0] == 2


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o660, 0o602])
def test_a_bare_key_that_others_may_touch_is_refused(
    console: Console, tmp_path: Path, mode: int, password: Path
) -> None:
    for form in KeyFormat:
        keep(tmp_path / "key", encode_key(KEY, form))
        (tmp_path / "key").chmod(mode)
        for action in (("show",), ("convert", "--out", tmp_path / "out")):
            status, _, err = console("key", *action, tmp_path / "key")
            assert (status, "open to others" in err) == (2, True)
        with pytest.raises(StoreError, match="open to others"):
            load_key(tmp_path / "key")
    assert not (tmp_path / "out").exists()
    (tmp_path / "key").write_bytes(encode_key(KEY, KeyFormat.PEM, "密码 one"))  # may lie anywhere
    assert console("key", "show", tmp_path / "key", "--password-file", password)[0] == 0
    assert load_key(tmp_path / "key", "密码 one").public == KEY.public


def test_an_empty_password_is_an_empty_line(
    console: Console, tmp_path: Path, program: Callable[[str], str]
) -> None:
    key, (line, none) = generate_key(KeyKind.P256), (tmp_path / "line", tmp_path / "none")
    keep(tmp_path / "key", encode_key(key))
    line.write_bytes(b"\n")
    none.touch()
    export = ("pkcs12", "-export", "-nocerts", "-passout", "pass:", "-inkey", tmp_path / "key")
    command = [program("openssl"), *map(str, export), "-out", str(tmp_path / "p12")]
    subprocess.run(command, check=True, capture_output=True)
    source = ("key", "show", tmp_path / "p12", "--password-file")
    assert key.public.key_id_text in console(*source, line)[1]
    assert "is no password" in console(*source, none)[2]
    new = ("key", "new", "--kind", "SM2", "--format", "pem", "--out", tmp_path / "out")
    assert "empty" in console(*new, "--new-password-file", line)[2]


def test_a_bad_public_key_is_called_what_it_is(
    console: Console, tmp_path: Path, program: Callable[[str], str]
) -> None:
    made = tmp_path / "short"
    subprocess.run(
        [program("openssl"), "genrsa", "-out", str(made), "512"], check=True, capture_output=True
    )
    for form in ("PEM", "DER"):
        command = [program("openssl"), "rsa", "-in", str(made), "-pubout", "-outform", form]
        public = subprocess.run(command, check=True, capture_output=True).stdout
        (tmp_path / "key").write_bytes(public)
        status, _, err = console("key", "show", tmp_path / "key")
        assert (status, "512" in err, "private" in err) == (2, True, False)
    (tmp_path / "key").write_text('{"kty": "EC", "crv": "P-521", "x": "AA", "y": "AA"}')
    assert "P-521" in console("key", "show", tmp_path / "key")[2]


def test_certificates_that_there_are_not_make_no_file(
    console: Console, tmp_path: Path, vectors: Path, password: Path
) -> None:
    password.write_text("777777\n")
    keep(tmp_path / "key", encode_key(KEY))
    sources = (tmp_path / "key",), (vectors / "seal" / "USER.p12", "--password-file", password)
    for number, source in enumerate(sources):
        out = ("--out", tmp_path / f"out-{number}", "--certificates", tmp_path / "certificates")
        status, _, err = console("key", "convert", *source, *out)
        assert (status, "no certificate" in err) == (0, True)
        assert not (tmp_path / "certificates").exists()


def test_what_would_be_ignored_is_refused(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert console("key", "new", "--kind", "SM2", "--out", "-")[0] == 2
    assert console("key", "new", "--kind", "SM2", "--bits", "2048", "--out", "key")[0] == 2
    assert [*tmp_path.iterdir()] == []
