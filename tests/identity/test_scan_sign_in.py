from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from msb_identity.errors import SignInRefused
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.scan import SCAN_LIFE, ScanSignIn, ScanState, ShownScan, scans
from msb_identity.sso.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from msb_identity.sso.sessions import NewSession, Session
    from tests.databases import PreparedFiles
    from tests.identity.conftest import World

BROWSER = "192.0.2.1"
SECOND = timedelta(seconds=1)


@pytest.fixture
def prepared_url(
    tmp_path: Path, prepared_files: PreparedFiles, store_tables: Sequence[MetaData]
) -> str:
    """On SQLite alone: what depends on the database is in test_sign_in_races.py."""
    return prepared_files.new(tmp_path / "store.sqlite", *store_tables)


@pytest.fixture
def service(world: World) -> ScanSignIn:
    return ScanSignIn(world.store, world.protector)


@pytest.fixture
def app(world: World) -> Session:
    return world.sessions.start(
        "someone",
        level=3,
        acr="urn:msb:aal:2",
        amr=("pwd", "sms"),
        device="手机",
        now=world.now - timedelta(hours=2),
    )


def begin(world: World, service: ScanSignIn) -> ShownScan:
    return service.begin(
        address=BROWSER, device="Firefox\n on \u202eLinux", place="呼和浩特", now=world.now
    )


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(SignInRefused) as refused:
        act()
    return refused.value.code


def wrong(shown: ShownScan, choices: tuple[int, ...]) -> int:
    return next(number for number in choices if number != shown.number)


def test_a_page_shows_the_app_confirms_the_page_is_in(
    world: World, service: ScanSignIn, app: Session
) -> None:
    shown = begin(world, service)
    times = iter(world.now + i * SECOND for i in range(1, 10))
    assert service.poll(shown.secret, now=next(times)) is ScanState.WAITING
    asked = service.scan(shown.code, app, now=world.now)
    assert (asked.device, asked.place) == ("Firefox on Linux", "呼和浩特")
    assert len(set(asked.choices)) == 3
    assert shown.number in asked.choices
    assert service.poll(shown.secret, now=next(times)) is ScanState.SCANNED
    service.confirm(shown.code, app, shown.number, now=world.now)
    assert service.poll(shown.secret, now=next(times)) is ScanState.CONFIRMED
    session = service.collect(shown.secret, address=BROWSER, now=world.now)
    assert service.poll(shown.secret, now=next(times)) is ScanState.COLLECTED
    assert world.sessions.by_secret(session.secret, now=world.now) is not None
    assert (session.subject, session.level) == ("someone", 3)
    assert session.sid != app.sid
    assert (session.device, session.place) == (asked.device, asked.place)


def test_the_new_session_is_as_strong_as_the_apps_and_no_fresher(
    world: World, service: ScanSignIn, app: Session
) -> None:
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)
    session = service.collect(shown.secret, address=BROWSER, now=world.now)
    # Whoever holds a session can scan a code of his own: that shows nothing.
    assert (session.acr, session.amr, session.times) == (app.acr, app.amr, app.times)
    assert session.auth_time == app.auth_time


def test_no_chain_of_scans_outlives_the_sign_in_it_began_with(
    world: World, service: ScanSignIn, app: Session
) -> None:
    current, now = app, app.expires_at - SECOND
    for _ in range(3):
        shown = service.begin(address=BROWSER, now=now)
        service.scan(shown.code, current, now=now)
        service.confirm(shown.code, current, shown.number, now=now)
        current = service.collect(shown.secret, address=BROWSER, now=now)
    assert current.expires_at == app.expires_at
    assert not world.sessions.is_live(current.sid, app.expires_at)


def test_a_session_is_collected_once(world: World, service: ScanSignIn, app: Session) -> None:
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)
    service.collect(shown.secret, address=BROWSER, now=world.now)
    again = code_of(lambda: service.collect(shown.secret, address=BROWSER, now=world.now))
    assert again == "scan-refused"


