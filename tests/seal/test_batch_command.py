"""The command `batch`: a folder or a CSV to a folder of sealed files, killed in the middle too."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Verdict
from msb_seal.cli import main
from msb_seal.documents import check_document
from tests.seal.batch_world import write_signer
from tests.seal.pdf_documents import plain

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.x509 import TrustStore

WITH = ("--seal", "seal.esl", "--key", "key.pem", "--cert", "cert.pem", "--place", "page=1,x=9,y=9")


@pytest.fixture
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrustStore:
    """Files of a signer whose seal is good by the machine's clock, and whom to trust."""
    monkeypatch.chdir(tmp_path)
    return write_signer(tmp_path)


def rows_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_sealed_and_told_of(
    trust: TrustStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in" / "bad.pdf").write_bytes(b"%PDF-1.7 no")
    (tmp_path / "in" / "note.txt").write_bytes(b"x")
    assert main(["batch", "in", "-o", "out", *WITH, "--reason", "年审"]) == 1
    assert "sealed 2, 未盖章 failed 1, 跳过 skipped 1" in capsys.readouterr().out.replace(
        "此前已完成 done before 0, ", ""
    ).replace(", 此前已完成 done before 0", "")
    rows = {row["file"]: row for row in rows_in(tmp_path / "out")}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "a.pdf": "sealed",
        "sub/b.ofd": "sealed",
        "bad.pdf": "failed",
        "note.txt": "skipped",
    }
    for name in ("a.pdf", "sub/b.ofd"):
        data = (tmp_path / "out" / name).read_bytes()
        assert check_document(data, trust=trust).verdict is Verdict.VALID
        assert rows[name]["sha256"] == sha256(data).hexdigest()
    assert "年审".encode("utf-16-be").hex().encode() in (tmp_path / "out/a.pdf").read_bytes()


def test_a_csv_is_sealed_and_names_that_are_taken_are_told(
    trust: TrustStore, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text("file,output\nin/a.pdf,1.pdf\nin/sub/b.ofd,1.pdf\n")
    assert main(["batch", "list.csv", "-o", "out", *WITH]) == 1
    assert [row["code"] for row in rows_in(tmp_path / "out")] == ["ok", "duplicate"]
    data = (tmp_path / "out" / "1.pdf").read_bytes()
    assert check_document(data, trust=trust).kind == "pdf"


@pytest.mark.usefixtures("trust")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("in", "-o", "in", *WITH), "the output cannot be the input folder"),
        (("none", "-o", "out", *WITH), "there is no none"),
        (("in", "-o", "used", *WITH), "not empty"),
        (("in", "-o", "out", *WITH[2:]), "name a seal"),
        (("in", "-o", "out", *WITH, "--jobs", "2", "--key", "-"), "name files and not -"),
        (("cert.pem", "-o", "out", *WITH), "the heading has file"),
    ],
)
def test_a_batch_called_wrongly_seals_nothing(
    words: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("x")
    assert main(["batch", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*.pdf"))


@pytest.mark.usefixtures("trust")
def test_the_folder_of_another_batch_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", "in", "-o", "out", *WITH]) == 0, rows_in(tmp_path / "out")
    written = (tmp_path / "out" / "results.csv").read_bytes()
    elsewhere = (*WITH[:-1], "page=1,x=50,y=50")
    assert main(["batch", "in", "-o", "out", *elsewhere]) == 2
    assert "another batch" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.csv").read_bytes() == written


def test_a_killed_batch_is_run_again_and_nothing_is_missing(
    trust: TrustStore, tmp_path: Path
) -> None:
    for number in range(300):
        (tmp_path / "in" / f"{number}.pdf").write_bytes(plain())
    words = [sys.executable, "-m", "msb_seal", "batch", "in", "-o", "out", *WITH, "--jobs", "2"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/*.pdf"))) < 50:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert len(list(tmp_path.glob("out/*.pdf"))) < 300
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/*.pdf")}
    assert main(["batch", "in", "-o", "out", *WITH]) == 0
    rows = rows_in(tmp_path / "out")
    assert len({row["file"] for row in rows}) == len(rows) == 302
    assert {row["outcome"] for row in rows} == {"sealed"}
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/**/*.pdf")}
    assert len(after) == 301
    # A worker may have ended what it had begun just after its parent was gone.
    assert sum(after[path] != time_ for path, time_ in before.items()) == 0
    assert not list((tmp_path / "out" / ".msb-batch" / "parts").iterdir())
    for row in rows[::100]:
        data = (tmp_path / "out" / row["output"]).read_bytes()
        assert row["sha256"] == sha256(data).hexdigest()
        assert check_document(data, trust=trust).verdict is Verdict.VALID
