"""The commands make, show and verify: a seal from nothing to a verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.jose import sign_jws
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import seconds
from msb_identity.foundation.files import write_private_once
from msb_identity.pki.formats import KeyFormat, encode_key, encode_public_key
from msb_identity.x509 import encode_pem
from msb_seal.cli import main
from msb_seal.lifecycle.published import LIST_TYPE
from msb_seal.seals.signing import document_digest, sign_digest
from msb_seal.seals.structure import parse_seal
from tests.identity.authorities import NOW
from tests.seal import pdf_files
from tests.seal.makers import DOCUMENT, PNG, PROPERTY, world
from tests.support import console_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Console = Callable[..., tuple[int, str, str]]

AT = NOW.isoformat()


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Console:
    return console_of(main, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The keys and certificates of the world, a picture, and a trust anchor."""
    for name, entity in (("maker", world().maker), ("signer", world().signer)):
        (tmp_path / f"{name}.pem").write_bytes(encode_pem(entity.certificate))
        write_private_once(tmp_path / f"{name}.key", encode_key(entity.key))
    (tmp_path / "root.pem").write_bytes(encode_pem(world().root.certificate))
    (tmp_path / "picture.png").write_bytes(PNG)
    (tmp_path / "seal.esl").write_bytes(world().seal().encoded)
    sealer = world().sealer()
    digest = document_digest(DOCUMENT, sealer.certificate)
    data = sign_digest(sealer, digest=digest, property_info=PROPERTY, document="d", now=NOW)
    (tmp_path / "SignedValue.dat").write_bytes(data)
    (tmp_path / "Signature.xml").write_bytes(DOCUMENT)
    return tmp_path


def make_arguments(folder: Path, out: str = "new.esl") -> list[object]:
    return [
        *("make", "--id", "15060200000001", "--name", "测试单位", "--type", "legal-name"),
        *("--picture", folder / "picture.png", "--size", "42"),
        *("--signer", folder / "signer.pem", "--out", folder / out),
        *("--maker-key", folder / "maker.key", "--maker-cert", folder / "maker.pem"),
    ]


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificates of the tests' world are good at NOW only."""
    monkeypatch.setattr("msb_seal.commands.seals.aware", lambda _: NOW)


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize("version", ["1", "4", "5"])
def test_a_seal_is_made_and_verified(console: Console, folder: Path, version: str) -> None:
    arguments = [*make_arguments(folder), "--days", "30", "--version", version, "--json"]
    status, out, _ = console(*arguments)
    assert status == 0
    told = json.loads(out)
    assert (told["version"], told["type"], told["name"]) == (int(version), 1, "测试单位")
    made = parse_seal((folder / "new.esl").read_bytes())
    assert told["sha256"] == made.fingerprint
    assert (made.valid_until - made.valid_from).days == 30
    trusted = ("--trust", folder / "root.pem", "--at", AT)
    assert console("verify", folder / "new.esl", *trusted)[0] == 0
    assert console("verify", folder / "new.esl", "--at", AT)[0] == 3
    status, _, err = console(*arguments)
    assert status == 2
    assert "已存在" in err


@pytest.mark.usefixtures("today")
def test_an_encrypted_key_needs_its_password(console: Console, folder: Path) -> None:
    encrypted = encode_key(world().maker.key, KeyFormat.PEM, "四个汉字")
    (folder / "maker.key").write_bytes(encrypted)
    (folder / "password").write_text("四个汉字\n")
    arguments = [*make_arguments(folder), "--days", "30"]
    assert console(*arguments)[0] == 2
    assert console(*arguments, "--password-file", folder / "password")[0] == 0


@pytest.mark.usefixtures("today")
@pytest.mark.parametrize(
    "wrong",
    [
        ["--days", "0"],
        ["--from", "9999-12-31T00:00:00Z", "--days", "30"],
        ["--days", "30", "--until", "2027-01-01T00:00:00Z"],
        ["--until", "2027-01-01"],
        ["--until", "2020-01-01T00:00:00Z"],
        ["--days", "30", "--size", "0"],
        ["--days", "30", "--size", "42mm"],
        ["--days", "30", "--type", "emblem"],
        ["--days", "30", "--version", "2"],
        ["--days", "30", "--version", "1", "--by-digest"],
        ["--days", "30", "--picture", "missing.png"],
        ["--days", "30", "--maker-key", "missing.key"],
    ],
)
def test_a_seal_that_cannot_be_made_is_one_line(
    console: Console, folder: Path, wrong: list[str]
) -> None:
    status, out, err = console(*make_arguments(folder), *wrong)
    assert status == 2
    assert not out
    assert err.count("\n") == 1
    assert " / " in err
    assert not (folder / "new.esl").exists()


def test_show_tells_what_is_in_a_seal_and_writes_its_picture(
    console: Console, folder: Path
) -> None:
    status, out, _ = console("show", folder / "seal.esl", "--picture-out", folder / "out.png")
    assert status == 0
    assert "name: 测试单位" in out
    assert (folder / "out.png").read_bytes() == PNG
    status, out, _ = console(
        "show", folder / "SignedValue.dat", "--json", "--seal-out", folder / "out.esl"
    )
    assert status == 0
    told = json.loads(out)
    assert told["kind"] == "ses-v4"
    assert told["property_info"] == PROPERTY
    assert told["seal_name"] == "测试单位"
    assert parse_seal((folder / "out.esl").read_bytes()).name == "测试单位"


