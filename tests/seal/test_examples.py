"""The examples on seals run as they are, and what they write is good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_pdf_is_sealed_verified_and_reported_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "sealed_pdf.py", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("VALID")
    assert b"/GM.sm2seal" in (tmp_path / "sealed.pdf").read_bytes()
    assert "核验通过" in (tmp_path / "report.html").read_text("utf-8")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
