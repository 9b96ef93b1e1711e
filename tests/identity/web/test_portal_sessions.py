"""A portal's sessions: found by their cookie alone, gone for good when they end."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from msb_identity.errors import AccessDenied
from msb_identity.foundation.store import Store
from msb_identity.sso.http import WebRequest
from msb_identity.sso.idtokens import VerifiedIdToken
from msb_identity.sso.logout_tokens import LogoutNotice
from msb_identity.sso.signin_client import SignedIn, SignInClient, Tokens
from msb_identity.web.guard import ANY_TOKEN
from msb_identity.web.portal import PortalSignIn
from msb_identity.web.portal_sessions import LONGEST, PortalSessions, metadata, portal_sessions
from tests.identity.web.portals import GUARD
from tests.support import run_race

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
ISSUER, PERSON = "https://id.example.gov.cn", "p" * 26


@pytest.fixture(scope="module")
def store_tables() -> Sequence[MetaData]:
    return (metadata,)


@pytest.fixture
def store(prepared_url: str) -> Iterator[Store]:
    with closing(Store.open(prepared_url, metadata)) as opened:
        yield opened


def signed_in(sid: str = "s1", *, at: datetime = NOW, actor: str | None = None) -> SignedIn:
    person = VerifiedIdToken(
        issuer=ISSUER,
        subject=PERSON if actor is None else "f" * 26,
        session_id=sid,
        acr="urn:msb:aal:1",
        amr=("sms",),
        auth_time=at,
        issued_at=at,
        expires_at=at + timedelta(minutes=10),
        actor=actor,
        mandate=None if actor is None else "m1",
        claims={},
    )
    tokens = Tokens("access-1", "refresh-1", "id-1", at + timedelta(minutes=10), ("openid",))
    return SignedIn(person, tokens)


def begin(sessions: PortalSessions, sid: str = "s1", actor: str | None = None) -> str:
    secret = sessions.begin(signed_in(sid, actor=actor), now=NOW)
    assert secret is not None
    return secret


def notice(*, sid: str | None = None, sub: str | None = None) -> LogoutNotice:
    return LogoutNotice(ISSUER, sub, sid, "j1")


def test_a_cookie_finds_its_session_and_no_other(store: Store) -> None:
    sessions = PortalSessions(store)
    one, other = begin(sessions, "s1"), begin(sessions, "s2")
    found = sessions.find(one, now=NOW)
    assert found is not None
    assert (found.session_id, found.person_id) == ("s1", PERSON)
    assert (found.access_token, found.refresh_token, found.id_token) == (
        "access-1",
        "refresh-1",
        "id-1",
    )
    for guess in ("", "x", one[:-1], one + "A", other[:20] + one[20:], "\udc80"):
        assert sessions.find(guess, now=NOW) is None


def test_a_copied_store_holds_neither_cookies_nor_tokens(store: Store) -> None:
    sessions = PortalSessions(store)
    secret = begin(sessions)
    with store.read() as connection:
        row = connection.execute(select(portal_sessions)).one()
    content = b"".join(value for value in row if isinstance(value, bytes))
    for hidden in (secret.encode(), b"access-1", b"refresh-1", b"id-1"):
        assert hidden not in content


def test_a_row_that_was_changed_or_moved_is_nobodys_session(store: Store) -> None:
    sessions = PortalSessions(store)
    one, other = begin(sessions, "s1"), begin(sessions, "s2")
    with store.write() as connection:
        rows = {row.sid: row for row in connection.execute(select(portal_sessions))}
        this = portal_sessions.c.sid
        changed = rows["s1"].sealed[:-1] + bytes([rows["s1"].sealed[-1] ^ 1])
        for sid, sealed in (("s1", changed), ("s2", rows["s1"].sealed)):
            connection.execute(update(portal_sessions).where(this == sid).values(sealed=sealed))
    assert sessions.find(one, now=NOW) is None
    assert sessions.find(other, now=NOW) is None


def test_a_session_is_over_after_half_a_day(store: Store) -> None:
    sessions = PortalSessions(store)
    secret = begin(sessions)
    assert sessions.find(secret, now=NOW + LONGEST - timedelta(seconds=1))
    assert sessions.find(secret, now=NOW + LONGEST) is None


def test_the_providers_word_ends_its_session_and_no_other(store: Store) -> None:
    sessions = PortalSessions(store)
    ended, mine_too, other = begin(sessions, "s1"), begin(sessions, "s1"), begin(sessions, "s2")
    sessions.end(notice(sid="s1", sub=PERSON), now=NOW)
    assert sessions.find(ended, now=NOW) is None
    assert sessions.find(mine_too, now=NOW) is None
    assert sessions.find(other, now=NOW)


def test_a_notice_without_a_session_ends_all_of_the_person_even_in_a_firms_name(
    store: Store,
) -> None:
    sessions = PortalSessions(store)
    own, for_a_firm = begin(sessions, "s1"), begin(sessions, "s2", actor=PERSON)
    sessions.end(notice(sub=PERSON), now=NOW)
    assert sessions.find(own, now=NOW) is None
    assert sessions.find(for_a_firm, now=NOW) is None
    # Whoever signs in again afterwards is welcome; what was begun before is not.
    assert sessions.begin(signed_in("s3", at=NOW), now=NOW) is None
    later = NOW + timedelta(seconds=1)
    assert sessions.begin(signed_in("s4", at=later), now=later)


def test_a_session_that_ended_while_it_was_being_begun_is_not_begun(store: Store) -> None:
    sessions = PortalSessions(store)
    sessions.end(notice(sid="s1"), now=NOW)
    assert sessions.begin(signed_in("s1", at=NOW + timedelta(minutes=1)), now=NOW) is None


def test_ends_outlive_a_restart(store: Store, prepared_url: str) -> None:
    sessions = PortalSessions(store)
    secret, kept = begin(sessions, "s1"), begin(sessions, "s2")
    sessions.end(notice(sid="s1"), now=NOW)
    with closing(Store.open(prepared_url, metadata)) as again:
        reopened = PortalSessions(again)
        assert reopened.find(secret, now=NOW) is None
        assert reopened.begin(signed_in("s1"), now=NOW) is None
        assert reopened.find(kept, now=NOW)


def test_renewed_tokens_stay_with_their_session_and_never_revive_it(store: Store) -> None:
    sessions = PortalSessions(store)
    secret = begin(sessions)
    visitor = sessions.find(secret, now=NOW)
    assert visitor is not None
    tokens = replace(signed_in().tokens, access_token="access-2", refresh_token="refresh-2")
    sessions.renew(secret, visitor, tokens)
    found = sessions.find(secret, now=NOW)
    assert found is not None
    assert (found.access_token, found.refresh_token) == ("access-2", "refresh-2")
    sessions.drop(secret)
    sessions.renew(secret, visitor, tokens)
    assert sessions.find(secret, now=NOW) is None


def test_a_logout_token_is_seen_once_until_it_has_expired(store: Store) -> None:
    sessions = PortalSessions(store)
    until = NOW + timedelta(minutes=3)
    assert sessions.first_sight("j1", until, now=NOW)
    assert not sessions.first_sight("j1", until, now=NOW)
    assert sessions.first_sight("j2", until, now=NOW)


_RACE = """
from pathlib import Path
from msb_identity.foundation.store import Store
from msb_identity.web.portal_sessions import PortalSessions, metadata
from tests.identity.web.test_portal_sessions import NOW, notice, signed_in
sessions = PortalSessions(Store.open(arguments[0], metadata))
go()
try:
    Path(arguments[1]).mkdir()  # one of the two is the first
    print(sessions.begin(signed_in("s1"), now=NOW) or "not begun")
