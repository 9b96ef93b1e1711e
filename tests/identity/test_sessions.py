from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from msb_identity.errors import SignInRefused, StoreError
from msb_identity.foundation.audit import Audit, AuditReader
from msb_identity.foundation.clock import from_seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.store import Store
from msb_identity.sso.basis import Ended, cut_off_name
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.sessions import NewSession, SessionRules, Sessions
from msb_identity.tables import TABLES
from tests.identity.conftest import plain

if TYPE_CHECKING:
    from tests.identity.conftest import World

HOURS_12 = timedelta(hours=12)


def start(world: World, *, subject: str = "someone", device: str = "") -> NewSession:
    return world.sessions.start(
        subject, level=2, acr="urn:msb:aal:1", amr=("sms",), device=device, now=world.now
    )


def test_a_session_is_read_back_as_it_was_made(world: World) -> None:
    session = start(world, device="手机 / phone")
    assert world.sessions.get(session.sid) == plain(session)
    assert (session.subject, session.level, session.amr) == ("someone", 2, ("sms",))
    assert session.auth_time == world.now
    assert session.expires_at == world.now + HOURS_12


def test_several_methods_are_kept_in_order(world: World) -> None:
    made = world.sessions.start("someone", level=1, acr="a", amr=("pwd", "sms"), now=world.now)
    found = world.sessions.get(made.sid)
    assert found is not None
    assert found.amr == ("pwd", "sms")


@pytest.mark.parametrize("amr", [(), ("",), ("a b",)])
def test_a_session_without_a_method_is_a_mistake(world: World, amr: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="amr"):
        world.sessions.start("someone", level=1, acr="a", amr=amr)


def test_sids_hold_128_random_bits(world: World) -> None:
    sids = {start(world).sid for _ in range(50)}
    assert len(sids) == 50
    assert {len(sid) for sid in sids} == {22}


def test_a_sid_is_never_taken_for_an_option_of_a_command(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["-" + "A" * 21, "A" * 22, "B" * 43])
    monkeypatch.setattr("secrets.token_urlsafe", lambda _: next(drawn))
    assert start(world).sid == "A" * 22


@pytest.mark.parametrize(
    ("after", "live"),
    [
        (timedelta(0), True),
        (HOURS_12 - timedelta(microseconds=1), True),
        (HOURS_12, False),
    ],
)
def test_a_session_is_live_for_exactly_twelve_hours(
    world: World,
    after: timedelta,
    live: bool,  # noqa: FBT001
) -> None:
    session = start(world)
    assert world.sessions.is_live(session.sid, world.now + after) is live


def test_an_ended_session_stays_ended_at_any_time(world: World) -> None:
    session, other = start(world), start(world)
    assert world.sessions.end(session.sid, world.now + timedelta(hours=1))
    for moment in (world.now, world.now + timedelta(hours=1), world.now + timedelta(hours=2)):
        assert not world.sessions.is_live(session.sid, moment)
        assert world.sessions.is_live(other.sid, moment)


def test_the_first_end_counts(world: World) -> None:
    session = start(world)
    first = world.now + timedelta(hours=1)
    assert world.sessions.end(session.sid, first)
    assert not world.sessions.end(session.sid, first + timedelta(hours=1))
    ended = world.sessions.get(session.sid)
    assert ended is not None
    assert ended.ended_at == first
    assert not ended.is_live(world.now)


def test_an_unknown_session_is_not_live_and_cannot_be_ended(world: World) -> None:
    assert not world.sessions.is_live("unknown", world.now)
    assert not world.sessions.end("unknown", world.now)
    assert world.sessions.get("") is None


def test_what_a_device_says_of_itself_is_cut_and_cleaned(world: World) -> None:
    session = start(world, device="\x1b[2J\ud800" + "x" * 10_000)
    assert session.device == "[2J" + "x" * 195
    assert world.sessions.get(session.sid) == plain(session)


def test_sessions_that_cannot_be_read_are_an_error_and_not_an_answer(world: World) -> None:
    session = start(world)
    with world.store.write() as connection:
        connection.execute(text("DROP TABLE sessions"))
    with pytest.raises(StoreError):
        world.sessions.is_live(session.sid, world.now)


