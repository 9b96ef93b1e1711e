"""Two processes at the same moment, on each kind of database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from msb_identity.sso.refresh import families
from tests.identity.provider.world import HEAR, NOW, SECOND, Portal, ProviderWorld, error, good

if TYPE_CHECKING:
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
EXCHANGE = """
go()
print(sso.exchange(portal, text).status)
"""
DELIVER = """
poster = FakePoster()
queue = make_queue(sso, poster)
go()
queue.deliver(NOW)
print(len(poster.posted))
"""


def _run(race: Race, sso: ProviderWorld, folder: Path, portal: Portal, *script: str) -> list[str]:
    source, text = script
    return race(HEAD + source, sso.url, str(folder), text, portal.secret or "")


def _families(sso: ProviderWorld) -> tuple[int, int]:
    with sso.store.read() as connection:
        query = select(func.count(), func.count(families.c.ended_at))
        return tuple(connection.execute(query).one())  # type: ignore[return-value] # two counts


def test_two_processes_refresh_at_once_and_stay_one_family(
    both: ProviderWorld, race: Race, tmp_path: Path
) -> None:
    portal, session = both.register(), both.sign_in()
    token = both.tokens(portal, session)["refresh_token"]
    first, second = _run(race, both, tmp_path, portal, REFRESH, token)
    assert first == second != "None"
    assert _families(both) == (1, 0)
    good(both.refresh(portal, first, NOW + 2 * SECOND))


def test_two_processes_with_one_code_get_tokens_once_at_most_and_keep_none(
    both: ProviderWorld, race: Race, tmp_path: Path
) -> None:
    portal, session = both.register(), both.sign_in()
    answers = _run(race, both, tmp_path, portal, EXCHANGE, both.code(session))
    assert sorted(answers) == ["200", "400"]
    assert _families(both) == (1, 1)


def test_two_deliverers_tell_nobody_twice(both: ProviderWorld, race: Race, tmp_path: Path) -> None:
    portal = both.register(logout_address=HEAR)
    for _ in range(5):
        session = both.sign_in()
        both.tokens(portal, session)
        both.sessions.end(session.sid, NOW)
    told = [int(number) for number in _run(race, both, tmp_path, portal, DELIVER, "")]
    assert sum(told) == 5


def test_a_thief_and_the_owner_are_told_apart_whoever_comes_first(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    stolen = both.tokens(portal, session)["refresh_token"]
    thiefs = good(both.refresh(portal, stolen, NOW + SECOND))["refresh_token"]
    assert error(both.refresh(portal, stolen, NOW + 60 * SECOND)) == "invalid_grant"
    assert error(both.refresh(portal, thiefs, NOW + 61 * SECOND)) == "invalid_grant"
    assert _families(both) == (1, 1)
