"""The README's commands on an identity store work as they are written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FIRST, _END = "msb-identity store init", "```"


def test_from_an_empty_folder_to_a_store_with_people_and_a_portal(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    start = text.index(_FIRST)
    script = text[start : text.index(_END, start)]
    folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
    more = {"PYTHONPATH": str(ROOT), "MSB_STORE": "sqlite:///id.sqlite"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": ":".join(folders), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {key["alg"] for key in json.loads((tmp_path / "jwks.json").read_bytes())["keys"]} == {
        "SGD_SM3_SM2",
        "ES256",
    }
    assert (tmp_path / "portal.secret").stat().st_mode & 0o777 == 0o600
    assert "11010519491231002X" not in done.stdout + done.stderr
