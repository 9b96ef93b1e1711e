"""A fresh data folder, and the commands of msb-wallet run in it."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.cli import main as identity
from msb_wallet.cli import main
from tests.wallet.conftest import CODES, ISSUERS, NUMBER, TYPE

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
SM2_CODE, P256_CODE = CODES.values()
HEADING = (
    "证照编号,持证主体,持证主体代码,证照颁发日期,证照有效期起始日期,证照有效期截止日期,"
    "操作类别,初次领证日期,备注"
)
STEPS = [
    "format",
    "trust-list",
    "issuer",
    "authority",
    "signature-value",
    "validity",
    "holder-proof",
    "audience",
    "replay",
    "status",
]


def csv_row(number: str, holder: str = NUMBER, category: str = "建筑电工") -> str:
    # Commands take the time from the clock: a licence of these days.
    today = datetime.now(UTC).date() - timedelta(days=3)
    first, last = today.isoformat(), (today + timedelta(days=700)).isoformat()
    return f"{number},张三,{holder},{first},{first},{last},{category},2020-03-02,"


@dataclass
class Ran:
    """What a command did."""

    status: int
    out: str
    err: str


@dataclass
class Office:
    """A fresh folder, and the commands run in it."""

    path: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def store(self) -> str:
        return f"sqlite:///{self.data / 'store.sqlite'}"

    def run(self, *arguments: str | Path, stdin: bytes | None = None) -> Ran:
        if stdin is not None:
            self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        status = main(["--data", str(self.data), *map(str, arguments)])
        out, err = self.capsys.readouterr()
        return Ran(status, out, err)

    def good(self, *arguments: str | Path, stdin: bytes | None = None) -> str:
        """Run what must succeed."""
        ran = self.run(*arguments, stdin=stdin)
        assert ran.status == 0, ran
        return ran.out

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def open(self, rows: int = 1) -> list[str]:
        """Set up issuers and issue licences; their identifiers."""
        self.good("trust", "make", "--issuers", self.file("issuers.toml", ISSUERS))
        content = "\n".join([HEADING, *(csv_row(f"蒙K{n}") for n in range(rows))])
        out = self.good("issue", "-", "--type", TYPE, "--issuer", SM2_CODE, stdin=content.encode())
        self.good("status", "publish")
        return re.findall(r"1\.2\.156\.3005\.2\.\S+", out)

    def device(self, kind: str = "P-256") -> Path:
        path = self.path / f"device-{kind}.jwk"
        assert identity(["key", "new", "--kind", kind, "--out", str(path)]) == 0
        return path

    def scan_json(self, *arguments: str | Path, stdin: bytes | None = None) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = json.loads(
            self.run("scan", "--json", *arguments, stdin=stdin).out
        )
        return result


def codes_in(text: str) -> list[str]:
    return re.findall(r"MSB[0-9]:", text)
