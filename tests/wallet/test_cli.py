"""The command msb-wallet: the whole story by commands, exit statuses, and what is never printed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from msb_identity.cli import main as identity
from msb_identity.foundation import databases
from msb_wallet.cli import main
from msb_wallet.codes.qr import read_picture
from tests.wallet.conftest import CODES, ISSUERS, NUMBER, TYPE
from tests.wallet.test_scan_store import locked

ROOT = Path(__file__).parents[2]
SM2_CODE, P256_CODE = CODES.values()
HEADING = (
    "证照编号,持证主体,持证主体代码,证照颁发日期,证照有效期起始日期,证照有效期截止日期,"
    "操作类别,初次领证日期,备注"
)
STEPS = [
    "format",
    "trust-list",
    "issuer",
    "authority",
    "signature-value",
    "validity",
    "holder-proof",
    "audience",
    "replay",
    "status",
]


def csv_row(number: str, holder: str = NUMBER, category: str = "建筑电工") -> str:
    # Commands take the time from the clock: a licence of these days.
    today = datetime.now(UTC).date() - timedelta(days=3)
    first, last = today.isoformat(), (today + timedelta(days=700)).isoformat()
    return f"{number},张三,{holder},{first},{first},{last},{category},2020-03-02,"


@dataclass
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@dataclass
class Office:
    """A fresh folder, and the commands run in it."""

    path: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.data / 'store.sqlite'}"

    def run(self, *arguments: str | Path, stdin: bytes | None = None) -> Ran:
        if stdin is not None:
            self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        status = main(["--data", str(self.data), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        return Ran(status, out, err)

    def good(self, *arguments: str | Path, stdin: bytes | None = None) -> str:
        """Run what must succeed."""
        ran = self.run(*arguments, stdin=stdin)
        assert ran.status == 0, ran
        return ran.out

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def open(self, rows: int = 1) -> list[str]:
        """Set up issuers and issue licences; their identifiers."""
        self.good("trust", "make", "--issuers", self.file("issuers.toml", ISSUERS))
        content = "\n".join([HEADING, *(csv_row(f"蒙K{n}") for n in range(rows))])
        out = self.good("issue", "-", "--type", TYPE, "--issuer", SM2_CODE, stdin=content.encode())
        self.good("status", "publish")
        return re.findall(r"1\.2\.156\.3005\.2\.\S+", out)

    def device(self, kind: str = "P-256") -> Path:
        path = self.path / f"device-{kind}.jwk"
        assert identity(["key", "new", "--kind", kind, "--out", str(path)]) == 0
        return path

    def scan_json(self, *arguments: str | Path, stdin: bytes | None = None) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = json.loads(
            self.run("scan", "--json", *arguments, stdin=stdin).out
        )
        return result


@pytest.fixture
def office(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Office:
    monkeypatch.delenv("MSB_DATA", raising=False)
    return Office(tmp_path, capsys, monkeypatch)


def codes_in(text: str) -> list[str]:
    return re.findall(r"MSB[0-9]:", text)


def test_the_whole_story(office: Office) -> None:
    out = office.good("trust", "make", "--issuers", office.file("issuers.toml", ISSUERS))
    assert "version 1" in out
    rows = office.file(
        "rows.csv",
        "\n".join([HEADING, csv_row("蒙K1"), csv_row("蒙K2", holder="110105194912310021")]),
    )
    issue = ("issue", rows, "--type", TYPE, "--issuer", SM2_CODE)
    first = office.run(*issue)
    assert first.status == 1  # a row was refused
    assert "issued 1, there already 0, refused 1" in first.err
    assert "110105194912310021" not in first.out + first.err
    identifier = first.out.split()[1]
    assert identifier.startswith("1.2.156.3005.2.")
    again = office.run(*issue)
    assert "issued 0, there already 1, refused 1" in again.err
    assert identifier in again.out

    # Before the list is published nobody offline knows the status.
    printed = office.path / "printed.png"
    office.good("show", identifier, "--printed", "--out", printed)
    assert office.run("scan", printed).status == 3
    assert len(office.good("status", "publish").split()) == 1
    assert "VALID" in office.good("scan", printed)
    assert office.good("status", "publish") == ""

    shown = office.path / "shown.png"
    assert "QR" in office.good("show", identifier, "--out", shown)
    assert office.run("scan", shown).status == 3
    assert "VALID" in office.good("scan", shown, "--store", office.store)
    twice = office.run("scan", shown, "--store", office.store)
    assert twice.status == 1
    assert "used before" in twice.out

    device = office.device()
    text = office.good("show", identifier, "--offline", device)
    assert codes_in(text) == ["MSB2:"]
    assert "VALID" in office.good("scan", "-", stdin=text.encode())
    assert office.run("scan", "-", stdin=text.encode()).status == 1

    ready = office.good("show", identifier)
    revoked = office.good("revoke", identifier, "--reason", "cancelled")
    assert "revoked (cancelled)" in revoked
    refused = office.run("scan", "-", "--store", office.store, stdin=ready.encode())
    assert refused.status == 1
    assert "the licence has been revoked" in refused.out
    office.good("scan", printed)  # offline it is not known yet
    assert len(office.good("status", "publish").split()) == 1
    refused = office.run("scan", printed)
    assert refused.status == 1
    assert "the licence has been revoked" in refused.out
    late = office.run("show", identifier, "--printed")
    assert late.status == 0
    assert "revoked" in late.err


def test_suspend_and_restore(office: Office) -> None:
    [identifier] = office.open()
    code = office.file("code.txt", office.good("show", identifier, "--printed"))
    office.good("revoke", identifier, "--suspend")
    assert office.run("scan", code, "--store", office.store).status == 1
    office.good("revoke", identifier, "--restore")
    office.good("scan", code, "--store", office.store)
    office.good("revoke", identifier, "--reason", "penalty")
    refused = office.run("revoke", identifier, "--restore")
    assert refused.status == 2
    assert "revoked cannot become valid" in refused.err


def test_each_kind_of_code_as_text_png_and_svg(office: Office) -> None:
    [identifier] = office.open()
    device = office.device("SM2")
    for option, prefix in (
        ((), "MSB0:"),
        (("--printed",), "MSB1:"),
        (("--offline", device), "MSB2:"),
    ):
        text = office.good("show", identifier, *option)
        assert codes_in(text) == [prefix]
        png, svg = office.path / "code.PNG", office.path / "sub" / "code.svg"
        out = office.good("show", identifier, *option, "--out", png)
        assert not codes_in(out)
        assert read_picture(png.read_bytes())[0].startswith(prefix)
        office.good("show", identifier, *option, "--out", svg)
        assert svg.read_bytes().startswith(b"<?xml")


def test_a_face_is_printed_as_ofd_and_as_pdf(office: Office) -> None:
    [identifier] = office.open()
    for name, start in (("face.ofd", b"PK"), ("face.pdf", b"%PDF")):
        assert "颁发机构（盖章）" in office.good("face", identifier, "--out", office.path / name)
        content = (office.path / name).read_bytes()
        assert content.startswith(start)
        assert (office.path / name).stat().st_mode & 0o777 == 0o600
    assert office.run("face", identifier, "--out", office.path / "face.png").status == 2


def test_the_json_of_a_scan(office: Office) -> None:
    [identifier] = office.open()
    good = office.file("good.txt", office.good("show", identifier, "--printed"))
    bad = office.file("bad.txt", "MSB1:BB8")
    none = office.file("none.txt", "hello")
    ran = office.run("scan", "--json", good, bad, none)
    assert ran.status == 1
    objects = json.loads(ran.out)
    assert [item["file"] for item in objects] == [str(good), str(bad), str(none)]
    assert [item["kind"] for item in objects] == ["licence-code", "licence-code", "unknown"]
    assert [item["verdict"] for item in objects] == ["valid", "invalid", "indeterminate"]
    assert [item["signatures"] for item in objects] == [[], [], []]
    for item in objects:
        assert set(item) <= {"file", "kind", "verdict", "steps", "signatures", "disclosed"}
        for step in item["steps"]:
            assert list(step) == ["id", "outcome", "code", "detail", "zh", "en"]
            assert step["outcome"] in ("ok", "failed", "warning", "unknown", "skipped")
            assert step["zh"]
            assert step["en"]
    assert [step["id"] for step in objects[0]["steps"]] == STEPS
    assert objects[0]["disclosed"]["identifier"] == identifier
    assert objects[0]["disclosed"]["CZZT"] == "张*"
    assert "at" not in objects[0]


def test_exit_statuses_of_several_files(office: Office) -> None:
    [identifier] = office.open()
    good = office.file("good.txt", office.good("show", identifier, "--printed"))
    bad, none = office.file("bad.txt", "MSB1:BB8"), office.file("none.txt", "hello")
    missing = office.path / "missing.txt"
    assert office.run("scan", good, good).status == 0
    assert office.run("scan", good, none).status == 3
    assert office.run("scan", none, bad, good).status == 1
    assert office.run("scan", good, missing).status == 2
    assert office.run("scan", bad, missing, none).status == 2


def test_a_missing_file_does_not_hide_what_the_others_are(office: Office) -> None:
    """Their codes may be used up by this very call."""
    [identifier] = office.open()
    code = office.file("code.txt", office.good("show", identifier))
    missing = office.path / "missing.txt"
    for order in ((code, missing), (missing, code)):
        ran = office.run("scan", "--json", "--store", office.store, *order)
        assert ran.status == 2
        assert "missing.txt" in ran.err
        assert [item["file"] for item in json.loads(ran.out)] == [str(code)]
    assert json.loads(office.run("scan", "--json", missing).out) == []


def test_a_text_file_as_editors_write_it(office: Office) -> None:
    [identifier] = office.open()
    text = office.good("show", identifier, "--printed").strip()
    for content in (text, text + "\n", text + "\r\n", "\ufeff" + text + "\r\n", "\n\n" + text):
        assert office.run("scan", office.file("code.txt", content)).status == 0
    assert office.run("scan", office.file("code.txt", text.encode("utf-16"))).status == 0
    for data in (text.lower().encode(), f"{text}\n{text}\n".encode()):
        assert office.run("scan", office.file("code.txt", data)).status in (1, 3)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 3),
        (b"\0" * 1_000, 3),
        (b"\xff" * 20_000, 3),
        (b"\x89PNG\r\n\x1a\n", 3),
        (b"\xff\xd8\xff", 3),
        (b"MSB1:" + b"0" * 5_000, 1),
        (b"MSB2:\xff\xfe", 1),
        (b"MSB3:ABC", 3),
        (bytes(9_000_000), 3),
    ],
    ids=["empty", "NULs", "bytes", "PNG", "JPEG", "long", "not UTF-8", "later", "9 MB"],
)
def test_any_file_has_a_verdict(office: Office, content: bytes, status: int) -> None:
    office.open()
    assert office.run("scan", office.file("file", content)).status == status
    assert office.run("scan", "-", stdin=content).status == status


def test_options_of_a_scan(office: Office) -> None:
    [identifier] = office.open()
    device = office.device()
    printed = office.file("printed.txt", office.good("show", identifier, "--printed"))
    assert office.run("scan", "--require-holder", printed).status == 3
    assert office.run("scan", "--audience", "窗口 3", printed).status == 3
    shown = office.good("show", identifier, "--offline", device, "--audience", "窗口 3").encode()
    assert office.run("scan", "-", stdin=shown).status == 1
    assert office.run("scan", "--audience", "窗口 4", "-", stdin=shown).status == 1
    assert office.run("scan", "--audience", "窗口 3", "-", stdin=shown).status == 0
    other = office.path / "state" / "other.sqlite"
    again = ("scan", "--audience", "窗口 3", "--state", other, "-")
    assert office.run(*again, stdin=shown).status == 0
    assert office.run(*again, stdin=shown).status == 1
    assert office.run("scan", "--status-max-age", "600", printed).status == 0
    elsewhere = office.path / "counter"
    (office.data / "trust").rename(elsewhere)
    assert office.run("scan", printed).status == 2
    assert office.run("scan", "--trust", elsewhere, printed).status == 0


def test_a_time_of_the_callers_own_is_printed_as_such(office: Office) -> None:
    [identifier] = office.open()
    printed = office.file("printed.txt", office.good("show", identifier, "--printed"))
    late = "2099-01-31T08:00:00+08:00"
    ran = office.run("scan", "--at", late, printed)
    assert ran.status == 1
    assert "2099-01-31T00:00:00+00:00" in ran.out
    assert "expired" in ran.out
    [item] = office.scan_json("--at", late, printed)
    assert item["at"] == "2099-01-31T00:00:00+00:00"
    for edge in ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"):
        assert office.run("scan", "--at", edge, printed).status == 1


def test_the_json_of_an_issue_is_whole_even_when_the_file_is_refused(office: Office) -> None:
    office.open()
    issue = ("issue", "-", "--type", TYPE, "--issuer", SM2_CODE, "--json")
    content = "\n".join(
        [HEADING, csv_row("蒙K0"), csv_row("蒙K7"), csv_row("蒙K8", category="木工")]
    )
    ran = office.run(*issue, stdin=content.encode())
    assert ran.status == 1
    objects = json.loads(ran.out)
    assert [item["line"] for item in objects] == [2, 3, 4]
    assert [item["new"] for item in objects] == [False, True, False]
    assert [bool(item["identifier"]) for item in objects] == [True, True, False]
    assert [fault["column"] for fault in objects[2]["faults"]] == ["KZ_CZLB"]
    assert {"column", "code", "zh", "en"} <= set(objects[2]["faults"][0])
    for broken in ("", "x,y\n1,2\n", content + '\n"not closed'):
        ran = office.run(*issue, stdin=broken.encode())
        assert ran.status == 2
        assert isinstance(json.loads(ran.out), list)
        assert "file refused" in ran.err
    empty = office.run(*issue, stdin=HEADING.encode())
    assert (empty.status, json.loads(empty.out)) == (1, [])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["scan"],
        ["nothing"],
        ["issue", "rows.csv"],
        ["show"],
        ["show", "x", "--printed", "--offline", "key"],
        ["revoke", "x"],
        ["revoke", "x", "--reason", "whim"],
        ["revoke", "x", "--suspend", "--restore"],
        ["status"],
        ["trust"],
        ["scan", "x", "--at", "yesterday"],
        ["scan", "x", "--at", "2026-01-31T08:00:00"],
        ["scan", "x", "--status-max-age", "-1"],
        ["scan", "x", "--status-max-age", "0"],
        ["scan", "x", "--status-max-age", "99999999999999999999"],
        ["scan", "x", "--status-max-age", "1" * 5_000],
        ["scan", "x", "--status-max-age", "一"],
        ["trust", "make", "--days", "0"],
        ["trust", "make", "--days", "-3"],
        ["trust", "make", "--days", "99999999999999999999"],
        ["scan", "x", "--mystery"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40] or "nothing",
)
def test_a_command_called_wrongly_says_so_in_one_line(office: Office, arguments: list[str]) -> None:
    ran = office.run(*arguments)
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1
    assert "/" in ran.err
    assert not office.data.exists()


@pytest.mark.parametrize(
    "help_of", [[], ["scan"], ["issue"], ["show"], ["revoke"], ["trust", "make"]]
)
def test_help(office: Office, help_of: list[str]) -> None:
    assert "usage" in office.good(*help_of, "--help")


def test_what_cannot_be_had_is_one_line_and_status_2(office: Office) -> None:
    [identifier] = office.open()
    key = office.device()
    loose = office.file("loose.jwk", key.read_bytes())
    loose.chmod(0o644)
    unknown = identifier[:-25] + "A" * 23
    calls: list[tuple[str | Path, ...]] = [
        ("scan", office.path),
        ("scan", office.path / "missing"),
        ("scan", "a\0b"),
        ("scan", "--trust", office.path / "typo", key),
        ("scan", "--store", f"sqlite:///{office.path}/typo.sqlite", key),
        ("scan", "--store", "postgresql://u:secret@h/d", key),
        ("scan", "--audience", "", key),
        ("scan", "--state", office.path, key),
        ("issue", office.path / "missing", "--type", TYPE, "--issuer", SM2_CODE),
        ("issue", office.path, "--type", TYPE, "--issuer", SM2_CODE),
        ("issue", key, "--type", TYPE),  # two issuers: which?
        ("issue", key, "--type", TYPE, "--issuer", "11150000MB0000000X"),
        ("issue", key, "--type", "../type", "--issuer", SM2_CODE),
        ("show", unknown),
        ("show", "x"),
        ("show", identifier + "0"),
        ("show", identifier, "--offline", office.path / "missing"),
        ("show", identifier, "--offline", loose),
        ("show", identifier, "--offline", office.path / "issuers.toml"),
        ("show", identifier, "--printed", "--audience", "窗口"),
        ("show", identifier, "--audience", "x" * 101),
        ("show", identifier, "--out", office.path / "code.jpg"),
        ("show", identifier, "--out", office.path),
        ("revoke", unknown, "--suspend"),
        ("revoke", identifier, "--restore"),
        ("status", "publish", "--issuer", "nobody"),
        ("trust", "make", "--issuers", office.path / "missing"),
        ("trust", "make", "--issuers", key),
        ("trust", "make", "--issuers", office.path),
    ]
    for call in calls:
        ran = office.run(*call)
        assert ran.status == 2, call
        assert ran.out == "", call
        assert ran.err.count("\n") == 1, call
        assert "secret" not in ran.err
        assert "Traceback" not in ran.err
    assert not (office.path / "typo").exists()
    assert not (office.path / "typo.sqlite").exists()


def test_a_wrong_data_folder_is_not_made_by_looking(office: Office) -> None:
    for call in (("show", "x"), ("revoke", "x", "--suspend"), ("scan", "x"), ("status", "publish")):
        assert office.run(*call).status == 2
    [identifier] = office.open()
    office.capsys.readouterr()
    other = office.path / "other"
    for arguments in (["show", identifier], ["revoke", identifier, "--suspend"]):
        assert main(["--data", str(other), *arguments]) == 2
    assert not other.exists()


def test_no_command_repeats_a_code(office: Office) -> None:
    [identifier] = office.open()
    codes = [office.good("show", identifier, *how).strip() for how in ((), ("--printed",))]
    for code in codes:
        body = code[5:]
        for call in (
            ("scan", code),
            ("show", code),
            ("revoke", code, "--suspend"),
            ("scan", "x", "--at", code),
            ("scan", "x", "--status-max-age", code),
            ("revoke", "x", "--reason", code),
            ("scan", "x", code, "--mystery"),
            ("show", identifier, code),
            (code,),
            ("scan", "--trust", code, "x"),
            ("scan", "--store", code, "x"),
            ("issue", code, "--type", TYPE, "--issuer", SM2_CODE),
            ("show", identifier, "--offline", code),
        ):
            ran = office.run(*call)
            assert ran.status == 2, call[0]
            assert body not in ran.out + ran.err, call
    file = office.file("code.txt", codes[1][:-9])
    for arguments in ((), ("--json",)):
        ran = office.run("scan", *arguments, file)
        assert ran.status == 1
        assert codes[1][5:40] not in ran.out + ran.err


def test_a_locked_store_is_one_line(office: Office) -> None:
    [identifier] = office.open()
    office.monkeypatch.setattr(databases, "BUSY_TIMEOUT_MS", 50)
    with locked(office.data / "store.sqlite"):
        for call in (("show", identifier), ("revoke", identifier, "--suspend")):
            ran = office.run(*call)
            assert ran.status == 2
            assert ran.err.count("\n") == 1
            assert "store" in ran.err
    office.good("show", identifier)


def test_the_data_folder_may_be_named_by_the_environment(office: Office) -> None:
    [identifier] = office.open()
    office.monkeypatch.setenv("MSB_DATA", str(office.data))
    office.capsys.readouterr()
    assert main(["show", identifier, "--printed"]) == 0
    assert codes_in(office.capsys.readouterr().out) == ["MSB1:"]


def test_a_second_trust_list_is_the_next_version(office: Office) -> None:
    [identifier] = office.open()
    code = office.file("code.txt", office.good("show", identifier, "--printed"))
    old = (office.data / "trust" / "trust-list.jwt").read_bytes()
    office.good("scan", code)
    assert "version 2" in office.good("trust", "make", "--days", "1")
    assert "version 2," in office.good("scan", code)
    (office.data / "trust" / "trust-list.jwt").write_bytes(old)
    assert office.run("scan", code).status == 3


def test_private_things_are_private(office: Office) -> None:
    office.open()
    keys = office.data / "keys"
    assert keys.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}


def test_the_module_runs_as_a_program(office: Office) -> None:
    """In a terminal that knows no Chinese: told all the same."""
    [identifier] = office.open()
    office.capsys.readouterr()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "ascii",
        "PYTHONWARNINGS": "error",
        "MSB_DATA": str(office.data),
    }

    def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "msb_wallet", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            cwd=office.path,
            timeout=60,
            check=False,
        )

    shown = run("show", identifier)
    assert (shown.returncode, shown.stderr) == (0, "")
    scanned = run("scan", "-", "--store", office.store, stdin=shown.stdout)
    assert (scanned.returncode, scanned.stderr) == (0, "")
    assert scanned.stdout.startswith("VALID")
    assert run("scan", "-", "--store", office.store, stdin=shown.stdout).returncode == 1
    assert run("scan", "-", stdin="").returncode == 3
    assert run("scan").returncode == 2


def test_a_reader_that_has_left_is_no_error(office: Office) -> None:
    [identifier] = office.open()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MSB_DATA": str(office.data)}
    with subprocess.Popen(
        [sys.executable, "-m", "msb_wallet", "show", identifier],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0