def test_the_browsers_secret_finds_the_session_and_nothing_else_does(world: World) -> None:
    session, other = start(world), start(world)
    assert world.sessions.by_secret(session.secret, now=world.now) == plain(session)
    assert len({session.secret, other.secret}) == 2
    assert len(session.secret) == 43  # 256 bits
    for text_ in (
        session.sid,
        "",
        session.secret[:-1],
        session.secret + "=",
        "\ud800",
        "x" * 10**5,
    ):
        assert world.sessions.by_secret(text_, now=world.now) is None


def test_a_secret_is_neither_stored_nor_shown(world: World) -> None:
    session = start(world)
    assert session.secret.encode() not in world.bytes_on_disk()
    assert session.secret not in repr(session)


def test_a_secret_is_good_for_as_long_as_its_session(world: World) -> None:
    session, ended = start(world), start(world)
    world.sessions.end(ended.sid, world.now)
    assert world.sessions.by_secret(ended.secret, now=world.now) is None
    assert world.sessions.by_secret(session.secret, now=world.now + HOURS_12) is None


def test_sessions_of_the_time_before_secrets_go_on(world: World) -> None:
    session = start(world)
    with world.store.write() as connection:
        connection.execute(text("UPDATE sessions SET secret_hash = NULL"))
    found = world.sessions.get(session.sid)
    assert found == plain(session)
    assert world.sessions.by_secret(session.secret, now=world.now) is None


def test_a_stronger_session_keeps_its_sid_and_its_end_and_changes_its_secret(world: World) -> None:
    session = start(world, device="phone")
    later = world.now + timedelta(hours=1)
    stronger = world.sessions.strengthen(
        session.sid, level=4, acr="urn:msb:aal:2", amr=("pwd",), now=later
    )
    assert (stronger.sid, stronger.expires_at) == (session.sid, session.expires_at)
    assert (stronger.amr, stronger.acr, stronger.level) == (("sms", "pwd"), "urn:msb:aal:2", 4)
    assert (stronger.times, stronger.device) == ((world.now, later), "phone")
    assert stronger.auth_time == world.now  # no fresher than its oldest method
    assert world.sessions.by_secret(session.secret, now=later) is None
    assert world.sessions.by_secret(stronger.secret, now=later) == plain(stronger)


@pytest.mark.parametrize("how", ["ended", "over", "unknown"])
def test_a_session_that_is_over_is_not_made_stronger(world: World, how: str) -> None:
    session = start(world)
    if how == "ended":
        world.sessions.end(session.sid, world.now)
    sid = "unknown" if how == "unknown" else session.sid
    now = world.now + HOURS_12 if how == "over" else world.now
    with pytest.raises(SignInRefused) as refused:
        world.sessions.strengthen(sid, level=3, acr="a", amr=("pwd",), now=now)
    assert refused.value.code == "session-ended"


def test_a_subjects_live_sessions_come_by_pages(world: World) -> None:
    mine = sorted(start(world).sid for _ in range(5))
    start(world, subject="another")
    world.sessions.end(mine[2], world.now)
    live = [sid for sid in mine if sid != mine[2]]
    first = world.sessions.of("someone", limit=3, now=world.now)
    rest = world.sessions.of("someone", limit=3, after=first[-1].sid, now=world.now)
    assert [one.sid for one in (*first, *rest)] == live
    assert world.sessions.of("someone", now=world.now + HOURS_12) == []
    assert not any(isinstance(one, NewSession) for one in first)
    with pytest.raises(ValueError, match="page"):
        world.sessions.of("someone", limit=100_000)


def test_all_sessions_are_ended_but_the_one_that_asks(world: World) -> None:
    mine, another = [start(world) for _ in range(3)], start(world, subject="another")
    assert world.sessions.end_all("someone", but=mine[0].sid, now=world.now) == 2
    assert [world.sessions.is_live(one.sid, world.now) for one in (*mine, another)] == [
        *(True, False, False),
        True,
    ]
    assert world.sessions.end_all("someone", now=world.now) == 1
    assert world.sessions.end_all("someone", now=world.now) == 0


