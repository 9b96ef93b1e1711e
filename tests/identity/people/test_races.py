"""Between processes, on both databases: one number, one account; one merge; no ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from msb_identity.people import Identifier, IdentifierKind
from msb_identity.people.tables import identifiers
from tests.identity.people.conftest import NOW, NUMBER
from tests.support import run_race

if TYPE_CHECKING:
    from tests.identity.people.conftest import People

HEAD = """
from pathlib import Path
from msb_identity.errors import CodedRefusal
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people import Accounts, Departments, Identifier, IdentifierKind
store = Store.open(arguments[0])
accounts = Accounts(store, Protector.from_folder(store, Path(arguments[1])))
number = Identifier.of(IdentifierKind.IDENTITY_NUMBER, "11010519491231002X")
def say(call):
    try:
        print("done" if call() is not None else "none")
    except CodedRefusal as error:
        print(error.code)
"""


def test_of_processes_that_register_one_number_one_succeeds(people: People) -> None:
    script = HEAD + (
        "go()\nsay(lambda: accounts.register(name='张三', identifiers=[number], method='counter'))"
    )
    results = run_race(script, people.url, str(people.keys), processes=3)
    assert sorted(results) == ["done", "known", "known"]
    assert holders(people) == 1


def test_of_processes_that_link_one_number_to_two_accounts_one_succeeds(people: People) -> None:
    two = [
        people.accounts.register(
            identifiers=[Identifier.of(IdentifierKind.MOBILE, f"1380013800{i}")], now=NOW
        ).id
        for i in range(2)
    ]
    script = HEAD + (
        "import os\n"
        "mine = arguments[2 + (os.getpid() % 2)]\n"
        "go()\n"
        "for person in sorted(arguments[2:], key=lambda one: one != mine):\n"
        "    say(lambda: accounts.link(person, number, method='two-factor'))\n"
    )
    results = " ".join(run_race(script, people.url, str(people.keys), *two)).split()
    assert sorted(set(results)) == ["done", "held-by-another"]
    assert holders(people) == 1
    found = people.accounts.by_identity_number(NUMBER)
    assert found is not None
    assert found.id in two


def test_of_merges_against_each_other_one_succeeds(people: People) -> None:
    one, two = (
        people.accounts.register(
            identifiers=[Identifier.of(IdentifierKind.MOBILE, f"1380013800{i}")], now=NOW
        ).id
        for i in range(2)
    )
    script = HEAD + (
        "import os\n"
        "pair = sorted(arguments[2:], reverse=bool(os.getpid() % 2))\n"
        "go()\n"
        "say(lambda: accounts.merge(*pair, by='o', method='counter'))\n"
        "say(lambda: accounts.merge(*pair[::-1], by='o', method='counter'))\n"
    )
    results = run_race(script, people.url, str(people.keys), one, two)
    assert set(" ".join(results).split()) == {"done", "merged-elsewhere"}
    kept = {found.id for found in map(people.accounts.get, (one, two)) if found}
    assert len(kept) == 1


def test_moves_at_once_make_no_ring(people: People) -> None:
    one, two = (people.departments.add(name).id for name in ("甲", "乙"))
    script = HEAD + (
        "import os\n"
        "pair = sorted(arguments[2:], reverse=bool(os.getpid() % 2))\n"
        "departments = Departments(store)\n"
        "go()\n"
        "say(lambda: departments.move(*pair))\n"
        "say(lambda: departments.move(*pair[::-1]))\n"
    )
    results = " ".join(run_race(script, people.url, str(people.keys), one, two)).split()
    assert set(results) == {"done", "ring"}
    tops = people.departments.below()
    assert len(tops) == 1
    assert len(people.departments.below(tops[0].id)) == 1


def holders(people: People) -> int:
    with people.store.read() as connection:
        query = select(func.count()).where(identifiers.c.kind == "identity_number")
        return connection.scalar(query) or 0
