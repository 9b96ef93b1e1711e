"""What stands in the store after rows were issued."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from msb_wallet.licences.store import find_licence, licence_status, licences, status_lists

if TYPE_CHECKING:
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.issue import RowResult
    from msb_wallet.licences.store import StoredLicence
    from tests.wallet.support_licences import (
        Desk,
    )

spawn = multiprocessing.get_context("spawn")


def stored(desk: Desk, identifier: LicenceIdentifier) -> StoredLicence:
    with desk.store.read() as connection:
        found = find_licence(connection, identifier.short)
    assert found is not None
    return found


def identifiers(results: list[RowResult]) -> list[LicenceIdentifier]:
    assert all(result.issued for result in results), results
    return [result.issued.identifier for result in results if result.issued]


def assert_whole(desk: Desk, count: int) -> None:
    """So many licences stand in the store, each with a status of its own place; no half ones.

    A place taken by a group that then failed, or came second, stays empty.
    """
    places = select(licence_status.c.list_number, licence_status.c.list_index)
    with desk.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(licences)) == count
        numbers = select(func.count(licences.c.number_index.distinct()))
        assert connection.scalar(numbers) == count
        found = connection.execute(places).all()
        assert (connection.scalar(select(func.sum(status_lists.c.used))) or 0) >= count
    assert len(found) == len(set(found)) == count
