"""msb-identity person|firm|mandate|department|staff: from an empty folder to an act for a firm."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.cli import main
from msb_identity.foundation.audit import AuditReader
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

NUMBER, MOBILE = "11010519491231002X", "13800138000"
ZHANG = f'name = "张三"\nidentity_number = "{NUMBER}"\nmobile = "{MOBILE}"\nmethod = "counter"\n'


@dataclass
class Desk:
    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, *words: str, stdin: str = "", status: int = 0) -> tuple[str, str]:
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        url = f"sqlite:///{self.folder / 'made' / 'store.sqlite'}"
        words = (*words, "--store", url, "--keys", str(self.folder / "keys"))
        assert main(words) == status, self.capsys.readouterr().err
        told = self.capsys.readouterr()
        return told.out, told.err

    def rows(self, *words: str, stdin: str = "") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run(*words, "--json", stdin=stdin)[0])
        return rows


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    made = Desk(tmp_path, capsys, monkeypatch)
    made.run("store", "init")
    return made


def test_a_new_store_is_private_and_made_once(desk: Desk) -> None:
    keys = {path.name: path.read_bytes() for path in (desk.folder / "keys").iterdir()}
    assert (desk.folder / "made" / "store.sqlite").stat().st_mode & 0o777 == 0o600
    desk.run("store", "init")
    assert {path.name: path.read_bytes() for path in (desk.folder / "keys").iterdir()} == keys


def test_without_a_store_or_keys_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'none.sqlite'}"
    for words in (["--store", url], []):
        command = ["person", "list", "--keys", str(tmp_path / "keys"), *words]
        assert main(command) == 2
        assert "/" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_person_is_shown_masked_or_with_a_reason_that_is_kept(desk: Desk) -> None:
    (row,) = desk.rows("person", "add", "-", stdin=ZHANG)
    find = ("person", "show", "--find", "-")
    by_number = f'identity_number = "{NUMBER}"'
    out, _ = desk.run(*find, stdin=by_number)
    assert row["id"] in out
    for secret in (NUMBER, MOBILE, "张三"):
        assert secret not in out
    _, err = desk.run(*find, "--full", stdin=by_number, status=2)
    assert "--reason" in err
    (full,) = desk.rows(*find, "--full", "--reason", "来电核对", "--by", "o1", stdin=by_number)
    assert (full["name"], full["identity_number"], full["mobile"]) == ("张三", NUMBER, MOBILE)
    store = Store.open(f"sqlite:///{desk.folder / 'made' / 'store.sqlite'}", *TABLES)
    reader = AuditReader(store, Protector.from_folder(store, desk.folder / "keys"))
    (entry,) = reader.entries(event="person.shown").entries
    assert reader.personal(entry).fields == {"reason": "来电核对"}
    store.close()


@pytest.mark.parametrize(
    "text",
    [
        ZHANG.replace(NUMBER, "110105194912310021"),
        ZHANG.replace("method", "methods"),
        ZHANG.replace("counter", "rumour"),
        f"identity_number = {NUMBER[:17]}",
        f"{NUMBER}",
        "",
        "#" * 200_000,
    ],
)
def test_a_file_that_is_wrong_is_told_without_what_is_in_it(desk: Desk, text: str) -> None:
    out, err = desk.run("person", "add", "-", stdin=text, status=2)
    assert out == ""
    assert len(err.splitlines()) == 1
    for secret in (NUMBER[:17], "19491231", MOBILE, "张三"):
        assert secret not in err


def test_accounts_are_linked_proofed_and_merged(desk: Desk) -> None:
    (zhang,) = desk.rows("person", "add", "-", stdin=ZHANG)
    (late,) = desk.rows("person", "add", "-", stdin='mobile = "13900139000"')
    only_passport = 'passport = "CHN:E12345678"'
    passport = only_passport + '\nmethod = "counter"'
    by = ("--by", "officer")
    (row,) = desk.rows("person", "link", late["id"], "-", *by, stdin=passport)
    assert "passport=CHN:*******78" in row["identifiers"]
    number = f'identity_number = "{NUMBER}"\nmethod = "two-factor"'
    _, err = desk.run("person", "link", late["id"], "-", *by, stdin=number, status=2)
    assert "合并" in err
    merge = ("person", "merge", zhang["id"], late["id"], "--method", "counter", *by)
    (merged,) = desk.rows(*merge)
    assert len(merged["identifiers"]) == 4
    assert desk.rows("person", "show", late["id"]) == [merged] == desk.rows("person", "list")
    unlinked = desk.rows("person", "unlink", zhang["id"], "-", *by, stdin=only_passport)
    assert len(unlinked[0]["identifiers"]) == 3
    (other,) = desk.rows("person", "add", "-", stdin='passport = "CHN:E12345678"\nname = "李四"')
    desk.run("person", "attest", other["id"], "--source", "大厅", *by, status=2)  # no number
    assert other["level"] == 1


def test_a_firm_gives_a_mandate_and_takes_it_back(desk: Desk) -> None:
    (zhang,) = desk.rows("person", "add", "-", stdin=ZHANG)
    other = 'name = "李四"\nidentity_number = "440524188001010014"\nmethod = "face"'
    (li,) = desk.rows("person", "add", "-", stdin=other)
    code, by = "91350100M000100Y43", ("--by", zhang["id"])
    proof = ("--method", "counter", "--source", "大厅")
    words = ("firm", "add", code, "--name", "示例有限公司", "--representative", zhang["id"])
    (firm,) = desk.rows(*words, *proof, "--by", "officer")
    assert desk.rows("firm", "show", code) == [firm] == desk.rows("firm", "list")
    offer = ("mandate", "offer", code, "--agent", li["id"], "--scope", "licence.apply")
    (given,) = desk.rows(*offer, "--until", "2099-01-01T00:00:00+08:00", *by)
    desk.run("mandate", "accept", given["id"], *by, status=2)
    (accepted,) = desk.rows("mandate", "accept", given["id"], "--by", li["id"])
    assert accepted["accepted_at"]
    (ended,) = desk.rows("mandate", "withdraw", given["id"], *by)
    assert ended["end_reason"] == "withdrawn"
    assert desk.rows("mandate", "show", given["id"]) == [ended]
    assert desk.rows("mandate", "list", code) == [ended]
    change = ("firm", "representative", firm["id"], "--representative", li["id"], *proof)
    assert desk.rows(*change, "--by", "o")[0]["representative"] == li["id"]
    assert desk.rows("firm", "close", code, "--by", "o")[0]["closed_at"]
    desk.run("firm", "show", "nothing", status=2)


def test_staff_have_the_roles_of_their_department(desk: Desk) -> None:
    by = ("--by", "admin")
    (top,) = desk.rows("department", "add", "政务服务局", *by)
    (hall,) = desk.rows("department", "add", "大厅", "--parent", top["id"], *by)
    assert desk.rows("department", "list", "--parent", top["id"]) == [hall]
    given = desk.rows("department", "role", top["id"], "licence.review", "--below", *by)
    assert given == [{"role": "licence.review", "below": True}]
    file = f'number = "ZW-001"\nname = "王五"\ndepartment = "{hall["id"]}"'
    (member,) = desk.rows("staff", "add", "-", *by, stdin=file)
    assert member["name"] == "王*"
    assert desk.rows("staff", "show", member["id"])[0]["roles"] == ["licence.review"]
    assert desk.rows("staff", "list", "--department", hall["id"]) == [member]
    assert desk.rows("staff", "leave", member["id"], *by)[0]["left_at"]
    assert desk.rows("staff", "show", member["id"])[0]["roles"] == []
    desk.run("department", "move", top["id"], "--parent", hall["id"], *by, status=2)
