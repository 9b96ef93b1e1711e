"""An OFD of two pages to try seals on / 试盖章用的两页 OFD: python examples/document.py FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from msb_seal import OfdBuilder
from msb_seal.drawing.fontfile import PreparedFont


def main(name: str) -> None:
    """Write it; 盖章 stands where a seal may go by keyword."""
    builder = OfdBuilder({"song": PreparedFont.load("song")}, title="通知")
    builder.page().text("关于举办培训的通知", x_mm=70, y_mm=40, size_mm=7)
    last = builder.page()
    last.text("呼和浩特市教育局（盖章）", x_mm=110, y_mm=200, size_mm=5)
    Path(name).write_bytes(builder.to_bytes())


if __name__ == "__main__":
    main(sys.argv[1])