except FileExistsError:
    sessions.end(notice(sid="s1"), now=NOW)
    print("ended")
"""


def test_a_session_begun_and_ended_at_once_is_ended(
    store: Store, prepared_url: str, tmp_path: Path
) -> None:
    [one, other] = run_race(_RACE, prepared_url, str(tmp_path / "first"))
    [begun] = {one, other} - {"ended"}
    assert PortalSessions(store).find(begun, now=NOW) is None


def test_a_store_that_fails_is_a_503_and_lets_nobody_in(store: Store) -> None:
    sessions = PortalSessions(store)
    client = SignInClient.from_issuer(
        ISSUER,
        client_id="permits",
        credential="x",
        redirect_address="https://permits.example/sso/callback",
        replays=sessions,
    )
    sso = PortalSignIn(client, sessions, GUARD, prefix="/sso")
    cookie = {"cookie": f"__Host-msb-permits={sessions.begin(signed_in(), now=NOW)}"}
    page = WebRequest("GET", "/permits", headers=cookie)
    with store.write(locks=()) as connection:
        portal_sessions.drop(connection)
    with pytest.raises(AccessDenied) as denied:
        sso.admit(page, now=NOW)
    answer = sso.answer(denied.value, page, ANY_TOKEN)
    assert (answer.status, answer.header("retry-after")) == (503, "5")
    assert sso.handle(WebRequest("POST", "/logout", headers=cookie), now=NOW).status == 503
