"""Two processes at the same moment, on each kind of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from msb_identity.sso.refresh import families
from tests.identity.provider.world import (
    HEAR,
    NOW,
    SECOND,
    FakePoster,
    ProviderWorld,
    error,
    good,
    make_queue,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.identity.conftest import Race

HEAD = """
import json
from pathlib import Path
from tests.identity.provider.world import *
url, folder, text, secret = arguments
sso = ProviderWorld.open(url, Path(folder))
portal = Portal(sso.clients.live("portal"), secret)
sso.ring.signer(now=NOW)
sso.sessions.get("x")
"""
REFRESH = """
go()
answer = sso.refresh(portal, text, NOW + SECOND)
print(json.loads(answer.body).get("refresh_token"))
"""


@contextmanager
def _two(sso: ProviderWorld, folder: Path) -> Iterator[tuple[ProviderWorld, ProviderWorld]]:
    """The provider as two processes have it, each with connections of its own."""
    worlds = (ProviderWorld.open(sso.url, folder), ProviderWorld.open(sso.url, folder))
    for world in worlds:
        world.ring.signer(now=NOW)
        world.sessions.get("x")
    yield worlds
    for world in worlds:
        world.store.close()


def _at_once(*calls: Callable[[], int]) -> list[int]:
    barrier = Barrier(len(calls))

    def run(call: Callable[[], int]) -> int:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def _families(sso: ProviderWorld) -> tuple[int, int]:
    with sso.store.read() as connection:
        query = select(func.count(), func.count(families.c.ended_at))
        return tuple(connection.execute(query).one())  # type: ignore[return-value] # two counts


def test_two_processes_refresh_at_once_and_stay_one_family(
    both: ProviderWorld, race: Race, tmp_path: Path
) -> None:
    portal, session = both.register(), both.sign_in()
    token = both.tokens(portal, session)["refresh_token"]
    script = HEAD + REFRESH
    first, second = race(script, both.url, str(tmp_path), token, portal.secret or "")
    assert first == second != "None"
    assert _families(both) == (1, 0)
    good(both.refresh(portal, first, NOW + 2 * SECOND))


def test_two_processes_with_one_code_get_tokens_once_at_most_and_keep_none(
    both: ProviderWorld, tmp_path: Path
) -> None:
    portal, session = both.register(), both.sign_in()
    code = both.code(session)
    with _two(both, tmp_path) as (one, other):
        answers = _at_once(
            lambda: one.exchange(portal, code).status, lambda: other.exchange(portal, code).status
        )
    assert sorted(answers) == [200, 400]
    assert _families(both) == (1, 1)


def test_two_deliverers_tell_nobody_twice(both: ProviderWorld, tmp_path: Path) -> None:
    portal = both.register(logout_address=HEAR)
    for _ in range(5):
        session = both.sign_in()
        both.tokens(portal, session)
        both.sessions.end(session.sid, NOW)
    poster = FakePoster()
    with _two(both, tmp_path) as (one, other):
        told = _at_once(
            lambda: make_queue(one, poster).deliver(NOW).delivered,
            lambda: make_queue(other, poster).deliver(NOW).delivered,
        )
    assert sum(told) == len(poster.posted) == 5


def test_a_thief_and_the_owner_are_told_apart_whoever_comes_first(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    stolen = both.tokens(portal, session)["refresh_token"]
    thiefs = good(both.refresh(portal, stolen, NOW + SECOND))["refresh_token"]
    assert error(both.refresh(portal, stolen, NOW + 60 * SECOND)) == "invalid_grant"
    assert error(both.refresh(portal, thiefs, NOW + 61 * SECOND)) == "invalid_grant"
    assert _families(both) == (1, 1)
