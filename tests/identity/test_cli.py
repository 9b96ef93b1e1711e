from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.cli import main
from msb_identity.envelopes.keyfiles import read_signing_key, read_verifying_key
from msb_identity.errors import MsbError
from msb_identity.foundation import commands
from msb_identity.foundation.report import ReportBuilder
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.sessions import Session
from msb_identity.sso.tokens import STEPS, TokenIssuer
from tests.support import console_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Console = Callable[..., tuple[int, str, str]]

ROOT = Path(__file__).parents[2]
ISSUER, AUDIENCE = "https://id.example.gov.cn", "https://portal.example.gov.cn"
NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
AT = ["--at", "2026-01-31T12:00:00+08:00"]
KEY = generate_key(KeyKind.P256)
MAKER = TokenIssuer(ISSUER, KEY)


def make_token(now: datetime = NOW) -> str:
    session = Session(
        sid="s" * 22,
        subject="p" * 26,
        level=3,
        acr="urn:msb:aal:1",
        amr=("sms",),
        auth_time=now,
        expires_at=now + timedelta(hours=12),
    )
    return MAKER.issue(session, audience=AUDIENCE, client_id="portal", now=now)


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Console:
    return console_of(main, capsys)


@pytest.fixture
def verify(tmp_path: Path) -> Sequence[object]:
    """The beginning of a command line that verifies tokens of the issuer's."""
    path = tmp_path / "keys.json"
    path.write_bytes(MAKER.key_set.as_json())
    return "token", "verify", "--keys", path, "--issuer", ISSUER, "--audience", AUDIENCE


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(make_token() + "\n")
    return path


def must_complain(result: tuple[int, str, str]) -> str:
    """Called wrongly: status 2, nothing on stdout, one line in two languages on stderr."""
    status, out, err = result
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert " / " in err
    assert any("\u4e00" <= character <= "\u9fff" for character in err)
    return err


# key new


@pytest.mark.parametrize("kind", list(KeyKind), ids=str)
def test_a_new_key_is_private_and_its_public_half_is_printed(
    console: Console, tmp_path: Path, kind: KeyKind
) -> None:
    out, public = tmp_path / "keys" / "signing.key", tmp_path / "public.json"
    status, printed, err = console("key", "new", "--kind", kind, "--out", out, "--public", public)
    assert (status, err) == (0, "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    key = read_signing_key(out)
    assert key.kind is kind
    assert read_verifying_key(public) == key.public
    jwk = json.loads(printed)
    assert jwk == json.loads(public.read_text())
    assert jwk["kid"] == key.public.key_id_text
    assert "d" not in jwk


def test_a_key_is_never_overwritten(console: Console, tmp_path: Path) -> None:
    out = tmp_path / "signing.key"
    console("key", "new", "--kind", "SM2", "--out", out)
    before = out.read_bytes()
    err = must_complain(console("key", "new", "--kind", "SM2", "--out", out))
    assert "exists" in err
    assert out.read_bytes() == before


def test_nothing_is_made_when_the_public_file_is_taken(console: Console, tmp_path: Path) -> None:
    out, public = tmp_path / "signing.key", tmp_path / "public.json"
    public.write_text("kept")
    must_complain(console("key", "new", "--kind", "SM2", "--out", out, "--public", public))
    assert not out.exists()
    assert public.read_text() == "kept"


def test_the_private_key_is_not_overwritten_by_its_public_half(
    console: Console, tmp_path: Path
) -> None:
    out = tmp_path / "signing.key"
    same = tmp_path / "." / "x" / ".." / "signing.key"
    must_complain(console("key", "new", "--kind", "SM2", "--out", out, "--public", same))
    assert not out.exists()


def test_a_key_goes_through_no_link_that_leads_elsewhere(console: Console, tmp_path: Path) -> None:
    out = tmp_path / "signing.key"
    out.symlink_to(tmp_path / "elsewhere")
    must_complain(console("key", "new", "--kind", "SM2", "--out", out))
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("place", ["/proc/none/key", "/dev/null/key"])
def test_a_place_that_cannot_be_written_is_one_line(console: Console, place: str) -> None:
    must_complain(console("key", "new", "--kind", "SM2", "--out", place))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["key"],
        ["key", "new"],
        ["key", "new", "--kind", "DSA", "--out", "x"],
        ["token"],
        ["token", "verify"],
        ["nonsense"],
        ["--nonsense"],
    ],
)
def test_a_wrong_call_is_one_bilingual_line_and_status_2(
    console: Console, arguments: list[str]
) -> None:
    must_complain(console(*arguments))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["key", "new", "--help"], ["token", "verify", "-h"]]
)
def test_help_is_in_both_languages(console: Console, arguments: list[str]) -> None:
    status, out, err = console(*arguments)
    assert (status, err) == (0, "")
    assert "exit" in out or "key" in out
    assert "密钥" in out or "令牌" in out


