"""The command scan: its JSON, its exit status, whatever the file."""

from __future__ import annotations

import json

import pytest

from tests.wallet.office import STEPS, Office


def test_the_json_of_a_scan(office: Office) -> None:
    [identifier] = office.open()
    good = office.file("good.txt", office.good("show", identifier, "--printed"))
    bad = office.file("bad.txt", "MSB1:BB8")
    none = office.file("none.txt", "hello")
    ran = office.run("scan", "--json", good, bad, none)
    assert ran.status == 1
    objects = json.loads(ran.out)
    assert [item["file"] for item in objects] == [str(good), str(bad), str(none)]
    assert [item["kind"] for item in objects] == ["licence-code", "licence-code", "unknown"]
    assert [item["verdict"] for item in objects] == ["valid", "invalid", "indeterminate"]
    assert [item["signatures"] for item in objects] == [[], [], []]
    for item in objects:
        assert set(item) <= {"file", "kind", "verdict", "steps", "signatures", "disclosed"}
        for step in item["steps"]:
            assert list(step) == ["id", "outcome", "code", "detail", "zh", "en"]
            assert step["outcome"] in ("ok", "failed", "warning", "unknown", "skipped")
            assert step["zh"]
            assert step["en"]
    assert [step["id"] for step in objects[0]["steps"]] == STEPS
    assert objects[0]["disclosed"]["identifier"] == identifier
    assert objects[0]["disclosed"]["CZZT"] == "张*"
    assert "at" not in objects[0]


def test_exit_statuses_of_several_files(office: Office) -> None:
    [identifier] = office.open()
    good = office.file("good.txt", office.good("show", identifier, "--printed"))
    bad, none = office.file("bad.txt", "MSB1:BB8"), office.file("none.txt", "hello")
    missing = office.path / "missing.txt"
    assert office.run("scan", good, good).status == 0
    assert office.run("scan", good, none).status == 3
    assert office.run("scan", none, bad, good).status == 1
    assert office.run("scan", good, missing).status == 2
    assert office.run("scan", bad, missing, none).status == 2


def test_a_missing_file_does_not_hide_what_the_others_are(office: Office) -> None:
    """Their codes may be used up by this very call."""
    [identifier] = office.open()
    code = office.file("code.txt", office.good("show", identifier))
    missing = office.path / "missing.txt"
    for order in ((code, missing), (missing, code)):
        ran = office.run("scan", "--json", "--store", office.store, *order)
        assert ran.status == 2
        assert "missing.txt" in ran.err
        assert [item["file"] for item in json.loads(ran.out)] == [str(code)]
    assert json.loads(office.run("scan", "--json", missing).out) == []


def test_a_text_file_as_editors_write_it(office: Office) -> None:
    [identifier] = office.open()
    text = office.good("show", identifier, "--printed").strip()
    for content in (text, text + "\n", text + "\r\n", "\ufeff" + text + "\r\n", "\n\n" + text):
        assert office.run("scan", office.file("code.txt", content)).status == 0
    assert office.run("scan", office.file("code.txt", text.encode("utf-16"))).status == 0
    for data in (text.lower().encode(), f"{text}\n{text}\n".encode()):
        assert office.run("scan", office.file("code.txt", data)).status in (1, 3)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 3),
        (b"\0" * 1_000, 3),
        (b"\xff" * 20_000, 3),
        (b"\x89PNG\r\n\x1a\n", 3),
        (b"\xff\xd8\xff", 3),
        (b"MSB1:" + b"0" * 5_000, 1),
        (b"MSB2:\xff\xfe", 1),
        (b"MSB3:ABC", 3),
        (bytes(9_000_000), 3),
    ],
    ids=["empty", "NULs", "bytes", "PNG", "JPEG", "long", "not UTF-8", "later", "9 MB"],
)
def test_any_file_has_a_verdict(office: Office, content: bytes, status: int) -> None:
    office.open()
    assert office.run("scan", office.file("file", content)).status == status
    assert office.run("scan", "-", stdin=content).status == status


def test_options_of_a_scan(office: Office) -> None:
    [identifier] = office.open()
    device = office.device()
    printed = office.file("printed.txt", office.good("show", identifier, "--printed"))
    assert office.run("scan", "--require-holder", printed).status == 3
    assert office.run("scan", "--audience", "窗口 3", printed).status == 3
    shown = office.good("show", identifier, "--offline", device, "--audience", "窗口 3").encode()
    assert office.run("scan", "-", stdin=shown).status == 1
    assert office.run("scan", "--audience", "窗口 4", "-", stdin=shown).status == 1
    assert office.run("scan", "--audience", "窗口 3", "-", stdin=shown).status == 0
    other = office.path / "state" / "other.sqlite"
    again = ("scan", "--audience", "窗口 3", "--state", other, "-")
    assert office.run(*again, stdin=shown).status == 0
    assert office.run(*again, stdin=shown).status == 1
    assert office.run("scan", "--status-max-age", "600", printed).status == 0
    elsewhere = office.path / "counter"
    (office.data / "trust").rename(elsewhere)
    assert office.run("scan", printed).status == 2
    assert office.run("scan", "--trust", elsewhere, printed).status == 0


def test_a_time_of_the_callers_own_is_printed_as_such(office: Office) -> None:
    [identifier] = office.open()
    printed = office.file("printed.txt", office.good("show", identifier, "--printed"))
    late = "2099-01-31T08:00:00+08:00"
    ran = office.run("scan", "--at", late, printed)
    assert ran.status == 1
    assert "2099-01-31T00:00:00+00:00" in ran.out
    assert "expired" in ran.out
    [item] = office.scan_json("--at", late, printed)
    assert item["at"] == "2099-01-31T00:00:00+00:00"
    for edge in ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00"):
        assert office.run("scan", "--at", edge, printed).status == 1
