"""One write ends a session, a person, a client, a mandate or a token, for every verifier."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, select, text

from msb_identity.errors import StoreError
from msb_identity.foundation.report import Verdict
from msb_identity.foundation.store import Store
from msb_identity.sso.basis import Basis
from msb_identity.sso.claims import MAX_TOKEN_LIFE, Acting
from msb_identity.sso.cutoffs import KEPT, REPRESENTATIVE, CutOffs, counter, cut_offs
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from msb_identity.tables import TABLES
from tests.identity.issuer_server import Clock, eventually
from tests.identity.token_world import AUDIENCE, ISSUER, NOW, P256, SECOND, SESSION, found

if TYPE_CHECKING:
    from datetime import datetime

    from tests.identity.conftest import Race, World

SECONDS = int(NOW.timestamp())
FIRM, MANDATE, PERSON = "f" * 26, "m" * 26, SESSION.subject
# What each end is called with, and the names in a token that rest on it.
ENDS: dict[str, tuple[str, dict[str, str]]] = {
    "end_session": (SESSION.sid, {"sid": SESSION.sid}),
    "end_subject": (PERSON, {"sub": PERSON}),
    "end_client": ("portal", {"client": "portal"}),
    "end_mandate": (MANDATE, {"mandate": MANDATE}),
    "end_token": ("j" * 22, {"token_id": "j" * 22}),
}
FOR_GOOD = ("end_session", "end_mandate", "end_token")


@pytest.fixture
def cutoffs(world: World) -> CutOffs:
    return CutOffs(world.store)


def end(store: Store, cutoffs: CutOffs, how: str, id_: str, now: datetime = NOW) -> None:
    with store.write(locks=()) as connection:
        getattr(cutoffs, how)(connection, id_, now)


def basis(names: dict[str, str], iat: int = SECONDS) -> Basis:
    others = {"sid": "s", "sub": "p", "client": "c", "mandate": "m", "token_id": "t"}
    return Basis.of(iat=iat, **{**others, **names})


def test_an_end_is_seen_at_once_and_ends_nothing_else(world: World, cutoffs: CutOffs) -> None:
    waiting = dict(ENDS)
    for how, (id_, names) in ENDS.items():
        assert not cutoffs.is_cut(basis(names))
        end(world.store, cutoffs, how, id_)
        del waiting[how]
        assert cutoffs.is_cut(basis(names))
        assert not cutoffs.is_cut(basis({}))
        for others in (names for _, names in waiting.values()):
            assert not cutoffs.is_cut(basis(others))
            (name,) = others  # the same id as something else is another thing
            assert not cutoffs.is_cut(basis({name: id_}))


def test_what_was_issued_up_to_the_second_of_the_cut_off_is_refused(
    world: World, cutoffs: CutOffs
) -> None:
    for how, (id_, names) in ENDS.items():
        end(world.store, cutoffs, how, id_, NOW + timedelta(milliseconds=1))
        assert cutoffs.is_cut(basis(names, SECONDS - 1))
        assert cutoffs.is_cut(basis(names, SECONDS))  # that very second too: nobody can tell
        assert cutoffs.is_cut(basis(names, SECONDS + 1)) == (how in FOR_GOOD)


def test_a_person_who_acts_for_a_firm_is_ended_with_all_they_do(
    world: World, cutoffs: CutOffs
) -> None:
    acting = Basis.of(iat=SECONDS, sid="s", sub=FIRM, actor=PERSON, client="c", mandate=MANDATE)
    assert not cutoffs.is_cut(acting)
    end(world.store, cutoffs, "end_subject", PERSON)
    assert cutoffs.is_cut(acting)
    assert not cutoffs.is_cut(Basis.of(iat=SECONDS, sid="s", sub=FIRM, actor="another"))


def test_a_later_cut_off_counts_and_an_earlier_one_takes_nothing_back(
    world: World, cutoffs: CutOffs
) -> None:
    for moment in (NOW, NOW + 5 * SECOND, NOW - 5 * SECOND):
        end(world.store, cutoffs, "end_subject", PERSON, moment)
    assert cutoffs.is_cut(basis({"sub": PERSON}, SECONDS + 5))
    assert not cutoffs.is_cut(basis({"sub": PERSON}, SECONDS + 6))
    assert cutoffs.live(NOW)[0] == 3


def test_what_is_undone_ended_nothing(world: World, cutoffs: CutOffs) -> None:
    names = {"sid": SESSION.sid}

    def undone() -> None:
        with world.store.write(locks=()) as connection:
            cutoffs.end_session(connection, SESSION.sid, NOW)
            assert not cutoffs.is_cut(basis(names))  # not before it is committed, either
            raise RuntimeError

    with pytest.raises(RuntimeError):
        undone()
    assert not cutoffs.is_cut(basis(names))
    end(world.store, cutoffs, "end_session", SESSION.sid)
    assert cutoffs.is_cut(basis(names))


def test_others_see_it_within_their_age_and_ask_the_store_no_more_often(world: World) -> None:
    clock = Clock()
    reader = CutOffs(world.store, max_age=timedelta(milliseconds=200), clock=clock)
    names = {"sid": SESSION.sid}
    assert not reader.is_cut(basis(names))
    end(world.store, CutOffs(world.store), "end_session", SESSION.sid)
    clock.at += 0.19
    assert not reader.is_cut(basis(names))
    clock.at += 0.02
    assert reader.is_cut(basis(names))


def test_ends_survive_a_restart(world: World, cutoffs: CutOffs) -> None:
    end(world.store, cutoffs, "end_session", SESSION.sid)
    again = Store.open(world.url, *TABLES)
    try:
        assert CutOffs(again).is_cut(basis({"sid": SESSION.sid}))
    finally:
        again.close()


def test_ends_are_forgotten_when_no_token_can_be_alive(world: World, cutoffs: CutOffs) -> None:
    assert KEPT > MAX_TOKEN_LIFE
    end(world.store, cutoffs, "end_session", "old", NOW)
    end(world.store, cutoffs, "end_session", "last", NOW + KEPT)
    assert set(cutoffs.live(NOW + KEPT)[1]) == {"session:old", "session:last"}
    assert set(cutoffs.live(NOW + KEPT + SECOND)[1]) == {"session:last"}
    end(world.store, cutoffs, "end_session", "new", NOW + KEPT + SECOND)
    with world.store.read() as connection:
        names = set(connection.scalars(select(cut_offs.c.name)))
    assert names == {"session:last", "session:new"}


def test_what_is_kept_in_memory_is_forgotten_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msb_identity.sso.cutoffs.PRUNED_FROM", 3)
    cutoffs = CutOffs(world.store)
    for number in range(20):
        end(world.store, cutoffs, "end_session", str(number), NOW + number * KEPT / 2)
        assert cutoffs.is_cut(basis({"sid": str(number)}))
        assert number == 0 or cutoffs.is_cut(basis({"sid": str(number - 1)}))
        assert len(cutoffs) <= 6


@pytest.mark.parametrize("id_", ["", "x" * 256])
def test_an_id_that_is_none_is_a_mistake(world: World, cutoffs: CutOffs, id_: str) -> None:
    with world.store.write() as connection:
        for how in ENDS:
            with pytest.raises(ValueError, match="id"):
                getattr(cutoffs, how)(connection, id_, NOW)


def test_the_mandate_of_all_representatives_is_not_ended(world: World, cutoffs: CutOffs) -> None:
    with world.store.write() as connection, pytest.raises(ValueError, match="representative"):
        cutoffs.end_mandate(connection, REPRESENTATIVE)


def test_a_store_that_cannot_be_asked_is_an_error(world: World, cutoffs: CutOffs) -> None:
    with world.store.write() as connection:
        connection.execute(text("DROP TABLE cut_offs"))
    with pytest.raises(StoreError):
        cutoffs.is_cut(basis({}))


def test_a_store_without_its_counter_ends_nothing_silently(world: World, cutoffs: CutOffs) -> None:
    with world.store.write() as connection:
        connection.execute(delete(counter))
    with pytest.raises(StoreError, match="counter"):
        end(world.store, cutoffs, "end_session", SESSION.sid)


_MANY = """
from msb_identity.foundation.store import Store
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.tables import TABLES
store = Store.open(arguments[0], *TABLES)
cutoffs = CutOffs(store)
import os
go()
for number in range(10):
    with store.write(locks=()) as connection:
        cutoffs.end_session(connection, f"{os.getpid()}-{number}")