def test_what_ends_a_session_ends_its_tokens_in_the_same_transaction(world: World) -> None:
    one, two = start(world), start(world)
    cut_offs = CutOffs(world.store)
    sessions = Sessions(world.store, cut_offs=cut_offs)
    sessions.end(one.sid, world.now)
    sessions.end_all("someone", now=world.now)
    _, cut = cut_offs.live(world.now)
    assert {cut_off_name(Ended.SESSION, sid) for sid in (one.sid, two.sid)} == set(cut)
    with world.store.write() as connection:
        connection.execute(text("DROP TABLE cut_offs"))
    three = start(world)
    with pytest.raises(StoreError):
        sessions.end(three.sid, world.now)
    assert world.sessions.is_live(three.sid, world.now)  # neither without the other


IDLE = SessionRules(life=timedelta(hours=2), idle=timedelta(minutes=30))


def test_a_session_goes_idle_unless_it_is_used_and_ends_whatever_is_done(world: World) -> None:
    sessions, now = Sessions(world.store, rules=IDLE), world.now
    made = sessions.start("someone", level=1, acr="a", amr=("sms",), now=now)
    assert not made.is_live(now + timedelta(minutes=30))
    while (found := sessions.by_secret(made.secret, now=now)) is not None:
        sessions.touch(found, now=now)
        now += timedelta(minutes=29)
    assert timedelta(hours=2) <= now - world.now < timedelta(hours=2, minutes=29)


def test_use_writes_once_a_minute_and_revives_nothing(world: World) -> None:
    sessions, now = Sessions(world.store, rules=IDLE), world.now
    made = sessions.start("someone", level=1, acr="a", amr=("sms",), now=now)
    for second in range(60):
        sessions.touch(made, now=now + timedelta(seconds=second))
    assert sessions.get(made.sid) == plain(made)
    sessions.touch(made, now=now + timedelta(minutes=1))
    found = sessions.get(made.sid)
    assert found is not None
    assert found.idle_until == now + timedelta(minutes=31)
    sessions.touch(found, now=now + timedelta(minutes=32))  # idle by then
    sessions.end(made.sid, now)
    sessions.touch(found, now=now + timedelta(minutes=5))
    after = sessions.get(made.sid)
    assert after is not None
    assert after.idle_until == found.idle_until


def test_rules_that_could_not_be_kept_are_a_mistake() -> None:
    for rules in ({"life": timedelta(0)}, {"idle": timedelta(seconds=90)}):
        with pytest.raises(ValueError, match="session"):
            SessionRules(**rules)


def test_expired_sessions_are_removed_a_few_at_a_time(world: World) -> None:
    for _ in range(60):
        start(world)
    late = world.now + HOURS_12
    world.sessions.start("late", level=1, acr="a", amr=("sms",), now=late)
    with world.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sessions")) == 11
    world.sessions.remove_expired(now=late)
    with world.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM sessions")) == 1


def test_ends_are_recorded_with_who_ended_them(world: World) -> None:
    audit = Audit(world.store, world.protector, writer="test")
    sessions = Sessions(world.store, audit=audit)
    own, others = start(world), start(world)
    sessions.end(own.sid, world.now)
    sessions.end_all("someone", by="operator", now=world.now)
    reader = AuditReader(world.store, world.protector)
    entries = reader.entries(subject=["someone"], event="session.ended").entries
    assert [entry.object_ for entry in entries] == [own.sid, others.sid]
    assert reader.entries(actor=["operator"]).entries == entries[1:]


def test_sessions_of_an_older_store_go_on_after_its_migration(store_url: str) -> None:
    with closing(Store.open(store_url)) as store, store.write() as connection:
        IDENTITY.migrate(connection, "identity_3")
        connection.execute(
            text(
                "INSERT INTO sessions"
                " (sid, subject, level, acr, amr, auth_time, expires_at, device)"
                " VALUES ('s', 'someone', 2, 'urn:msb:aal:1', 'sms', 1, 100000, 'phone')"
            )
        )
    with closing(Store.open(store_url, *TABLES, migrate=True)) as store:
        now = from_seconds(50)
        (found,) = Sessions(store).of("someone", now=now)
        assert (found.subject_kind, found.place, found.idle_until) == ("person", "", None)
        assert found.is_live(now)
        stronger = Sessions(store).strengthen("s", level=2, acr="a", amr=("pwd",), now=now)
        assert Sessions(store).by_secret(stronger.secret, now=now) == plain(stronger)
        assert Sessions(store).end("s", now)
