from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import SignInRefused, StepUpRequired
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.hashing import HashCost, Hasher
from msb_identity.signin.passwords import Passwords
from msb_identity.signin.stepup import ACR_1, ACR_2, ACR_3, ASSURANCE, Assurance, require
from msb_identity.sso.sessions import Session
from tests.identity.conftest import NOW, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import MetaData

    from tests.databases import PreparedFiles
    from tests.identity.conftest import World

MINUTE, HOME, GOOD = timedelta(minutes=1), "192.0.2.1", "a wide sky over grass"


@pytest.fixture
def prepared_url(
    tmp_path: Path, prepared_files: PreparedFiles, store_tables: Sequence[MetaData]
) -> str:
    """On SQLite alone: what depends on the database is in test_sign_in_races.py."""
    return prepared_files.new(tmp_path / "store.sqlite", *store_tables)


def session(*amr: str, acr: str = "", level: int = 3) -> Session:
    return Session(
        sid="s",
        subject="someone",
        level=level,
        acr=acr or ASSURANCE.acr_of(amr),
        amr=amr,
        auth_time=NOW,
        expires_at=NOW + timedelta(hours=12),
    )


@pytest.mark.parametrize(
    ("methods", "acr"),
    [
        (("pwd",), ACR_1),
        (("sms",), ACR_1),
        (("pwd", "sms"), ACR_2),
        (("sms", "mca", "pwd"), ACR_2),
        (("pop",), ACR_3),
        (("pwd", "pop"), ACR_3),
        (("pwd", "pwd"), ACR_1),
        (("unheard-of",), ACR_1),
        ((), ACR_1),
    ],
)
def test_methods_reach_levels_together(methods: tuple[str, ...], acr: str) -> None:
    assert ASSURANCE.acr_of(methods) == acr


@given(
    few=st.sets(st.sampled_from(["pwd", "sms", "pop", "mca", "x"])),
    more=st.sets(st.sampled_from(["pwd", "sms", "pop", "mca", "x"])),
)
def test_a_further_method_never_makes_a_session_weaker(few: set[str], more: set[str]) -> None:
    before, after = ASSURANCE.acr_of(few), ASSURANCE.acr_of(few | more)
    assert ASSURANCE.rank(after) >= ASSURANCE.rank(before)


def needed(one: Session, **wanted: object) -> StepUpRequired:
    with pytest.raises(StepUpRequired) as refused:
        require(one, **({"now": NOW} | wanted))  # type: ignore[arg-type]
    return refused.value


def test_what_suffices_passes() -> None:
    require(session("pwd", "sms"), acr=ACR_2, level=3, max_age=MINUTE, now=NOW + MINUTE)
    require(session("pop"), acr=ACR_1, now=NOW)
    require(session("sms"), now=NOW)


def test_a_weaker_session_is_told_what_it_lacks() -> None:
    error = needed(session("sms"), acr=ACR_2)
    assert (error.code, error.acr) == ("too-weak", ACR_2)
    assert error.ways == (("pop",), ("pwd",))
    assert needed(session("sms"), acr=ACR_3).ways == (("pop",),)


def test_an_old_sign_in_is_done_again_and_its_factors_count_no_more() -> None:
    error = needed(session("pwd", "sms"), acr=ACR_2, max_age=MINUTE, now=NOW + 2 * MINUTE)
    assert (error.code, error.ways) == ("too-old", (("pop",), ("pwd", "sms")))
    weak = needed(session("sms"), acr=ACR_2, max_age=MINUTE, now=NOW + 2 * MINUTE)
    assert (weak.code, weak.ways) == ("too-weak", (("pop",), ("pwd", "sms")))


def test_each_method_that_a_level_needs_must_be_fresh() -> None:
    """One of two shown again makes the other no fresher."""
    later = NOW + 60 * MINUTE
    both = replace(session("pwd", "sms"), times=(later, NOW))
    error = needed(both, acr=ACR_2, max_age=MINUTE, now=later)
    assert (error.code, error.ways) == ("too-old", (("pop",), ("sms",)))
    require(both, max_age=MINUTE, now=later)
    require(both, acr=ACR_1, max_age=MINUTE, now=later)
    require(both, acr=ACR_2, max_age=60 * MINUTE, now=later)
    require(replace(both, times=(later, later)), acr=ACR_2, max_age=MINUTE, now=later)


def test_a_real_name_level_is_raised_by_no_sign_in() -> None:
    error = needed(session("pop", level=2), level=3)
    assert (error.code, error.level, error.ways) == ("level-too-low", 3, ())


def test_a_session_that_is_over_signs_in_again() -> None:
    assert needed(session("pop"), now=NOW + timedelta(hours=12)).code == "session-ended"


def test_an_acr_from_elsewhere_is_below_all() -> None:
    assert needed(session("pop", acr="urn:other:9"), acr=ACR_1).code == "too-weak"


def test_a_level_that_the_table_does_not_have_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="level"):
        require(session("pop"), acr="urn:msb:aal:9", now=NOW)
    with pytest.raises(ValueError, match="level"):
        Assurance(("low",), ((frozenset({"pwd"}), "high"),))


def test_a_province_writes_its_own_table() -> None:
    own = Assurance(("L1", "L2"), ((frozenset({"face"}), "L2"), (frozenset({"pwd"}), "L1")))
    assert own.acr_of(("pwd", "face")) == "L2"
    error = needed(session("pwd", acr="L1"), acr="L2", assurance=own)
    assert error.ways == (("face",),)


def test_two_factors_of_one_session_combine(world: World) -> None:
    person = world.register()
    desk = SignInDesk(world.store, world.protector)
    hasher = Hasher(HashCost(time=1, memory_kib=64, lanes=1))
    passwords = Passwords(world.store, world.protector, world.accounts, hasher=hasher, desk=desk)
    passwords.set(person.id, GOOD, now=NOW)
    first = passwords.sign_in(world.mobile, GOOD, address=HOME, now=NOW)
    world.sms.request_code(world.mobile, address=HOME, now=NOW)
    code, later = world.sender.last_code, NOW + MINUTE
    both = world.sms.sign_in(world.mobile, code, address=HOME, session=first, now=later)
    assert (both.sid, both.acr, both.amr) == (first.sid, ACR_2, ("pwd", "sms"))
    assert (both.times, both.auth_time) == ((NOW, later), NOW)
    require(both, acr=ACR_2, max_age=MINUTE, now=later)
    hours = NOW + 600 * MINUTE
    again = passwords.sign_in(world.mobile, GOOD, address=HOME, session=both, now=hours)
    assert (again.acr, again.times, again.auth_time) == (ACR_2, (hours, later), later)
    assert world.sessions.get(again.sid) == plain(again)
    assert needed(again, acr=ACR_2, max_age=MINUTE, now=hours).code == "too-old"
    assert world.sessions.by_secret(first.secret, now=later) is None


def test_another_persons_factor_does_not_combine_and_uses_its_code_up(world: World) -> None:
    world.register()
    other = world.sessions.start("other", level=3, acr=ACR_1, amr=("pwd",), now=NOW)
    world.sms.request_code(world.mobile, address=HOME, now=NOW)
    code = world.sender.last_code
    for expected in ("other-subject", "code-refused"):
        with pytest.raises(SignInRefused) as refused:
            world.sms.sign_in(world.mobile, code, address=HOME, session=other, now=NOW)
        assert refused.value.code == expected
    after = world.sessions.get(other.sid)
    assert after is not None
    assert after.amr == ("pwd",)