print(os.getpid())
"""


def test_a_reader_misses_none_of_many_writers(world: World, race: Race) -> None:
    stop, seen = threading.Event(), CutOffs(world.store, max_age=timedelta(0))

    def read() -> None:
        while not stop.is_set():
            seen.is_cut(basis({}))
            time.sleep(0.002)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        pids = race(_MANY, world.url, processes=2)
    finally:
        stop.set()
        reader.join()
    for pid in pids:
        for number in range(10):
            assert seen.is_cut(basis({"sid": f"{pid}-{number}"}))
    assert seen.live()[0] == 20


# In tokens


@pytest.fixture
def verifier(cutoffs: CutOffs) -> TokenVerifier:
    keys = TokenIssuer(ISSUER, P256).key_set
    return TokenVerifier(issuer=ISSUER, audience=AUDIENCE, keys=keys, cutoffs=cutoffs)


def token(**options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"audience": AUDIENCE, "client_id": "portal", "now": NOW} | options
    return TokenIssuer(ISSUER, P256).issue(SESSION, **asked)


def test_a_token_is_refused_once_what_it_rests_on_is_ended_seen_before_or_not(
    world: World, cutoffs: CutOffs, verifier: TokenVerifier
) -> None:
    for number, how in enumerate(("end_session", "end_subject", "end_client", "end_mandate")):
        session = replace(SESSION, sid=f"sid-{number}", subject=f"person-{number}")
        names = {"end_session": session.sid, "end_subject": session.subject}
        names |= {"end_client": f"portal-{number}", "end_mandate": f"mandate-{number}"}
        seen, new = (
            TokenIssuer(ISSUER, P256).issue(
                session,
                audience=AUDIENCE,
                client_id=names["end_client"],
                acting=Acting(FIRM, names["end_mandate"]),
                now=NOW,
            )
            for _ in range(2)
        )
        for _ in range(2):
            report = verifier.check(seen, now=NOW)
            assert (report.verdict, *found(report, "session")) == (Verdict.VALID, "ok", "ok")
        end(world.store, cutoffs, how, names[how])
        for made in (seen, new):
            report = verifier.check(made, now=NOW)
            assert report.verdict is Verdict.INVALID
            assert found(report, "session") == ("failed", "ended")


def test_a_token_seen_before_is_indeterminate_when_ends_are_not_known(
    world: World, verifier: TokenVerifier
) -> None:
    made = token()
    assert verifier.check(made, now=NOW).verdict is Verdict.VALID
    with world.store.write() as connection:
        connection.execute(text("DROP TABLE cut_offs"))
    eventually(lambda: verifier.check(made, now=NOW).verdict is Verdict.INDETERMINATE)
    report = verifier.check(made, now=NOW)
    assert found(report, "session") == ("unknown", "session-source-failed")
