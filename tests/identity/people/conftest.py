"""The world of people: one store, its rooms, two persons, and a log of what was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.audit import Audit, AuditReader
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people import Accounts, Departments, Firms, Mandates, Proofing, Staff
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from msb_identity.foundation.audit import Entry
    from msb_identity.people import Firm, Person

NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NUMBER, OTHER_NUMBER = "11010519491231002X", "440524188001010014"
MOBILE, OTHER_MOBILE = "13800138000", "13900139000"
CREDIT_CODE = "91350100M000100Y43"


@dataclass
class People:
    url: str
    keys: Path
    store: Store
    protector: Protector
    audit: Audit
    accounts: Accounts
    proofing: Proofing
    firms: Firms
    mandates: Mandates
    departments: Departments
    staff: Staff

    @classmethod
    def open(cls, url: str, keys: Path) -> People:
        store = Store.open(url, *TABLES)
        protector = Protector.from_folder(store, keys)
        audit = Audit(store, protector, writer="test")
        accounts = Accounts(store, protector, audit=audit)
        return cls(
            url=url,
            keys=keys,
            store=store,
            protector=protector,
            audit=audit,
            accounts=accounts,
            proofing=Proofing(store, protector, accounts, audit=audit),
            firms=Firms(store, accounts, audit=audit),
            mandates=Mandates(store, accounts, audit=audit),
            departments=Departments(store, audit=audit),
            staff=Staff(store, protector, audit=audit),
        )

    def zhang(self) -> Person:
        return self.accounts.register(
            name="张三", identity_number=NUMBER, mobile=MOBILE, method="counter", now=NOW
        )

    def li(self) -> Person:
        return self.accounts.register(
            name="李四",
            identity_number=OTHER_NUMBER,
            mobile=OTHER_MOBILE,
            method="two-factor",
            now=NOW,
        )

    def firm(self, representative: str) -> Firm:
        return self.firms.register(
            credit_code=CREDIT_CODE,
            name="示例有限公司",
            representative=representative,
            method="counter",
            source="政务服务大厅",
            by="officer",
            now=NOW,
        )

    def log(self, event: str) -> list[Entry]:
        reader = AuditReader(self.store, self.protector)
        return list(reader.entries(event=event, limit=1_000).entries)


@pytest.fixture(scope="session")
def store_tables() -> object:
    return TABLES


@pytest.fixture
def people(prepared_url: str, tmp_path: Path) -> Iterator[People]:
    opened = People.open(prepared_url, tmp_path / "keys")
    yield opened
    opened.store.close()