# token verify


def test_a_good_token_is_valid(
    console: Console, verify: Sequence[object], token_file: Path
) -> None:
    status, out, err = console(*verify, *AT, token_file)
    assert (status, err) == (0, "")
    assert "VALID  核验通过" in out
    assert "p" * 26 in out
    assert "2026-01-31T04:00:00+00:00" in out  # the caller's own time, said as such
    assert make_token().split(".")[2] not in out


def test_trust_is_another_name_for_keys(
    console: Console, verify: Sequence[object], token_file: Path
) -> None:
    alias = ["--trust" if argument == "--keys" else argument for argument in verify]
    assert console(*alias, *AT, token_file)[0] == 0


def test_json_is_an_array_with_one_object(
    console: Console, verify: Sequence[object], token_file: Path
) -> None:
    status, out, _ = console(*verify, *AT, "--json", token_file)
    assert status == 0
    (answer,) = json.loads(out)
    assert (answer["file"], answer["kind"], answer["verdict"]) == (
        str(token_file),
        "token",
        "valid",
    )
    assert [step["id"] for step in answer["steps"]] == list(STEPS)
    assert set(answer["steps"][0]) == {"id", "outcome", "code", "detail", "zh", "en"}
    assert answer["at"] == "2026-01-31T04:00:00+00:00"
    assert answer["disclosed"]["client_id"] == "portal"


def test_without_at_the_clock_decides(
    console: Console, verify: Sequence[object], token_file: Path
) -> None:
    status, out, _ = console(*verify, "--json", token_file)  # made for a time long past, or to come
    assert (status, json.loads(out)[0]["verdict"]) == (1, "invalid")
    assert "at" not in json.loads(out)[0]
    token_file.write_text(make_token(datetime.now(UTC)))
    assert console(*verify, token_file)[0] == 0


def test_an_expired_token_is_invalid_and_an_unknown_key_indeterminate(
    console: Console, verify: Sequence[object], token_file: Path, tmp_path: Path
) -> None:
    status, out, _ = console(*verify, "--at", "2026-01-31T12:10:00+08:00", token_file)
    assert status == 1
    assert "expired" in out
    (tmp_path / "keys.json").write_bytes(
        TokenIssuer(ISSUER, generate_key(KeyKind.P256)).key_set.as_json()
    )
    status, out, _ = console(*verify, *AT, token_file)
    assert status == 3
    assert "未通过核验" in out


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff\xfe\x00", b"a.b.c", b"{}", "令牌".encode(), b"A" * 1_100_000, bytes(1_000)],
)
def test_what_is_no_token_is_invalid_at_format(
    console: Console, verify: Sequence[object], token_file: Path, content: bytes
) -> None:
    token_file.write_bytes(content)
    status, out, err = console(*verify, *AT, "--json", token_file)
    assert (status, err) == (1, "")
    (failed,) = [s for s in json.loads(out)[0]["steps"] if s["outcome"] == "failed"]
    assert (failed["id"], failed["code"]) == ("format", "malformed")


class FakeStdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)


