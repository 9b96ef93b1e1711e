"""Issuing rows: validate, identify, sign (SM2), seal, write, against one SM2 signature each.

issue_vs_floor: rows issued per second of CPU over bare SM2 signatures per second of CPU.
Run: python benchmarks/issue.py [--quick] [--json]
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from _measure import arguments, rates, report

from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.folder import CONFIGURATION_FILE, DataFolder
from msb_wallet.licences.rows import NumberedRow

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    count = 1_000 if options.quick else 10_000
    key = generate_key(KeyKind.SM2)
    found = rates({"sm2_sign": lambda: key.sign(b"m" * 250)}, quick=options.quick)
    with tempfile.TemporaryDirectory() as name:
        folder = DataFolder(Path(name))
        demo = resources.files("msb_wallet.demo")
        folder.configuration_file.write_bytes(demo.joinpath(CONFIGURATION_FILE).read_bytes())
        issuer = folder.issuer("special-operation")
        cpu, wall = time.process_time(), time.perf_counter()
        issued = sum(
            result.issued is not None for result in issuer.issue_rows(_rows(count), now=NOW)
        )
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        assert issued == count
        size = sum(file.stat().st_size for file in folder.path.glob("store.sqlite*"))
    found |= {"issue_row": count / cpu, "issue_row_by_clock": count / wall}
    ratios = {"issue_vs_floor": found["issue_row"] / found["sm2_sign"]}
    report(found, ratios, as_json=options.json, store={"rows": count, "bytes_a_row": size // count})


def _rows(count: int) -> Iterator[NumberedRow]:
    for number in range(count):
        cells = {
            "ZZBH": f"蒙K01{number:010d}",
            "CZZT": "张三",
            "CZZTDM": "11010519491231002X",
            "ZZBFRQ": "2026-03-02",
            "ZZYXQQSRQ": "2026-03-02",
            "ZZYXQJZRQ": "2032-03-01",
            "KZ_CZLB": "建筑电工",
            "KZ_CCLZRQ": "2020-03-02",
        }
        yield NumberedRow(number + 2, cells)


if __name__ == "__main__":
    main()