def test_who_photographs_a_code_collects_nothing(
    world: World, service: ScanSignIn, app: Session
) -> None:
    """All that a camera sees, the code and the number, is no secret of the browser's."""
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)
    for seen in (shown.code, shown.code.removeprefix("MSBS1:"), str(shown.number), ""):
        with pytest.raises(SignInRefused):
            service.collect(seen, address="x", now=world.now)
        assert service.poll(seen, now=world.now) is ScanState.EXPIRED
    assert service.collect(shown.secret, address=BROWSER, now=world.now).subject == "someone"


def test_a_relayed_code_fails_at_the_number_and_its_owner_sees_it(
    world: World, service: ScanSignIn, app: Session
) -> None:
    """QRLjacking: the attacker begins, and leads somebody to scan the attacker's code."""
    attackers = service.begin(address="198.51.100.7", device="Tor", place="境外", now=world.now)
    asked = service.scan(attackers.code, app, now=world.now)
    assert (asked.device, asked.place) == ("Tor", "境外")  # what the app shows first
    # The victim's own page shows another number, or none: the choice is wrong, and that is all.
    guess = wrong(attackers, asked.choices)
    assert code_of(lambda: service.confirm(attackers.code, app, guess, now=world.now)) == (
        "wrong-number"
    )
    assert service.poll(attackers.secret, now=world.now) is ScanState.REFUSED
    right = attackers.number
    assert code_of(lambda: service.confirm(attackers.code, app, right, now=world.now)) == (
        "scan-refused"
    )
    assert code_of(
        lambda: service.collect(attackers.secret, address="198.51.100.7", now=world.now)
    ) == ("scan-refused")
    (record,) = SignInDesk(world.store, world.protector).history.page("someone")
    assert (record.outcome, record.place, record.device) == ("wrong-number", "境外", "Tor")


@pytest.mark.parametrize("number", [-1, 0, 9, 100, 10**30])
def test_a_number_that_was_not_offered_ends_it_too(
    world: World, service: ScanSignIn, app: Session, number: int
) -> None:
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    assert code_of(lambda: service.confirm(shown.code, app, number, now=world.now)) == (
        "wrong-number"
    )


def test_only_the_app_that_scanned_confirms_or_refuses(
    world: World, service: ScanSignIn, app: Session
) -> None:
    other = world.sessions.start("another", level=3, acr="a", amr=("sms",), now=world.now)
    mine = world.sessions.start("someone", level=3, acr="a", amr=("sms",), now=world.now)
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    for stranger in (other, mine):
        with pytest.raises(SignInRefused):
            service.scan(shown.code, stranger, now=world.now)
        with pytest.raises(SignInRefused):
            service.confirm(shown.code, stranger, shown.number, now=world.now)
        with pytest.raises(SignInRefused):
            service.refuse(shown.code, stranger, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)


def test_nothing_is_confirmed_before_it_was_scanned(
    world: World, service: ScanSignIn, app: Session
) -> None:
    shown = begin(world, service)
    for act in (
        lambda: service.confirm(shown.code, app, shown.number, now=world.now),
        lambda: service.refuse(shown.code, app, now=world.now),
        lambda: service.collect(shown.secret, address=BROWSER, now=world.now),
    ):
        assert code_of(act) == "scan-refused"
    service.scan(shown.code, app, now=world.now)
    assert code_of(lambda: service.collect(shown.secret, address=BROWSER, now=world.now)) == (
        "scan-refused"
    )


def test_the_owner_may_refuse(world: World, service: ScanSignIn, app: Session) -> None:
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    service.refuse(shown.code, app, now=world.now)
    assert service.poll(shown.secret, now=world.now) is ScanState.REFUSED
    assert (
        code_of(lambda: service.confirm(shown.code, app, shown.number, now=world.now))
        == "scan-refused"
    )