def test_a_token_comes_from_stdin(
    console: Console, verify: Sequence[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", FakeStdin(make_token().encode()))
    status, out, _ = console(*verify, *AT, "--json", "-")
    assert (status, json.loads(out)[0]["file"]) == (0, "-")


@pytest.mark.parametrize("name", ["none", "a/b/c", ".", "x" * 5_000, "a\x00b", "\udcff"])
def test_a_file_that_cannot_be_read_is_status_2(
    console: Console, verify: Sequence[object], name: str
) -> None:
    must_complain(console(*verify, *AT, name))


def test_a_closed_stdin_is_status_2(
    console: Console, verify: Sequence[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    must_complain(console(*verify, "-"))


def test_a_token_given_by_mistake_as_an_argument_is_not_repeated(
    console: Console, verify: Sequence[object]
) -> None:
    token = make_token()
    for arguments in ([token], ["-", token], ["--at", token, "-"], [f"--{token}", "-"]):
        err = must_complain(console(*verify, *arguments))
        assert token[:20] not in err
        assert token[-20:] not in err


@pytest.mark.parametrize(
    "content",
    [b"", b"nonsense", b"{}", b"[]", b'{"keys":7}', b'{"keys":[{}]}', b"\xff", b"x" * 1_100_000],
)
def test_keys_that_are_none_are_status_2(
    console: Console, verify: Sequence[object], token_file: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "keys.json").write_bytes(content)
    must_complain(console(*verify, *AT, token_file))


def test_a_private_key_is_not_taken_for_public_keys(
    console: Console, verify: Sequence[object], token_file: Path, tmp_path: Path
) -> None:
    console("key", "new", "--kind", "P-256", "--out", tmp_path / "private")
    private = (tmp_path / "private").read_bytes()
    (tmp_path / "keys.json").write_bytes(private)
    err = must_complain(console(*verify, *AT, token_file))
    assert json.loads(private)["d"] not in err


def test_missing_keys_and_empty_names_are_status_2(
    console: Console, verify: Sequence[object], token_file: Path, tmp_path: Path
) -> None:
    must_complain(console(*verify, "--issuer", "", token_file))
    must_complain(console(*verify, "--audience", "", token_file))
    (tmp_path / "keys.json").unlink()
    must_complain(console(*verify, token_file))


@pytest.mark.parametrize(
    "time",
    [
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "1769832000",
        "２０２６-01-31T12:00:00Z",
    ],
)
def test_a_time_without_a_zone_or_that_never_is_is_status_2(
    console: Console, verify: Sequence[object], token_file: Path, time: str
) -> None:
    must_complain(console(*verify, "--at", time, token_file))


@pytest.mark.parametrize(
    "time", ["2026-01-31T04:00:00Z", "2026-01-31T04:00:00.5+00:00", "2026-01-30T20:00:00-08:00"]
)
def test_any_zone_will_do(
    console: Console, verify: Sequence[object], token_file: Path, time: str
) -> None:
    assert console(*verify, "--at", time, token_file)[0] == 0


# As a program


def run_program(arguments: Sequence[object], **options: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
    command = [sys.executable, "-W", "error", "-m", "msb_identity", *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, timeout=60, env=environment, **options
    )


def test_the_program_reads_stdin_and_exits_with_the_verdict(verify: Sequence[object]) -> None:
    done = run_program([*verify, *AT, "--json", "-"], input=make_token().encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)[0]["verdict"] == "valid"
    done = run_program([*verify, *AT, "-"], input=b"nonsense")
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_terminal_without_chinese_stops_nothing(verify: Sequence[object]) -> None:
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run_program([*verify, *AT, "-"], input=make_token().encode(), env=ascii_only)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert run_program(["--help"], env=ascii_only).returncode == 0
    done = run_program([*verify, "none"], env=ascii_only)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


def test_a_reader_that_leaves_early_changes_no_verdict(
    verify: Sequence[object], token_file: Path
) -> None:
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "msb_identity",
        *map(str, [*verify, token_file]),
    ]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            command, check=False, stdout=closed, stderr=subprocess.PIPE, timeout=60, cwd=ROOT
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_full_disk_is_no_verdict(verify: Sequence[object]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = [sys.executable, "-m", "msb_identity", *map(str, [*verify, *AT, "-"])]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, check=False, input=make_token().encode(), stdout=full,
            stderr=subprocess.PIPE, timeout=60, cwd=ROOT,
        )  # fmt: skip
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


# What the commands of all packages share


def test_errors_of_ours_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        message = "first\nsecond\x1b[31m"
        raise MsbError(message)

    assert commands.run(fail) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "zh", "en"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "磁盘已满", "No space left on device"),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "a.ofd"),
            "a.ofd: 没有此文件",
            "a.ofd: No",
        ),
        (OSError(), "系统错误", "an error of the system"),
    ],
)
def test_what_the_system_refuses_is_said_in_both_languages(
    error: OSError, zh: str, en: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert commands.run(fail) == 2
    first, second = capsys.readouterr().err.split(" / ")
    assert first.startswith("读写失败：")
    assert zh in first
    assert second.startswith(en)


def test_mistakes_of_programmers_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        commands.run(lambda: 1 // 0)


def test_reading_stops_one_byte_past_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert len(commands.read_input(str(path), limit=10)) == 11
    assert len(commands.read_input(str(path), limit=100)) == 100


def test_several_reports_are_named_and_the_worst_decides(
    capsys: pytest.CaptureFixture[str],
) -> None:
    builder = ReportBuilder("token", required=[], sentences={})
    good = builder.conclude()
    unsure = ReportBuilder("token", required=["x"], sentences={}).conclude()
    assert commands.print_reports([("a", good), ("b", unsure)], as_json=False) == 3
    out = capsys.readouterr().out
    assert "a: VALID" in out
    assert "b: INDETERMINATE" in out
    assert commands.print_reports([("a", good)], as_json=True) == 0
    assert commands.print_reports([("\udcff", good)], as_json=True) == 0
    out = capsys.readouterr().out
    assert '"\\udcff"' in out
