"""The example that seals on a dask cluster, run as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from msb_identity.foundation.report import Verdict
from msb_seal.documents import check_document
from tests.seal.batch_world import write_signer
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_a_dask_cluster_seals_a_folder(tmp_path: Path) -> None:
    trust = write_signer(tmp_path)
    example = ROOT / "examples" / "dask_batch.py"
    words = [sys.executable, str(example), "in", "out", "seal.esl", "key.pem", "cert.pem"]
    ran = subprocess.run(
        words,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    assert b"2 of 2 sealed" in ran.stdout
    for name in ("a.pdf", "sub/b.ofd"):
        report = check_document((tmp_path / "out" / name).read_bytes(), trust=trust)
        assert report.verdict is Verdict.VALID