@pytest.mark.parametrize("before", ["scan", "confirm", "collect"])
def test_an_attempt_lives_two_minutes(
    world: World, service: ScanSignIn, app: Session, before: str
) -> None:
    shown, late = begin(world, service), world.now + SCAN_LIFE
    if before != "scan":
        service.scan(shown.code, app, now=late - SECOND)
    if before == "collect":
        service.confirm(shown.code, app, shown.number, now=late - SECOND)
    act = {
        "scan": lambda: service.scan(shown.code, app, now=late),
        "confirm": lambda: service.confirm(shown.code, app, shown.number, now=late),
        "collect": lambda: service.collect(shown.secret, address=BROWSER, now=late),
    }[before]
    assert code_of(act) == "scan-refused"
    assert service.poll(shown.secret, now=late) is ScanState.EXPIRED


def test_an_app_that_signed_out_lets_nobody_in(
    world: World, service: ScanSignIn, app: Session
) -> None:
    shown = begin(world, service)
    service.scan(shown.code, app, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)
    world.sessions.end(app.sid, world.now)
    assert code_of(lambda: service.collect(shown.secret, address=BROWSER, now=world.now)) == (
        "scan-refused"
    )
    ended = world.sessions.get(app.sid)
    assert ended is not None
    assert code_of(lambda: service.scan(begin(world, service).code, ended, now=world.now)) == (
        "session-ended"
    )


def test_an_end_of_all_sessions_during_a_collection_ends_the_new_one_too(
    world: World, service: ScanSignIn, app: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, start = begin(world, service), Sessions.start
    service.scan(shown.code, app, now=world.now)
    service.confirm(shown.code, app, shown.number, now=world.now)

    def end_and_start(self: Sessions, *given: Any, **more: Any) -> NewSession:  # noqa: ANN401
        self.end_all("someone", now=world.now)
        return start(self, *given, **more)

    monkeypatch.setattr(Sessions, "start", end_and_start)
    assert code_of(lambda: service.collect(shown.secret, address=BROWSER, now=world.now)) == (
        "scan-refused"
    )
    assert world.sessions.of("someone", now=world.now) == []


def test_polling_has_a_pace_and_too_fast_writes_nothing(world: World, service: ScanSignIn) -> None:
    shown = begin(world, service)
    service.poll(shown.secret, now=world.now)
    # Somebody writes: who may not poll yet does not wait for it.
    with world.store.write(), pytest.raises(SignInRefused) as refused:
        service.poll(shown.secret, now=world.now + SECOND / 4)
    assert (refused.value.code, refused.value.retry_after) == ("polled-too-fast", SECOND * 3 / 4)
    assert service.poll(shown.secret, now=world.now + SECOND) is ScanState.WAITING


@pytest.mark.parametrize("code", ["", "MSBS1:", "MSB0:" + "A" * 22, "MSBS1:" + "A" * 22, "\ud800"])
def test_what_is_no_code_of_ours_is_refused(
    world: World, service: ScanSignIn, app: Session, code: str
) -> None:
    assert code_of(lambda: service.scan(code, app, now=world.now)) == "scan-refused"


def test_neither_code_nor_secret_nor_address_is_stored(world: World, service: ScanSignIn) -> None:
    shown, disk = begin(world, service), world.bytes_on_disk()
    for text in (shown.code, shown.code.removeprefix("MSBS1:"), shown.secret, BROWSER):
        assert text.encode() not in disk
    assert shown.secret not in repr(shown)
    assert len(shown.code) == len("MSBS1:") + 22  # 128 bits


def test_beginning_is_limited_by_address_and_old_attempts_are_removed(
    world: World, service: ScanSignIn
) -> None:
    for _ in range(300):
        begin(world, service)
    assert code_of(lambda: begin(world, service)) == "too-many-requests"
    for minute in range(8):
        service.begin(address="192.0.2.9", now=world.now + timedelta(minutes=10 + 3 * minute))
    with world.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(scans)) == 1
