"""What must happen once happens once, between processes, on both databases."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from msb_identity.foundation.store import Store
from msb_wallet.folder import TABLES
from msb_wallet.licences.store import status_lists
from msb_wallet.scan.memory import seen_nonces
from msb_wallet.scan.online import record_shown
from tests.support import run_race
from tests.wallet.support_licences import AUTHORITY, NOW, good_row
from tests.wallet.test_store_failures import desk

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 30
HEAD = """
import os
from datetime import timedelta
from pathlib import Path
from msb_identity.foundation.store import Store
from msb_wallet.codes.present import secret_hash
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status
from msb_wallet.scan.memory import Memory
from msb_wallet.scan.online import consume_shown
from tests.wallet.test_store_failures import TABLES, desk, NOW
store = Store.open(sys.argv[1], *TABLES)
register = desk(store, Path(sys.argv[2])).status
def change(status, reason, at):
    return register.change(sys.argv[3], status, reason, now=at).changed_at == at
go()
"""
TASKS = {
    "a shown code is used up once": """
print(sum(consume_shown(store, secret_hash(bytes([i]) * 16), now=NOW) for i in range(30)))
""",
    "a nonce is seen first once": """
print(sum(Memory(store).first_sight(bytes([i]) * 32, now=NOW) for i in range(30)))
""",
    "a place is nobody else's": """
places = [place for _ in range(10) for place in register.take("11150600MB0000000B", 3)]
print(len(set(places)))
""",
    "no change of a state is lost": """
own = NOW + timedelta(hours=os.getpid())  # times at which no other process changes anything
done = 0
for i in range(15):
    done += change(Status.SUSPENDED, Reason.UNDER_REVIEW, own + timedelta(seconds=2 * i))
    done += change(Status.VALID, Reason.REVIEW_CLOSED, own + timedelta(seconds=2 * i + 1))
print(done)
""",
    "a first data key, and those after it": """
from msb_identity.foundation.protect import Place, Protector
protector = Protector.from_folder(store, Path(sys.argv[2]) / "keys")
print(len({protector.rotate() for _ in range(10)}))
""",
}


def run(task: str, *arguments: str) -> list[int]:
    return [int(result) for result in run_race(HEAD + TASKS[task], *arguments, processes=3)]


@pytest.mark.parametrize("task", TASKS)
def test_between_processes(store_url: str, tmp_path: Path, task: str) -> None:
    with closing(Store.open(store_url, *TABLES)) as store:
        issuer = desk(store, tmp_path)
        identifier = issuer.issue(good_row(), now=NOW).identifier.short
        for i in range(ROUNDS):
            # Some are so old that they are cleared away at the same time.
            record_shown(store, bytes([i]) * 16, identifier=identifier, audience=None, now=NOW)
            old = NOW - timedelta(days=1, seconds=i)
            record_shown(store, bytes([i]) * 15, identifier=identifier, audience=None, now=old)
        results = run(task, store_url, str(tmp_path), identifier)
        with store.read() as connection:
            lists = connection.execute(select(status_lists)).one()
            nonces = len(connection.execute(select(seen_nonces)).all())
        expected = {
            "a shown code is used up once": ROUNDS,
            "a nonce is seen first once": ROUNDS,
            "a place is nobody else's": 90,
            "no change of a state is lost": lists.changes - 1,
            "a first data key, and those after it": 30,
        }
        assert sum(results) == expected[task]
        assert lists.issuer_code == AUTHORITY.code
        assert nonces == (ROUNDS if "nonce" in task else 0)
        if "place" in task:
            assert lists.used == 91
        if "state" in task:
            # The counter moved with each change that was made, so that a new list is published.
            assert lists.changes > 30  # each of one process's 30 calls found the state changed
