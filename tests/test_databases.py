"""The throwaway cluster that tests run on: what becomes of it when whoever made it is killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from tests.databases import can_make_clusters, plain, scripts_postgres
from tests.support import missing

PATIENCE_S = 30.0


def test_a_cluster_ends_with_the_process_that_asked_for_it() -> None:
    if not can_make_clusters():
        missing("postgres", "PostgreSQL 15 or later is not installed")
    folder = Path(tempfile.mkdtemp(prefix="msb-pg-"))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        url = plain(scripts_postgres("start", folder, str(owner.pid)).strip())
        try:
            psycopg.connect(url).close()
            owner.kill()
            owner.wait()
            until = time.monotonic() + PATIENCE_S
            while folder.exists() and time.monotonic() < until:
                time.sleep(0.1)
            assert not folder.exists()
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
        finally:
            scripts_postgres("remove", folder)
