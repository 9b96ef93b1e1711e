"""The commands of msb-wallet called wrongly, on wrong folders, with a reader that left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation import databases
from msb_wallet.cli import main
from tests.wallet.conftest import TYPE
from tests.wallet.office import HEADING, ROOT, SM2_CODE, Office, codes_in, csv_row
from tests.wallet.test_scan_store import locked

if TYPE_CHECKING:
    from pathlib import Path


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
