from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from msb_identity.errors import ProtectionError, SignInRefused
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.rotation import reseal
from msb_identity.foundation.text import showable
from msb_identity.signin.desk import SignInDesk, Tried
from msb_identity.signin.history import NOBODY, SEALED, SignInHistory, sign_ins
from msb_identity.signin.subjects import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from tests.databases import PreparedFiles
    from tests.identity.conftest import World

HOME = Origin("192.0.2.1", "Firefox", "呼和浩特")
STRANGER = Origin("198.51.100.7", "curl\x1b[2J", "境外")
SECOND = timedelta(seconds=1)


@pytest.fixture
def prepared_url(
    tmp_path: Path, prepared_files: PreparedFiles, store_tables: Sequence[MetaData]
) -> str:
    """On SQLite alone: what depends on the database is in test_sign_in_races.py."""
    return prepared_files.new(tmp_path / "store.sqlite", *store_tables)


def add(world: World, outcome: str, *, subject: str = "someone", after: int = 0) -> None:
    history = SignInHistory(world.store, world.protector)
    with world.store.write(locks=()) as connection:
        history.add(
            connection,
            subject,
            method="pwd",
            outcome=outcome,
            origin=HOME if outcome == "ok" else STRANGER,
            now=world.now + after * SECOND,
        )


def test_an_owner_sees_own_sign_ins_newest_first_failed_ones_too(world: World) -> None:
    history = SignInHistory(world.store, world.protector)
    for after, outcome in enumerate(["ok", "password-refused", "ok"]):
        add(world, outcome, after=after)
    add(world, "ok", subject="another")
    found = history.page("someone")
    assert [one.outcome for one in found] == ["ok", "password-refused", "ok"]
    assert [one.time for one in found] == [world.now + i * SECOND for i in (2, 1, 0)]
    assert (found[0].succeeded, found[1].succeeded) == (True, False)
    assert (found[0].address, found[0].device, found[0].place) == (
        "192.0.2.1",
        "Firefox",
        "呼和浩特",
    )
    assert "\x1b" not in found[1].device
    first, rest = history.page("someone", limit=1), history.page("someone", before=found[0].id)
    assert [*first, *rest] == found
    with pytest.raises(ValueError, match="page"):
        history.page("someone", limit=10**6)


def test_whoever_fails_without_end_pushes_no_success_out(world: World) -> None:
    add(world, "ok")
    for after in range(60):
        add(world, "password-refused", after=after)
    found = SignInHistory(world.store, world.protector).page("someone")
    assert len(found) == 51
    assert found[-1].outcome == "ok"


def test_successes_are_bounded_too(world: World) -> None:
    for after in range(105):
        add(world, "ok", after=after)
    with world.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(sign_ins)) == 100


def test_where_from_is_sealed_in_its_row(world: World) -> None:
    add(world, "ok")
    disk = world.bytes_on_disk()
    assert not any(text.encode() in disk for text in ("192.0.2.1", "Firefox", "呼和浩特"))
    world.protector.rotate()
    assert [p.changed for p in reseal(world.store, world.protector, SEALED)] == [1]
    history = SignInHistory(world.store, world.protector)
    assert history.page("someone")[0].place == "呼和浩特"
    assert "192.0.2.1" not in repr(history.page("someone"))
    add(world, "ok", subject="another")
    with world.store.write() as connection:
        moved = select(sign_ins.c.origin).where(sign_ins.c.subject == "another")
        mine = sign_ins.update().where(sign_ins.c.subject == "someone")
        connection.execute(mine.values(origin=connection.scalar(moved)))
    with pytest.raises(ProtectionError):
        history.page("someone")


def test_every_method_writes_what_happened_to_the_owner(world: World) -> None:
    person = world.register()
    world.sms.request_code(world.mobile, address="192.0.2.1", now=world.now)
    for code in ("wrong", world.sender.last_code):
        try:
            world.sms.sign_in(
                world.mobile, code, address="192.0.2.1", place="包头", now=world.now + SECOND
            )
        except SignInRefused as error:
            assert error.code == "code-refused"  # noqa: PT017 - the other try succeeds
    with pytest.raises(SignInRefused) as refused:
        world.sms.sign_in("13900139000", "no", address="192.0.2.1", now=world.now + SECOND)
    assert refused.value.code == "code-refused"
    history = SignInHistory(world.store, world.protector)
    found = sorted((one.method, one.outcome, one.place) for one in history.page(person.id))
    assert found == [("sms", "code-refused", "包头"), ("sms", "ok", "包头")]
    assert len(history.page(NOBODY)) == 1


@pytest.mark.parametrize("address", ["x" * 10_000, "a\0b", "\ud800", "\u202e192.0.2.1", ""])
def test_an_address_of_whatever_kind_is_recorded_as_far_as_it_can_be_shown(
    world: World, address: str
) -> None:
    audit = Audit(world.store, world.protector, writer="test")
    desk = SignInDesk(world.store, world.protector, audit=audit)
    tried = Tried("pwd", "somebody", None, Origin(address))
    desk.write(tried, "password-refused", now=world.now)
    (record,) = desk.history.page(NOBODY)
    assert record.address == showable(address[:200])