def test_show_of_something_else_is_called_wrongly(console: Console, folder: Path) -> None:
    for name in ("root.pem", "picture.png", "missing"):
        status, out, err = console("show", folder / name)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1


def test_no_terminal_obeys_a_seals_name(console: Console, folder: Path) -> None:
    evil = world().forge_seal(name="印\x1b[2J章\n二")
    (folder / "evil.esl").write_bytes(evil.encoded)
    for command in ("show", "verify"):
        _, out, _ = console(command, folder / "evil.esl")
        assert "\x1b" not in out
        assert "章\n二" not in out


def test_verify_tells_each_file_by_its_kind(console: Console, folder: Path) -> None:
    (folder / "a.pdf").write_bytes(pdf_files.document())
    (folder / "a.txt").write_bytes(b"text")
    (folder / "empty").write_bytes(b"")
    names = ["seal.esl", "SignedValue.dat", "a.pdf", "a.txt", "empty"]
    files = [folder / name for name in names]
    arguments = ("--trust", folder / "root.pem", "--at", AT, "--json")
    status, out, _ = console("verify", *files, *arguments)
    assert status == 3
    told = json.loads(out)
    assert [one["kind"] for one in told] == [
        *("seal", "ses-signature", "pdf", "unknown", "unknown")
    ]
    verdicts = [one["verdict"] for one in told]
    assert verdicts == ["valid", *["indeterminate"] * 4]
    assert [one["kind"] for one in told[1]["signatures"]] == ["ses-v4"]
    assert all(one["at"] == AT for one in told)


def test_with_its_original_a_bare_signature_is_valid(console: Console, folder: Path) -> None:
    data, original = folder / "SignedValue.dat", folder / "Signature.xml"
    trusted = ("--trust", folder / "root.pem", "--at", AT)
    assert console("verify", data, *trusted)[0] == 3
    assert console("verify", data, *trusted, "--original", original)[0] == 0
    original.write_bytes(DOCUMENT + b" ")
    status, out, _ = console("verify", data, *trusted, "--original", original)
    assert status == 1
    assert "document-digest changed" in " ".join(out.split())


def test_makers_may_be_named_by_their_own_certificates(console: Console, folder: Path) -> None:
    arguments = ("verify", folder / "seal.esl", "--trust", folder / "root.pem", "--at", AT)
    for makers, status in (("root", 0), ("maker", 0), ("signer", 3)):
        assert console(*arguments, "--makers", folder / f"{makers}.pem")[0] == status
    assert console(*arguments, "--makers", folder / "missing")[0] == 2


def test_the_worst_file_decides_and_an_unreadable_one_before_all(
    console: Console, folder: Path
) -> None:
    broken = (folder / "seal.esl").read_bytes()[:-1]
    (folder / "broken.esl").write_bytes(broken)
    trusted = ("--trust", folder / "root.pem", "--at", AT)
    assert console("verify", folder / "seal.esl", folder / "broken.esl", *trusted)[0] == 1
    assert console("verify", folder / "broken.esl", folder / "missing", *trusted)[0] == 2
    assert console("verify", folder / "seal.esl", "--trust", folder / "missing")[0] == 2


def test_the_help_of_every_command_is_bilingual(console: Console) -> None:
    for arguments in (["--help"], ["make", "--help"], ["show", "--help"], ["verify", "--help"]):
        status, out, _ = console(*arguments)
        assert status == 0
        assert "印章" in out


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "msb_seal", "verify", "-"],
        input=b"text",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3


def test_a_published_list_of_states_is_asked(console: Console, folder: Path) -> None:
    signer, seal = world().root.key, parse_seal((folder / "seal.esl").read_bytes())
    state = {"state": "frozen", "since": seconds(NOW) - 60, "reason": ""}
    times = {"iat": seconds(NOW), "exp": seconds(NOW) + 3_600}
    listed = {"format": 1, "name": "某市", "version": 1, "prefix": "", **times}
    content = strict_json.dump({**listed, "seals": {seal.fingerprint: state}})
    (folder / "seal-states-all.jwt").write_text(sign_jws(content, signer, type_=LIST_TYPE))
    (folder / "states.pem").write_bytes(encode_public_key(signer.public))
    (folder / "other.pem").write_bytes(encode_public_key(world().signer.key.public))
    arguments = ("verify", folder / "seal.esl", "--trust", folder / "root.pem", "--at", AT)
    states = ("--seal-states", folder, "--seal-states-key")
    status, out, _ = console(*arguments, *states, folder / "states.pem")
    assert status == 1
    assert "seal-status frozen" in " ".join(out.split())
    assert console(*arguments, *states, folder / "other.pem")[0] == 2
    assert console(*arguments, *states[:2])[0] == 2
    assert console(*arguments)[0] == 0


def test_an_empty_folder_is_no_list_of_states(console: Console, folder: Path) -> None:
    (folder / "states.pem").write_bytes(encode_public_key(world().root.key.public))
    states = ("--seal-states", folder, "--seal-states-key", folder / "states.pem")
    assert console("verify", folder / "seal.esl", *states)[0] == 2
