"""The issuer's signed list of cut-offs, and portals that have nothing else to go by."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.envelopes.jose import encode_base64url, parse_jws, sign_jws
from msb_identity.foundation import strict_json
from msb_identity.foundation.report import Verdict
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso import cutoff_list
from msb_identity.sso.basis import Basis
from msb_identity.sso.cutoff_list import (
    CUT_OFF_LIST_MEMBER,
    CUT_OFF_LIST_TYPE,
    LIST_PACE,
    MAX_ENTRIES,
    MAX_LIST_BYTES,
    CutOffPublisher,
    PublishedCutOffs,
    name_digest,
    read_cut_off_list,
)
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.tokens import SingleKey, TokenIssuer, TokenVerifier
from msb_identity.tables import TABLES
from tests.identity.issuer_server import (
    LIST_PATH,
    QUICK,
    Clock,
    body,
    eventually,
    issuer_server,
    published,
)
from tests.identity.token_world import AUDIENCE, ISSUER, P256, SECOND, SESSION, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from msb_identity.pki.keys import SigningKey
    from tests.databases import PreparedFiles
    from tests.identity.issuer_server import Answer, IssuerServer

    Lie = Callable[[IssuerServer, dict[str, Any]], Answer]

OTHER = generate_key(KeyKind.P256)
SID, PERSON = SESSION.sid, SESSION.subject


class World:
    """An issuer with a store, its server, and a portal without a store."""

    def __init__(self, store: Store, server: IssuerServer) -> None:
        self.store, self.server, self.clock = store, server, Clock()
        self.now = datetime.now(UTC)
        self.cutoffs = CutOffs(store)
        server.publish(P256, **{CUT_OFF_LIST_MEMBER: server.address + LIST_PATH})
        server.answers[LIST_PATH] = self.answer
        keys = published(server, self.clock)
        assert keys.fetcher is QUICK
        pace = replace(LIST_PACE, patience=timedelta(seconds=0.5))
        lists = PublishedCutOffs(keys, pace=pace, clock=self.clock)
        self.verifier = TokenVerifier(
            issuer=server.address, audience=AUDIENCE, keys=keys, cutoffs=lists
        )

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body(self.document())(handler)

    def document(self) -> str:
        keys = SingleKey(P256)
        return CutOffPublisher(self.cutoffs, keys, issuer=self.server.address).document()

    def token(self, now: datetime | None = None) -> str:
        issuer = TokenIssuer(self.server.address, P256)
        made = now or self.now
        session = replace(SESSION, auth_time=made, expires_at=made + timedelta(hours=12))
        return issuer.issue(session, audience=AUDIENCE, client_id="portal", now=made)

    def step(self, token: str) -> tuple[str, str]:
        return found(self.verifier.check(token), "session")

    def end(self, how: str, id_: str) -> None:
        with self.store.write() as connection:
            getattr(self.cutoffs, how)(connection, id_)


@pytest.fixture
def world(tmp_path: Path, prepared_files: PreparedFiles) -> Iterator[World]:
    store = Store.open(prepared_files.new(tmp_path / "store.sqlite", *TABLES), *TABLES)
    with issuer_server() as server:
        yield World(store, server)
    store.close()


def test_a_portal_without_the_store_sees_an_end_at_its_next_poll(world: World) -> None:
    token = world.token()
    assert world.step(token) == ("ok", "ok")
    world.end("end_session", SID)
    world.clock.at += 9
    assert world.step(token) == ("ok", "ok")
    world.clock.at += 2
    eventually(lambda: world.step(token) == ("failed", "ended"))
    assert world.verifier.check(token).verdict is Verdict.INVALID
    assert world.server.asked[LIST_PATH] == 2


@pytest.mark.parametrize("how", ["end_subject", "end_client"])
def test_an_end_of_what_goes_on_leaves_new_tokens_alone(world: World, how: str) -> None:
    early, late = world.token(world.now - 5 * SECOND), world.token(world.now + 5 * SECOND)
    world.end(how, {"end_subject": PERSON, "end_client": "portal"}[how])
    assert world.step(early) == ("failed", "ended")
    assert world.step(late) == ("ok", "ok")


def test_an_issuer_that_publishes_no_list_leaves_the_step_out(world: World) -> None:
    world.server.publish(P256)
    report = world.verifier.check(world.token())
    assert report.verdict is Verdict.VALID
    assert found(report, "session") == ("skipped", "no-session-source")


def signed(said: Mapping[str, Any], key: SigningKey = P256, type_: str = CUT_OFF_LIST_TYPE) -> str:
    return sign_jws(strict_json.dump(said), key, type_=type_)


def says(**changes: object) -> Lie:
    return lambda _, said: body(signed({**said, **changes}))


def aged(age: timedelta) -> Lie:
    return lambda _, said: body(signed({**said, "iat": said["iat"] - int(age.total_seconds())}))


LIES: Mapping[str, Lie] = {
    "hangs": lambda server, _: server.hang,
    "drips": lambda server, _: server.drip,
    "an error": lambda _, said: body(signed(said), status=500),
    "10 MB": lambda *_: body(b"A" * 10_000_000),
    "HTML": lambda *_: body("<html></html>"),
    "nothing": lambda *_: body(""),
    "not text": lambda *_: body(b"\xff" * 100),
    "a stranger's signature": lambda _, said: body(signed(said, OTHER)),
    "another type": lambda _, said: body(signed(said, type_="JWT")),
    "an access token": lambda server, _: body(
        TokenIssuer(server.address, P256).issue_to_client("c", audience=server.address)
    ),
    "a changed bit": lambda _, said: body(signed(said)[:-8] + "AAAAAAAA"),
    "another issuer": says(iss="https://other.example"),
    "too old": aged(timedelta(seconds=62)),
    "from the future": aged(-timedelta(seconds=65)),
    "half an entry": says(cut=encode_base64url(b"1234567")),
    "no base64url": says(cut="+/=="),
    "a list of entries": says(cut=[1]),
    "a version that is no number": says(version="7"),
    "a negative version": says(version=-1),
    "no version": lambda _, said: body(
        signed({name: value for name, value in said.items() if name != "version"})
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_list_that_cannot_be_had_or_believed_leaves_tokens_indeterminate(
    world: World, lie: str
) -> None:
    said = json.loads(parse_jws(world.document()).payload)
    good = world.server.answers[LIST_PATH]
    world.server.answers[LIST_PATH] = LIES[lie](world.server, said)
    report = world.verifier.check(world.token())
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "session") == ("unknown", "session-source-failed")
    world.server.answers[LIST_PATH] = good
    world.clock.at += 61
    eventually(lambda: world.step(world.token()) == ("ok", "ok"))


def test_a_list_serves_for_a_minute_while_the_issuer_is_away(world: World) -> None:
    token = world.token()
    world.end("end_session", "another")
    assert world.step(token) == ("ok", "ok")
    del world.server.answers[LIST_PATH]
    world.clock.at += 60
    assert world.step(token) == ("ok", "ok")
    world.clock.at += 1
    assert world.step(token) == ("unknown", "session-source-failed")


def test_a_list_older_than_one_that_was_seen_is_refused(world: World) -> None:
    token, before = world.token(), world.document()
    world.end("end_session", SID)
    assert world.step(token) == ("failed", "ended")
    world.server.answers[LIST_PATH] = body(before)
    for _ in range(3):
        world.clock.at += 11
        assert world.step(token) == ("failed", "ended")
    world.clock.at += 61
    assert world.step(token) == ("unknown", "session-source-failed")


def test_more_ends_than_a_list_holds_end_everything_up_to_some_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutoff_list, "MAX_ENTRIES", 3)
    for number in range(5):
        with world.store.write() as connection:
            moment = world.now + (number - 5) * SECOND
            world.cutoffs.end_session(connection, str(number), moment)
    said = json.loads(parse_jws(world.document()).payload)
    assert said["floor"] == int((world.now - 4 * SECOND).timestamp())
    assert world.step(world.token(world.now - 4 * SECOND)) == ("failed", "ended")
    assert world.step(world.token(world.now - 3 * SECOND)) == ("ok", "ok")


def test_the_longest_list_fits_what_is_fetched_and_is_soon_read() -> None:
    now = datetime.now(UTC)
    names = {f"session:{number:022}": int(now.timestamp()) for number in range(MAX_ENTRIES + 1)}

    class Many:
        def live(self, _: datetime) -> tuple[int, dict[str, int]]:
            return MAX_ENTRIES, names

    many: Any = Many()
    document = CutOffPublisher(many, SingleKey(P256), issuer=ISSUER).document(now)
    assert len(document) < MAX_LIST_BYTES
    found_list = read_cut_off_list(parse_jws(document), issuer=ISSUER, now=now)
    assert len(found_list.cut) == MAX_ENTRIES
    assert found_list.floor == int(now.timestamp())
    basis = Basis.of(iat=int(now.timestamp()) + 5, sid=f"{7:022}")
    assert found_list.ends(basis)


def test_the_same_list_is_signed_once_in_two_seconds(world: World) -> None:
    publisher = CutOffPublisher(world.cutoffs, SingleKey(P256), issuer=ISSUER, clock=world.clock)
    first = publisher.document()
    world.end("end_session", SID)
    world.clock.at += 2
    assert publisher.document() == first
    world.clock.at += 0.1
    assert publisher.document() != first


def test_a_list_names_nobody(world: World) -> None:
    world.end("end_session", SID)
    world.end("end_subject", PERSON)
    payload = parse_jws(world.document()).payload
    assert SID.encode() not in payload
    assert PERSON.encode() not in payload
    assert set(json.loads(payload)) == {"iss", "iat", "version", "cut"}


def test_a_name_has_a_digest_that_stays_what_it_is() -> None:
    """48 bits of SHA-256: written down, since lists go between versions of the program."""
    assert name_digest("session:s") == 0x0CB4_3D05_7D48
