"""The commands of a seal's life, from the unit to the published list."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation.files import write_private_once
from msb_identity.pki.formats import encode_key, encode_public_key
from msb_identity.x509.files import encode_pem
from msb_seal.cli import main
from msb_seal.lifecycle import PublishedStates
from msb_seal.seals.structure import parse_seal
from tests.identity.authorities import key
from tests.seal.lifecycle.conftest import UNIT
from tests.seal.makers import PNG, person, world
from tests.seal.ofd_documents import unsealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The commands go by the clock: these last far longer than the tests' own world.
LONG: dict[str, Any] = {
    "from_": datetime(2020, 1, 1, tzinfo=UTC),
    "until": datetime(2099, 1, 1, tzinfo=UTC),
}
SIGNER, MAKER = person("lasting signer", **LONG), person("lasting maker", **LONG)
APPLICATION = f"""
unit = "{UNIT.code}"
type = 1
name = "{UNIT.name}"
picture = "seal.png"
size_mm = [42, 42]
signers = ["signer.pem"]
valid_from = 2020-01-01T00:00:00+08:00
valid_until = 2090-01-01T00:00:00+08:00
applicant = "张小三"
reference = "2026-1"
"""


@pytest.fixture
def run(
    first_state: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Any]:
    """Run an action on a data folder that knows one unit, and give the rows it prints."""
    shutil.copytree(first_state, tmp_path / "data")
    monkeypatch.delenv("MSB_STORE", raising=False)
    (tmp_path / "seal.png").write_bytes(PNG)
    (tmp_path / "signer.pem").write_bytes(encode_pem(SIGNER.certificate))
    (tmp_path / "maker.pem").write_bytes(encode_pem(MAKER.certificate))
    for name, one in (("maker.key", MAKER.key), ("list.key", key("state list"))):
        (tmp_path / name).write_bytes(encode_key(one))
        (tmp_path / name).chmod(0o600)
    (tmp_path / "application.toml").write_text(APPLICATION)

    def act(*arguments: str, expect: int = 0) -> Any:  # noqa: ANN401 - JSON
        data = str(tmp_path / "data")
        assert main(["lifecycle", *arguments, "--data", data, "--json"]) == expect
        said = capsys.readouterr()
        return json.loads(said.out) if expect == 0 else said.err

    return act


def applied(run: Callable[..., Any], folder: Path) -> str:
    run("unit-add", UNIT.code, "--name", UNIT.name, "--region", UNIT.region, "--by", "k")
    [row] = run("apply", str(folder / "application.toml"), "--by", "a")
    record: str = row["record"]
    return record


def made(run: Callable[..., Any], folder: Path) -> str:
    record = applied(run, folder)
    run("approve", record, "--by", "b")
    keys = ("--maker-key", str(folder / "maker.key"), "--maker-cert", str(folder / "maker.pem"))
    run("make", record, "--by", "m", *keys, "--out", str(folder / "made.esl"))
    return record


def test_a_seal_s_whole_life(run: Callable[..., Any], tmp_path: Path) -> None:
    record = made(run, tmp_path)
    seal = parse_seal((tmp_path / "made.esl").read_bytes())
    [row] = run("issue", record, "--by", "k")
    assert (row["state"], row["zh"], row["fingerprint"]) == ("active", "有效", seal.fingerprint)
    [grant] = run(
        *("grant", record, "--user", "u", "--purpose", "licence", "--days", "9"),
        *("--uses", "5", "--by", "k"),
    )
    assert (grant["uses"], grant["of"]) == (0, 5)
    assert run("coverage") == []
    [covered] = run("coverage", "--all")
    assert (covered["standing"], covered["record"]) == ("has", record)
    [row] = run("lose", record, "--reason", "lost", "--by", "x")
    assert (row["state"], row["reason"]) == ("frozen", "lost")
    [row] = run("list", "--state", "frozen")
    assert row["record"] == record
    assert run("withdraw-grant", grant["grant"], "--by", "k")[0]["withdrawn"]
    assert run("recover") == [{"given back": 0}]
    due = run("filings")
    assert [one["content"]["state"]["name"] for one in due] == ["已制作", "有效", "停用"]
    run("filed", record, str(due[0]["epoch"]), "--receipt", "R-1", "--by", "k")
    assert run("filings") == due[1:]
    shown, _grant, *history = run("show", record)
    assert shown["applicant"] == "张*三"
    assert [one["event"] for one in history][:3] == ["seal.apply", "seal.approve", "seal.make"]
    out = str(tmp_path / "public")
    run("publish", "--name", "清单", "--key", str(tmp_path / "list.key"), "--out", out, "--by", "k")
    signer = key("state list").public
    assert PublishedStates.from_folder(tmp_path / "public", signer=signer).version == 1
    run("ask-cancel", record, "--reason", "lost", "--by", "k")
    [row] = run("cancel", record, "--by", "z")
    assert row["state"] == "cancelled"
    assert run("unit-close", UNIT.code, "--by", "k") == [{"unit": UNIT.code, "closed": True}]


def test_one_person_alone_gets_no_seal(run: Callable[..., Any], tmp_path: Path) -> None:
    record = applied(run, tmp_path)
    said = run("approve", record, "--by", "a", expect=2)
    assert "须由另一人办理" in said
    assert run("list", "--state", "approved") == []


def test_verify_asks_a_published_list_for_a_seal_s_state(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = made(run, tmp_path)
    run("issue", record, "--by", "k")
    public = tmp_path / "list.pub"
    public.write_bytes(encode_public_key(key("state list").public))
    (tmp_path / "root.pem").write_bytes(encode_pem(world().root.certificate))
    out = tmp_path / "public"
    publish = ("publish", "--name", "清单", "--key", str(tmp_path / "list.key"), "--out", str(out))
    call = ["verify", str(tmp_path / "made.esl"), "--trust", str(tmp_path / "root.pem"), "--json"]
    call += ["--at", "2026-12-01T00:00:00Z"]
    named = ["--seal-states", str(out), "--seal-states-key", str(public)]

    def status(*more: str) -> str:
        capsys.readouterr()
        main([*call, *more])
        [report] = json.loads(capsys.readouterr().out)
        [step] = [one for one in report["steps"] if one["id"] == "seal-status"]
        return f"{step['outcome']} {step['code']}"

    assert status().startswith("skipped")
    run(*publish, "--by", "k", "--days", "400")
    assert status(*named).startswith("ok")
    run("freeze", record, "--reason", "under-review", "--by", "k")
    run(*publish, "--by", "k", "--days", "400")
    assert status(*named) == "failed frozen"
    named[1] = str(out / "seal-states-all.jwt")
    assert status(*named) == "failed frozen"
    assert status(*named, "--seal-states-version", "2") == "failed frozen"
    capsys.readouterr()
    assert main([*call, *named, "--seal-states-version", "3"]) == 2
    assert "older than one seen before" in capsys.readouterr().err
    for wrong in ("0", "-1", "x", "9" * 17):
        assert main([*call, *named, "--seal-states-version", wrong]) == 2
    assert main([*call, "--seal-states-version", "1"]) == 2
    assert main([*call, *named[:2]]) == 2
    (tmp_path / "list.pub").write_bytes(encode_public_key(key("another").public))
    assert main([*call, *named]) == 2


def test_rows_are_printed_for_people_too(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = applied(run, tmp_path)
    assert main(["lifecycle", "show", record, "--data", str(tmp_path / "data")]) == 0
    out = capsys.readouterr().out
    assert "state: applied  zh: 已申请" in out
    assert "张小三" not in out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("type = 1", 'type = "1"'),
        ("size_mm = [42, 42]", "size_mm = [42]"),
        ("+08:00", ""),
        ("signers = ", "signer = "),
        ('reference = "2026-1"', "more = 1"),
        ("unit =", "unit"),
        ("seal.png", "none.png"),
        ("signer.pem", "seal.png"),
        ("type = 1", "type = 1000"),
    ],
)
def test_an_application_s_file_is_read_strictly(
    run: Callable[..., Any], tmp_path: Path, old: str, new: str
) -> None:
    (tmp_path / "application.toml").write_text(APPLICATION.replace(old, new))
    assert run("apply", str(tmp_path / "application.toml"), "--by", "a", expect=2).count("\n") == 1
    assert run("list") == []


def test_a_folder_s_own_codes_are_used(run: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "data" / "lifecycle.toml").write_text("format = 1")
    assert "lifecycle.toml" in run("list", expect=2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("freeze", "0" * 32, "--by", "k"),
        ("freeze", "0" * 32, "--by", "k", "--reason", "lost"),
        ("approve", "0" * 32, "--by", "k"),
        ("grant", "0" * 32, "--user", "u", "--purpose", "p", "--days", "0", "--by", "k"),
        ("list", "--limit", "1001"),
        ("list", "--state", "gone"),
        ("unit-add", "123", "--name", "n", "--region", "150600", "--by", "k"),
    ],
)
def test_a_wrong_call_is_one_line(run: Callable[..., Any], arguments: tuple[str, ...]) -> None:
    assert run(*arguments, expect=2).count("\n") == 1


def test_a_kept_seal_signs_by_its_grant_and_not_when_frozen(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = made(run, tmp_path)
    run("issue", record, "--by", "k")
    run(
        *("grant", record, "--user", "u", "--purpose", "licence", "--days", "9"),
        *("--uses", "1", "--by", "k"),
    )
    (tmp_path / "a.ofd").write_bytes(unsealed())
    (tmp_path / "root.pem").write_bytes(encode_pem(world().root.certificate))
    write_private_once(tmp_path / "signer.key", encode_key(SIGNER.key))

    def sign(out: str, user: str = "u", purpose: str = "licence") -> int:
        status = main(
            [
                *("sign", str(tmp_path / "a.ofd"), "--record", record),
                *("--user", user, "--purpose", purpose, "--data", str(tmp_path / "data")),
                *("--key", str(tmp_path / "signer.key"), "--cert", str(tmp_path / "signer.pem")),
                *("--place", "page=1,x=10,y=10", "--out", str(tmp_path / out)),
            ]
        )
        capsys.readouterr()
        return status

    assert sign("stranger.ofd", user="v") == 2
    assert sign("other.ofd", purpose="contract") == 2
    assert sign("good.ofd") == 0
    assert sign("once-more.ofd") == 2  # the grant was for one use
    run("freeze", record, "--reason", "under-review", "--by", "x")
    assert sign("frozen.ofd") == 2
    assert {path.name for path in tmp_path.glob("*.ofd")} == {"a.ofd", "good.ofd"}
    used = [row for row in run("show", record) if row.get("event") == "seal.used"]
    assert [row.get("outcome") for row in used].count("ok") == 1
    verify = ["verify", str(tmp_path / "good.ofd"), "--trust", str(tmp_path / "root.pem")]
    assert main(verify) == 0


@pytest.mark.parametrize(
    "action", [("list",), ("coverage",), ("filings",), ("show", "0" * 32), ("codes",)]
)
def test_who_only_reads_makes_no_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: tuple[str, ...]
) -> None:
    folder = tmp_path / "wrong"
    status = main(["lifecycle", *action, "--data", str(folder)])
    assert status == (0 if action == ("codes",) else 2)
    assert not folder.exists()
    assert len(capsys.readouterr().err.splitlines()) == status // 2


def test_the_names_of_purposes_and_reasons_are_listed(run: Callable[..., Any]) -> None:
    rows = run("codes")
    assert {"kind": "purpose", "name": "licence", "zh": "电子证照", "en": "e-licences"} in rows
    [found] = [row for row in rows if row["name"] == "found"]
    assert (found["kind"], found["acts"]) == ("reason", "thaw")


def test_an_interrupt_while_modules_load_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("msb_seal.cli.import_module", interrupted)
    assert main(["verify", "a.ofd"]) == 2
    assert capsys.readouterr().err == "已中断 / interrupted\n"


def test_filings_are_json_in_text_too(
    run: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(run, tmp_path)
    assert main(["lifecycle", "filings", "--data", str(tmp_path / "data")]) == 0
    content = capsys.readouterr().out.partition("content: ")[2]
    assert json.loads(content)["state"]["name"] == "已制作"


@pytest.mark.parametrize("given", [["--record", "r"], ["--seal", "s", "--user", "u"]])
def test_record_user_and_purpose_go_together(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    files = ("--key", "k", "--cert", "c", "--place", "straddle", "--out", "o")
    assert main(["sign", "a.ofd", *given, *files]) == 2
    assert "--purpose" in capsys.readouterr().err
