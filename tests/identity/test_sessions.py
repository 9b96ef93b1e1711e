from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from msb_identity.errors import StoreError
from tests.identity.conftest import plain

if TYPE_CHECKING:
    from msb_identity.sso.sessions import NewSession
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
