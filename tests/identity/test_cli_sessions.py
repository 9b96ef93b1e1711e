from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.cli import main
from msb_identity.foundation.audit import AuditReader
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.sso.sessions import Sessions
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    assert main(["store", "init", "--store", url, "--keys", str(tmp_path / "keys")]) == 0
    with closing(Store.open(url, *TABLES)) as opened:
        yield opened


def run(tmp_path: Path, *words: str) -> int:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    return main([*words, "--store", url, "--keys", str(tmp_path / "keys")])


def test_sessions_are_listed_and_ended_one_by_one_or_all(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions = Sessions(store)
    made = [
        sessions.start("account", level=2, acr="a", amr=("pwd", "sms"), place=f"地方 {number}")
        for number in range(3)
    ]

    def listed() -> list[dict[str, Any]]:
        capsys.readouterr()
        assert run(tmp_path, "session", "list", "account", "--json") == 0
        rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return rows

    rows = listed()
    assert {row["session"]: row["place"] for row in rows} == {one.sid: one.place for one in made}
    assert (rows[0]["kind"], rows[0]["amr"]) == ("person", ["pwd", "sms"])
    assert not any(one.secret in json.dumps(rows) for one in made)
    assert run(tmp_path, "session", "end", "--session", made[0].sid, "--by", "operator") == 0
    assert len(listed()) == 2
    assert run(tmp_path, "session", "end", "--all", "account", "--by", "operator") == 0
    assert listed() == []
    reader = AuditReader(store, Protector.from_folder(store, tmp_path / "keys"))
    entries = reader.entries(actor=["operator"], event="session.ended").entries
    assert {entry.object_ for entry in entries} == {one.sid for one in made}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words",
    [
        ("end", "--session", "unknown", "--by", "operator"),
        ("end", "--all", "nobody", "--by", "operator"),
        ("end", "--all", "nobody"),
        ("end", "--by", "operator"),
        ("end", "--all", "a", "--session", "b", "--by", "operator"),
    ],
)
def test_what_ends_nothing_was_called_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    capsys.readouterr()
    assert run(tmp_path, "session", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
