"""The README's commands on seals work as they are written, on files that they make themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FIRST = "msb-seal picture round"


_PDF, _PDF_END = "python examples/sealed_pdf.py", "msb-wallet face"


def test_from_drawing_a_seal_to_verifying_a_sealed_document(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    start = text.index(_FIRST)
    script = text[start : text.index("msb-seal verify --trust ca/certificate.pem", start)]
    script += "msb-seal verify --trust ca/certificate.pem sealed.ofd\n"
    script += text[text.index(_PDF) : text.index(_PDF_END)]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": ":".join(folders), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^(?:\S+: )?VALID", done.stdout, re.MULTILINE)) == 4
    assert "核验通过" in (tmp_path / "verified.html").read_text("utf-8")
