"""The commands `msb-identity audit verify` and `audit checkpoint`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from msb_identity.cli import main
from msb_identity.envelopes.keyfiles import write_signing_key, write_verifying_key
from msb_identity.foundation.files import write_private_once
from msb_identity.pki.formats import KeyFormat, encode_key, encode_public_key
from msb_identity.pki.keys import KeyKind, generate_key

if TYPE_CHECKING:
    from tests.identity.audit.conftest import Log


class Audit(Protocol):
    def __call__(self, action: str, *arguments: object) -> tuple[int, str, str]: ...


@pytest.fixture
def audit(log: Log, capsys: pytest.CaptureFixture[str]) -> Audit:
    """Run `msb-identity audit …` on the log, whose key files are there."""
    write_signing_key(log.folder / "key.jwk", log.key)
    write_verifying_key(log.folder / "public.jwk", log.key.public)

    def run(action: str, *arguments: object) -> tuple[int, str, str]:
        given = ["audit", action, "--store", log.url, *map(str, arguments)]
        status = main(given)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return run


def test_checkpoints_are_made_and_verified(log: Log, audit: Audit) -> None:
    private, public = log.folder / "key.jwk", log.folder / "public.jwk"
    first, second = log.folder / "first.cose", log.folder / "second.cose"
    log.fill(3)
    status, out, _ = audit("checkpoint", "--key", private, "--out", first)
    assert (status, "first.cose" in out) == (0, True)
    log.fill(2)
    held = ("--checkpoint", first)
    status, out, _ = audit("checkpoint", "--key", private, "--out", second, *held, "--json")
    assert status == 0
    assert json.loads(out)["count"] == 5
    status, out, _ = audit("verify", "--key", public, *held, "--checkpoint", second, "--json")
    assert status == 0
    (report,) = json.loads(out)
    assert (report["kind"], report["verdict"]) == ("audit", "valid")
    assert [step["outcome"] for step in report["steps"]] == ["ok"] * 5
    assert report["disclosed"]["vouched_entries"] == 5
    if "postgresql" in log.url:
        assert "***" in report["file"]  # no password


def test_exit_status_says_what_was_found(log: Log, audit: Audit) -> None:
    private, public = log.folder / "key.jwk", log.folder / "public.jwk"
    kept = log.folder / "kept.cose"
    log.fill(3)
    assert audit("checkpoint", "--key", private, "--out", kept)[0] == 0
    assert audit("verify")[0] == 3
    assert audit("verify", "--key", public)[0] == 3
    assert audit("verify", "--checkpoint", kept)[0] == 3
    assert audit("verify", "--key", public, "--checkpoint", kept)[0] == 0
    log.run("UPDATE audit_entries SET outcome = 'x' WHERE sequence = 2")
    status, out, _ = audit("verify", "--key", public, "--checkpoint", kept)
    assert status == 1
    assert "writer web-1, entry 2" in out
    status, out, _ = audit("checkpoint", "--key", private, "--out", log.folder / "new.cose")
    assert status == 1
    assert not (log.folder / "new.cose").exists()


def test_what_is_called_wrongly_is_2(
    log: Log, audit: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = log.folder / "key.jwk", log.folder / "public.jwk"
    kept = log.folder / "kept.cose"
    log.fill(1)
    assert audit("checkpoint", "--key", private, "--out", kept)[0] == 0
    content = kept.read_bytes()
    assert audit("checkpoint", "--key", private, "--out", kept)[0] == 2  # never overwritten
    assert kept.read_bytes() == content
    assert audit("checkpoint", "--key", public, "--out", log.folder / "x")[0] == 2
    assert audit("checkpoint", "--key", log.folder / "none.jwk", "--out", log.folder / "x")[0] == 2
    junk = log.folder / "junk"
    junk.write_bytes(b"junk")
    sign = ("checkpoint", "--key", private, "--out", log.folder / "x")
    status, _, err = audit(*sign, "--checkpoint", kept, "--checkpoint", junk)
    assert (status, "junk is not a checkpoint" in err) == (2, True)
    assert not (log.folder / "x").exists()
    assert audit("verify", "--key", junk)[0] == 2
    assert audit("verify", "--checkpoint", log.folder / "none")[0] == 2
    assert audit("verify", "--key", public, "--checkpoint", junk)[0] == 1
    monkeypatch.delenv("MSB_STORE", raising=False)
    assert main(["audit", "verify"]) == 2
    assert main(["audit", "verify", "--store", f"sqlite:///{log.folder / 'no.sqlite'}"]) == 2
    assert not (log.folder / "no.sqlite").exists()
    capsys.readouterr()


@pytest.mark.parametrize("form", [KeyFormat.PEM, KeyFormat.DER, KeyFormat.JWK])
def test_keys_are_taken_in_every_form(log: Log, audit: Audit, form: KeyFormat) -> None:
    log.fill(1)
    private, public, kept = (log.folder / name for name in ("private", "public", "kept"))
    write_private_once(private, encode_key(log.key, form))
    public.write_bytes(encode_public_key(log.key.public, form))
    assert audit("checkpoint", "--key", private, "--out", kept)[0] == 0
    assert audit("verify", "--key", public, "--checkpoint", kept)[0] == 0
    private.chmod(0o640)
    assert audit("checkpoint", "--key", private, "--out", log.folder / "no")[0] == 2
    status, _, err = audit("verify", "--key", private, "--checkpoint", kept)
    assert (status, "not a public key" in err) == (2, True)


def test_verifying_writes_nothing(sqlite_log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    sqlite_log.fill(1)
    sqlite_log.store.close()
    file, empty = sqlite_log.folder / "store.sqlite", sqlite_log.folder / "empty.sqlite"
    file.chmod(0o444)
    empty.touch()
    before, there = file.read_bytes(), {*sqlite_log.folder.iterdir()}
    assert main(["audit", "verify", "--store", sqlite_log.url]) == 3
    assert main(["audit", "verify", "--store", f"sqlite:///{empty}"]) == 2
    assert "empty.sqlite is no store" in capsys.readouterr().err
    assert ({*sqlite_log.folder.iterdir()}, file.read_bytes()) == (there, before)
    assert empty.stat().st_size == 0


def test_a_checkpoint_of_a_stranger_is_indeterminate(log: Log, audit: Audit) -> None:
    log.fill(1)
    stranger, kept = log.folder / "stranger.jwk", log.folder / "kept.cose"
    write_signing_key(stranger, generate_key(KeyKind.SM2))
    assert audit("checkpoint", "--key", stranger, "--out", kept)[0] == 0
    public = log.folder / "public.jwk"
    assert audit("verify", "--key", public, "--checkpoint", kept)[0] == 3


def test_the_store_may_be_named_by_the_environment(
    sqlite_log: Log, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_log.fill(1)
    monkeypatch.setenv("MSB_STORE", sqlite_log.url)
    assert main(["audit", "verify"]) == 3
    assert "INDETERMINATE" in capsys.readouterr().out


def test_the_command_loads_no_database_before_it_runs() -> None:
    script = "import sys, msb_identity.cli; print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
