"""Looking somebody up goes by an index however many there are, and lists go by keys."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from msb_identity.errors import ProtectionError
from msb_identity.people import Identifier, IdentifierKind
from tests.identity.people.conftest import MOBILE, NOW, People

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

COUNT = 100_000


def test_no_look_up_goes_through_100_000_people(people: People) -> None:
    person = people.zhang()
    firm = people.firm(person.id)
    department = people.departments.add("窗口")
    staff = people.staff.register(number="1", name="王五", department_id=department.id)
    with people.store.write() as connection:
        fill(connection)
    look_ups: list[Callable[[], object]] = [
        lambda: people.accounts.by_mobile(MOBILE, now=NOW),
        lambda: people.accounts.get(person.id, now=NOW),
        lambda: people.accounts.page(after=person.id, limit=1),
        lambda: people.accounts.ids_of(person.id),
        lambda: people.firms.of_representative(person.id),
        lambda: people.mandates.of_agent(person.id, now=NOW),
        lambda: people.mandates.of_firm(firm.id),
        lambda: people.staff.by_number("1"),
        lambda: people.staff.page(department_id=department.id, limit=1),
        lambda: people.staff.roles_of(staff.id),
        lambda: people.accounts.link(
            person.id, Identifier.of(IdentifierKind.PASSPORT, "CHN:E12345678"), now=NOW
        ),
    ]
    for look_up in look_ups:
        with watched(people) as asked, suppress(ProtectionError):
            look_up()
        with people.store.read() as connection:
            for statement, values in asked:
                assert not scans(connection, statement, values), statement


def fill(connection: Connection) -> None:
    """Rows that only have to be there: nobody opens them."""
    sqlite = connection.dialect.name == "sqlite"
    series = (
        f"(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COUNT})"  # noqa: S608
        " SELECT i FROM n)"
        if sqlite
        else f"generate_series(1, {COUNT})"
    )
    bytes_ = "randomblob(32)" if sqlite else "decode(md5(i::text) || md5((-i)::text), 'hex')"
    for table, columns, values in (
        ("people", "id, name", f"'p' || i, {bytes_}"),
        (
            "person_identifiers",
            "id, person_id, kind, value_index, value, index_version, linked_at",
            f"'i' || i, 'p' || i, 'mobile', {bytes_}, {bytes_}, 1, 0",
        ),
        (
            "person_evidence",
            "id, person_id, level, method, source, time",
            "'e' || i, 'p' || i, 1, 'self', '', 0",
        ),
    ):
        insert = f"INSERT INTO {table} ({columns}) SELECT {values} FROM {series} AS t(i)"  # noqa: S608
        connection.execute(text(insert if not sqlite else insert.replace(" AS t(i)", "")))
    for table in ("people", "person_identifiers", "person_evidence"):
        connection.execute(text(f"ANALYZE {table}"))


class watched:  # noqa: N801 - used as a verb
    """Collects the statements that are sent about the large tables."""

    def __init__(self, people: People) -> None:
        self._engine = people.store._engine  # noqa: SLF001 - nowhere else are they seen
        self.found: list[tuple[str, Any]] = []

    def __enter__(self) -> list[tuple[str, Any]]:
        event.listen(self._engine, "before_cursor_execute", self._see)
        return self.found

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._see)

    def _see(self, _c: object, _d: object, statement: str, values: Any, *_: object) -> None:  # noqa: ANN401
        if statement.startswith("SELECT") and any(
            f"FROM {name}" in statement.replace("\n", " ")
            for name in ("people", "person_identifiers", "person_evidence")
        ):
            self.found.append((statement, values))


def scans(connection: Connection, statement: str, values: Any) -> bool:  # noqa: ANN401 - a DBAPI's
    """Whether the database would go through a whole large table for this."""
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    plan = connection.exec_driver_sql(f"{explain} {statement}", values).all()
    lines = [str(row[-1]) for row in plan]
    return any("Seq Scan" in line or line.startswith("SCAN") for line in lines)
