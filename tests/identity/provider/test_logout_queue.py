"""Every client of a session that ended hears of it once, whatever fails meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, NoReturn

import pytest
from sqlalchemy import func, select

from msb_identity.errors import ClientRefused
from msb_identity.sso import logout_queue
from msb_identity.sso.client_sessions import client_sessions, follow_cut_offs
from msb_identity.sso.logout_queue import HELD_FOR, MAX_TRIES, Delivered
from msb_identity.sso.logout_tokens import ReplayMemory, verify_logout_token
from tests.identity.provider.world import (
    FIRM,
    HEAR,
    ISSUER,
    MANDATE,
    NOW,
    PERSON,
    SECOND,
    FakePoster,
    ProviderWorld,
    good,
    make_queue,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msb_identity.sso.sessions import NewSession
    from tests.identity.provider.world import Portal

OTHER = "https://other.example"
HOUR = timedelta(hours=1)


def _visit(sso: ProviderWorld, session: NewSession, *portals: Portal) -> None:
    for portal in portals:
        sso.tokens(portal, session)


def _rows(sso: ProviderWorld) -> int:
    with sso.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(client_sessions)) or 0


def test_every_client_of_the_session_is_told_once(both: ProviderWorld) -> None:
    first = both.register(logout_address=HEAR)
    second = both.register(id="second", audience=OTHER, logout_address=f"{OTHER}/hear")
    silent = both.register(id="silent", audience="https://silent.example")
    session, stays = both.sign_in(), both.sign_in()
    _visit(both, session, first, second, silent, first)
    _visit(both, stays, first)
    poster = FakePoster()
    queue = make_queue(both, poster)
    assert queue.deliver(NOW) == Delivered()
    both.sessions.end(session.sid, NOW)
    assert queue.deliver(NOW + SECOND) == Delivered(delivered=2)
    assert queue.deliver(NOW + 2 * SECOND) == Delivered()
    told = dict(poster.posted)
    assert set(told) == {HEAR, f"{OTHER}/hear"}
    notice = verify_logout_token(
        told[HEAR],
        issuer=ISSUER,
        client_id="portal",
        keys=both.ring,
        seen=ReplayMemory(),
        now=NOW + SECOND,
    )
    assert notice.session_id == session.sid
    assert both.sessions.is_live(stays.sid, NOW)
    assert _rows(both) == 1


def test_an_expired_session_is_told_too(both: ProviderWorld) -> None:
    portal, session = both.register(logout_address=HEAR), both.sign_in()
    _visit(both, session, portal)
    poster = FakePoster()
    assert make_queue(both, poster).deliver(session.expires_at - SECOND) == Delivered()
    assert make_queue(both, poster).deliver(session.expires_at) == Delivered(delivered=1)


@pytest.mark.parametrize("what", ["subject", "mandate", "firm", "session"])
def test_whatever_cut_off_ends_it_is_told(both: ProviderWorld, what: str) -> None:
    portal, session = both.register(logout_address=HEAR), both.sign_in()
    both.tokens(portal, session, acting_for=FIRM)
    with both.store.write(locks=()) as connection:
        end = {
            "subject": lambda: both.cutoffs.end_subject(connection, PERSON, NOW + SECOND),
            "firm": lambda: both.cutoffs.end_subject(connection, FIRM, NOW + SECOND),
            "mandate": lambda: both.cutoffs.end_mandate(connection, MANDATE, NOW + SECOND),
            "session": lambda: both.cutoffs.end_session(connection, session.sid, NOW + SECOND),
        }
        end[what]()
    poster = FakePoster()
    assert make_queue(both, poster).deliver(NOW + SECOND) == Delivered(delivered=1)


def test_a_notice_that_waits_is_not_lost_to_another_code_of_the_same_session(
    both: ProviderWorld,
) -> None:
    portal, session = both.register(logout_address=HEAR), both.sign_in()
    both.tokens(portal, session, acting_for=FIRM)
    with both.store.write(locks=()) as connection:
        both.cutoffs.end_mandate(connection, MANDATE, NOW)
    follow_cut_offs(both.store, now=NOW)
    _visit(both, session, portal)
    poster = FakePoster()
    assert make_queue(both, poster).deliver(NOW) == Delivered(delivered=1)
    both.sessions.end(session.sid, NOW)
    assert make_queue(both, poster).deliver(NOW) == Delivered(delivered=1)
    assert _rows(both) == 0


def test_who_signs_in_again_after_the_cut_off_is_not_meant(sso: ProviderWorld) -> None:
    portal = sso.register(logout_address=HEAR)
    _visit(sso, sso.sign_in(), portal)
    with sso.store.write(locks=()) as connection:
        sso.cutoffs.end_subject(connection, PERSON, NOW)
    later = NOW + 2 * SECOND
    sso.tokens(portal, sso.sign_in(now=later), later)
    assert make_queue(sso, FakePoster()).deliver(later) == Delivered(delivered=1)
    assert _rows(sso) == 1


def test_a_client_that_is_down_is_told_when_it_is_back(both: ProviderWorld) -> None:
    portal, session = both.register(logout_address=HEAR), both.sign_in()
    _visit(both, session, portal)
    both.sessions.end(session.sid, NOW)
    poster = FakePoster(down={HEAR})
    now, tries = NOW, 0
    while now < NOW + HOUR:
        done = make_queue(both, poster).deliver(now)  # a new one each time: nothing is in memory
        tries += done.postponed
        now += timedelta(seconds=20)
    assert 5 < tries < 12  # the delays grow
    poster.down.clear()
    assert make_queue(both, poster).deliver(now + HOUR) == Delivered(delivered=1)
    assert _rows(both) == 0


def test_in_the_end_the_queue_gives_up_loudly(
    sso: ProviderWorld, caplog: pytest.LogCaptureFixture
) -> None:
    portal, session = sso.register(logout_address=HEAR), sso.sign_in()
    _visit(sso, session, portal)
    sso.sessions.end(session.sid, NOW)
    poster = FakePoster(down={HEAR})
    now, total = NOW, Delivered()
    while not total.given_up:
        total = make_queue(sso, poster).deliver(now)
        now += timedelta(hours=4)
        assert len(poster.tried) <= MAX_TRIES
    assert _rows(sso) == 0
    said = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "portal" in said[0].getMessage()
    assert session.sid not in caplog.text


def test_one_that_is_down_holds_up_no_other_and_is_tried_once(sso: ProviderWorld) -> None:
    bad = sso.register(logout_address=HEAR)
    well = sso.register(id="well", audience=OTHER, logout_address=f"{OTHER}/hear")
    for _ in range(3):
        session = sso.sign_in()
        _visit(sso, session, bad, well)
        sso.sessions.end(session.sid, NOW)
    poster = FakePoster(down={HEAR})
    assert make_queue(sso, poster).deliver(NOW) == Delivered(delivered=3, postponed=3)
    assert poster.tried.count(HEAR) == 1


def _held_up(sso: ProviderWorld, *, slow: int, each: int) -> tuple[list[str], float]:
    """End sessions at slow portals, then one at a good one; give who was told, and when it was."""
    addresses = [f"https://slow-{number}.example/hear" for number in range(slow)]
    portals = [
        sso.register(id=f"slow-{number}", audience=address, logout_address=address)
        for number, address in enumerate(addresses)
    ]
    well = sso.register(id="well", audience=OTHER, logout_address=f"{OTHER}/hear")
    for _ in range(each):
        session = sso.sign_in()
        _visit(sso, session, *portals)
        sso.sessions.end(session.sid, NOW)
    last = sso.sign_in()
    _visit(sso, last, well)
    begun, told = threading.Event(), list[tuple[str, float]]()

    class Slow(FakePoster):
        def send(
            self, url: str, body: bytes, *, headers: Mapping[str, str], limit: int
        ) -> tuple[int, bytes]:
            begun.set()
            if url != f"{OTHER}/hear":
                time.sleep(0.3)
            told.append((url, time.monotonic()))
            return super().send(url, body, headers=headers, limit=limit)

    thread = threading.Thread(target=make_queue(sso, Slow()).deliver, args=(NOW,))
    thread.start()
    assert begun.wait(10)
    ended = time.monotonic()
    sso.sessions.end(last.sid, NOW)
    thread.join()
    urls = [url for url, _ in told]
    return urls, dict(told)[f"{OTHER}/hear"] - ended


def test_one_that_is_slow_holds_up_no_other(
    sso: ProviderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout_queue, "AT_ONCE", 3)
    urls, waited = _held_up(sso, slow=1, each=8)
    assert len(urls) == 9
    assert urls.index(f"{OTHER}/hear") < 6
    assert waited < 1.5


def test_even_more_slow_ones_than_threads_hold_up_no_other(
    sso: ProviderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"THREADS": 4, "SLOW_THREADS": 2, "SLOW": 0.1 * SECOND, "TURN": 0.1 * SECOND}
    for name, value in changed.items():
        monkeypatch.setattr(logout_queue, name, value)
    urls, waited = _held_up(sso, slow=6, each=3)
    assert len(urls) == 19
    assert urls.index(f"{OTHER}/hear") < 13
    assert waited < 2


def test_what_there_was_no_time_for_is_left_to_the_next_call(
    sso: ProviderWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = sso.register(logout_address=HEAR)
    for _ in range(3):
        session = sso.sign_in()
        _visit(sso, session, portal)
        sso.sessions.end(session.sid, NOW)
    poster = FakePoster()
    with monkeypatch.context() as slow:
        slow.setattr(logout_queue, "SPENT_AT_MOST", timedelta(0))
        assert make_queue(sso, poster).deliver(NOW) == Delivered()
    assert make_queue(sso, poster).deliver(NOW) == Delivered(delivered=3)


def test_what_a_killed_deliverer_held_comes_back(both: ProviderWorld) -> None:
    class Killed(BaseException):
        pass

    class Killing(FakePoster):
        def send(self, *_: object, **__: object) -> NoReturn:
            raise Killed

    portal, session = both.register(logout_address=HEAR), both.sign_in()
    _visit(both, session, portal)
    both.sessions.end(session.sid, NOW)
    with pytest.raises(Killed):
        make_queue(both, Killing()).deliver(NOW)
    poster = FakePoster()
    assert make_queue(both, poster).deliver(NOW + SECOND) == Delivered()
    assert make_queue(both, poster).deliver(NOW + HELD_FOR + SECOND) == Delivered(delivered=1)


def test_a_client_that_was_ended_is_not_told(sso: ProviderWorld) -> None:
    portal, session = sso.register(logout_address=HEAR), sso.sign_in()
    _visit(sso, session, portal)
    sso.sessions.end(session.sid, NOW)
    sso.clients.end("portal", sso.cutoffs, now=NOW)
    poster = FakePoster()
    make_queue(sso, poster).deliver(NOW)
    assert poster.tried == []
    assert _rows(sso) == 0


@pytest.mark.parametrize(
    "address",
    ["", "http://portal.example.gov.cn/hear", "https://portal.example.gov.cn/hear#x", "x", "/hear"],
)
def test_an_address_that_cannot_be_told_is_refused_when_registered(
    sso: ProviderWorld, address: str
) -> None:
    with pytest.raises(ClientRefused):
        sso.register(logout_address=address)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A portal on loopback that answers by what its path says."""
    heard: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "/hear")
            elif self.path == "/huge":
                self.send_response(200)
                self.send_header("Content-Length", "10000000")
                self.end_headers()
                self.wfile.write(b"x" * 100_000)
                return
            else:
                self.send_response(200 if self.path == "/hear" else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(("where", "told"), [("/hear", 1), ("/no", 0), ("/away", 0), ("/huge", 0)])
def test_real_http_follows_no_redirect_and_reads_no_more_than_it_must(
    sso: ProviderWorld, listener: tuple[str, list[bytes]], where: str, told: int
) -> None:
    base, heard = listener
    portal, session = sso.register(logout_address=f"{base}{where}"), sso.sign_in()
    _visit(sso, session, portal)
    sso.sessions.end(session.sid, NOW)
    assert make_queue(sso, None).deliver(NOW).delivered == told
    assert len(heard) == 1
    assert heard[0].startswith(b"logout_token=")


def test_real_http_goes_to_no_private_address(sso: ProviderWorld) -> None:
    portal = sso.register(logout_address="https://127.0.0.1.nip.invalid/hear")
    inner = sso.register(id="inner", audience=OTHER, logout_address="https://10.0.0.1/hear")
    session = sso.sign_in()
    _visit(sso, session, portal, inner)
    sso.sessions.end(session.sid, NOW)
    began = datetime.now().astimezone()
    assert make_queue(sso, None).deliver(NOW).postponed == 2
    assert datetime.now().astimezone() - began < timedelta(seconds=20)


def test_the_session_is_looked_at_when_it_should_be_over_and_lives_on_if_used(
    both: ProviderWorld,
) -> None:
    portal, session = both.register(logout_address=HEAR), both.sign_in()
    _visit(both, session, portal)
    with both.store.write(locks=()) as connection:
        connection.execute(client_sessions.update().values(next_at_us=0))
    assert make_queue(both, FakePoster()).deliver(NOW) == Delivered()
    assert _rows(both) == 1
    good(both.refresh(portal, both.tokens(portal, session)["refresh_token"]))
