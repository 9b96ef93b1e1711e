"""The commands on tokens and on the ring of their keys."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.cli import main
from msb_identity.envelopes.jose import KeySet
from msb_identity.foundation.store import Store
from msb_identity.sso.sessions import Sessions
from msb_identity.sso.tokens import TokenIssuer
from msb_identity.tables import TABLES
from tests.identity.issuer_server import issuer_server
from tests.identity.token_world import AUDIENCE, ISSUER, P256, SESSION, by_hand, issue
from tests.support import console_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return console_of(main, capsys)


@pytest.fixture
def place(tmp_path: Path, run: Run) -> Sequence[object]:
    """A store and its keys, as arguments name them."""
    named = ("--store", f"sqlite:///{tmp_path / 'store.sqlite'}", "--keys", tmp_path / "keys")
    assert run("store", "init", *named)[0] == 0
    return named


@pytest.fixture
def store(place: Sequence[object]) -> Iterator[Store]:
    with closing(Store.open(str(place[1]), *TABLES)) as store:
        yield store


def states(run: Run, *arguments: object) -> dict[str, list[str]]:
    status, out, _ = run("key", *arguments, "--json")
    assert status == 0
    found: dict[str, list[str]] = {}
    for row in json.loads(out):
        found.setdefault(row["state"], []).append(row["key"])
    return found


def test_a_ring_is_shown_rotated_and_published(run: Run, place: Sequence[object]) -> None:
    first = states(run, "ring", *place)
    assert first.keys() == {"next", "current"}
    status, _, err = run("key", "rotate", *place)
    assert (status, "published ahead" in err) == (2, True)
    after = states(run, "rotate", "--at-once", *place)
    assert after["current"] == first["next"]
    assert after["retiring"] == first["current"]
    status, out, _ = run("jwks", *place)
    assert status == 0
    assert '"d"' not in out
    keys = KeySet.from_json(out)
    assert len(keys) == 3
    gone = states(run, "withdraw", after["current"][0], *place)
    assert gone["current"] == after["next"]
    assert KeySet.from_json(run("jwks", *place)[1]).get(after["current"][0]) is None
    assert run("key", "withdraw", "unknown", *place)[0] == 2
    status, out, _ = run("key", "ring", *place)
    assert (status, "current" in out) == (0, True)


def test_a_ring_takes_further_kinds(run: Run, place: Sequence[object]) -> None:
    run("key", "ring", *place)
    status, out, _ = run("key", "ring", "--kind", "SM2", "--kind", "Ed25519", "--json", *place)
    assert status == 0
    assert {row["kind"] for row in json.loads(out)} == {"P-256", "SM2", "Ed25519"}


def test_a_token_is_issued_for_a_live_session_into_a_private_file_and_verifies(
    run: Run, place: Sequence[object], store: Store, tmp_path: Path
) -> None:
    session = Sessions(store).start("p" * 26, level=3, acr="urn:msb:aal:2", amr=("pwd",))
    file, keys = tmp_path / "token", tmp_path / "jwks.json"
    asked = ("--issuer", ISSUER, "--audience", AUDIENCE)
    issued = ("--client", "portal", "--session", session.sid, "--out", file)
    status, out, _ = run("token", "issue", *place, *asked, *issued)
    assert status == 0
    token = file.read_text().strip()
    assert token not in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys.write_text(run("jwks", *place)[1])
    assert run("token", "verify", "--keys", keys, *asked, file)[0] == 0
    # Not a second time into the same file, nor for what is no session, or one that has ended.
    assert run("token", "issue", *place, *asked, *issued)[0] == 2
    other = ("--client", "portal", "--out", tmp_path / "other", "--session")
    assert run("token", "issue", *place, *asked, *other, "unknown")[0] == 2
    Sessions(store).end(session.sid)
    status, _, err = run("token", "issue", *place, *asked, *other, session.sid)
    assert (status, "signed" in err or "sign in" in err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_show_says_loudly_that_nothing_is_verified_and_prints_no_token(
    run: Run, tmp_path: Path
) -> None:
    token = issue()
    (tmp_path / "token").write_text(token + "\n")
    for arguments in ((), ("--json",)):
        status, out, err = run("token", "show", *arguments, tmp_path / "token")
        assert status == 0
        assert "NOT VERIFIED" in err
        assert "未核验" in err
        said = json.loads(out)
        assert said["verified"] is False
        assert said["claims"]["iss"] == ISSUER
        assert token.rpartition(".")[2] not in out
    (tmp_path / "none").write_text("a.b.c")
    assert run("token", "show", tmp_path / "none")[0] == 2


def test_show_obeys_nothing_in_a_token(run: Run, tmp_path: Path) -> None:
    head = {"alg": "ES256", "kid": "\x1b[31m", "typ": "\u202e"}
    (tmp_path / "token").write_text(by_hand(head))
    out = run("token", "show", tmp_path / "token")[1]
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_keys_are_fetched_from_the_issuer_where_none_are_given(run: Run, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with issuer_server() as server:
        server.publish(P256)
        session = replace(SESSION, expires_at=now + timedelta(hours=1))
        token = TokenIssuer(server.address, P256).issue(
            session, audience=AUDIENCE, client_id="portal", now=now
        )
        (tmp_path / "token").write_text(token)
        asked = ("token", "verify", "--issuer", server.address, "--audience", AUDIENCE)
        assert run(*asked, "--allow-http", tmp_path / "token")[0] == 0
        assert run(*asked, tmp_path / "token")[0] == 2
        server.answers.clear()
        status, out, _ = run(*asked, "--allow-http", tmp_path / "token")
        assert (status, "未通过核验" in out) == (3, True)
