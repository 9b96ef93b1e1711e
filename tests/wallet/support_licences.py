"""One issuing desk, small: a store, a protector, a key, and rows for it to issue."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.keyfiles import ensure_signing_key
from msb_identity.foundation import protect
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.keys import KeyKind
from msb_wallet.errors import LicenceRefused
from msb_wallet.licences import store as tables
from msb_wallet.licences.issue import Issuer
from msb_wallet.licences.model import Authority
from msb_wallet.licences.rows import read_rows
from msb_wallet.licences.types import builtin_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from msb_identity.pki.keys import SigningKey
    from msb_wallet.errors import Fault
    from msb_wallet.licences.issue import RowResult
    from msb_wallet.licences.types import LicenceType

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
NAME, NUMBER = "张三", "11010519491231002X"
NAME_2, NUMBER_2 = "李四", "440524188001010014"
TYPE = builtin_type("special-operation")
AUTHORITY = Authority("11150600MB0000000B", "鄂尔多斯市住房和城乡建设局", "地市级", "150600")
PREFIX = "https://licence.example/s/1506/"
CODES = ("ZZBH", "CZZT", "CZZTDM", "ZZBFRQ", "ZZYXQQSRQ", "ZZYXQJZRQ", "KZ_CZLB", "KZ_CCLZRQ")
HEADING = (
    "证照编号,持证主体,持证主体代码,证照颁发日期,证照有效期起始日期,证照有效期截止日期,"
    "操作类别,初次领证日期"
)
TYPE_FILE = """
code = "11100000000013338W032"
name = "测试证"
name_en = "Test licence"
holder_code_type = "111"
max_validity_days = 400

[[fields]]
key = "KZ_A"
name = "甲"
name_en = "A"
kind = "text"
required = false
in_code = true
max_length = 250

[[fields]]
key = "KZ_B"
name = "乙"
name_en = "B"
kind = "choice"
required = false
in_code = false
choices = ["是", "否"]
"""


def good_row(number: str = "蒙K012026000001", **changes: str) -> dict[str, str]:
    """A row that becomes a licence."""
    return {
        "ZZBH": number,
        "CZZT": NAME,
        "CZZTDM": NUMBER,
        "ZZBFRQ": "2026-03-02",
        "ZZYXQQSRQ": "2026-03-02",
        "ZZYXQJZRQ": "2032-03-01",
        "KZ_CZLB": "建筑电工",
        "KZ_CCLZRQ": "2020-03-02",
        **changes,
    }


def csv_line(number: int) -> str:
    """A line under HEADING."""
    return ",".join(good_row(f"蒙K01{number:09d}").values())


def csv_text(count: int) -> str:
    """A file of that many good rows."""
    return "\n".join([HEADING, *map(csv_line, range(count))]) + "\n"


@dataclass
class Desk:
    """An issuer of the built-in type, with a P-256 key."""

    folder: Path
    store: Store
    protector: Protector
    key: SigningKey
    issuer: Issuer

    @classmethod
    def open(cls, folder: Path, type_: LicenceType = TYPE) -> Desk:
        """Open, or make at first, what lies in the folder; other processes may do the same."""
        url = f"sqlite:///{folder / 'store.sqlite'}"
        store = Store.open(url, protect.metadata, tables.metadata)
        protector = Protector.from_folder(store, folder / "keys")
        key = ensure_signing_key(folder / "keys" / "issuer.jwk", KeyKind.P256)
        issuer = Issuer(
            store, protector, type_=type_, authority=AUTHORITY, key=key, status_prefix=PREFIX
        )
        return cls(folder, store, protector, key, issuer)

    def issue_csv(self, text: str) -> list[RowResult]:
        """Issue the rows of a CSV file."""
        return list(self.issue_csv_lazily(text))

    def issue_csv_lazily(self, text: str) -> Iterator[RowResult]:
        """Issue them one by one."""
        rows = read_rows(io.BytesIO(text.encode()), self.issuer.type)
        return self.issuer.issue_rows(rows, now=NOW)

    def bytes_on_disk(self) -> bytes:
        """All of the database: its file, its log of writes, its index."""
        return b"".join(path.read_bytes() for path in sorted(self.folder.glob("store.sqlite*")))


def refused_faults(call: Callable[[], object]) -> tuple[Fault, ...]:
    """The faults that the call is refused for."""
    with pytest.raises(LicenceRefused) as caught:
        call()
    assert caught.value.faults
    return caught.value.faults


def named(faults: Iterable[Fault]) -> set[tuple[str, str]]:
    """Columns and codes of faults."""
    return {(fault.column, fault.code) for fault in faults}
