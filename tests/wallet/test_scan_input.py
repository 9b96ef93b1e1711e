"""Anything at all under the scanner: a report, never an exception, never `valid`."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from msb_wallet.codes.payload import CodeKind as Kind
from msb_wallet.codes.payload import encode_base45, write_code
from msb_wallet.codes.qr import MAX_PICTURE_BYTES, draw_png, draw_svg
from msb_wallet.credentials.compact import HOLDER_KEYS
from tests.wallet.conftest import NOW, assert_step, assert_valid
from tests.wallet.craft import ALPHABET, unwrap, wrap

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import KeyKind
    from msb_wallet.scan.verifier import Verifier
    from tests.wallet.conftest import World

# Nothing is changed by these texts, so one world for all examples is enough.
SHARED = [HealthCheck.function_scoped_fixture]
PREFIXES = st.sampled_from(["MSB0:", "MSB1:", "MSB2:"])


Counters = tuple["Verifier", "Verifier"]


@pytest.fixture
def counters(world: World) -> Counters:
    """One offline and one online."""
    return world.verifier(), world.verifier(online=True)


def check(counters: Counters, text: str) -> Report:
    """Scan offline and online; give the report of the first."""
    reports = [counter.scan(text, now=NOW) for counter in counters]
    for report in reports:
        assert report.verdict != "valid"
        assert report.decisive_step is not None
        assert report.as_json()["verdict"] == report.verdict
        assert not report.disclosed
        report.as_text().encode()
        report.as_html().encode()
    return reports[0]


@settings(max_examples=400, suppress_health_check=SHARED)
@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text(counters: Counters, text: str) -> None:
    report = check(counters, text)
    if not text.strip().startswith("MSB"):
        assert_step(report, "indeterminate", "format", "not-ours")
        assert report.kind == "unknown"


@settings(max_examples=400, suppress_health_check=SHARED)
@given(PREFIXES, st.text(ALPHABET, max_size=600))
def test_any_text_of_our_alphabet(counters: Counters, prefix: str, text: str) -> None:
    report = check(counters, prefix + text)
    assert report.kind == "licence-code"
    if prefix != "MSB0:":
        assert_step(report, "invalid", "format", "malformed")


@settings(max_examples=200, suppress_health_check=SHARED)
@given(PREFIXES, st.text(st.characters(exclude_categories=()), max_size=300))
def test_any_text_under_our_prefixes(counters: Counters, prefix: str, text: str) -> None:
    check(counters, prefix + text)


@settings(max_examples=200, suppress_health_check=SHARED)
@given(st.sampled_from(["MSB1", "MSB2"]), st.binary(max_size=600))
def test_any_bytes_well_packed(counters: Counters, prefix: str, data: bytes) -> None:
    assert_step(check(counters, wrap(prefix, data)), "invalid", "format", "malformed")


@settings(max_examples=50, suppress_health_check=SHARED)
@given(st.binary(min_size=16, max_size=16))
def test_any_secret(counters: Counters, secret: bytes) -> None:
    check(counters, write_code(Kind.ONLINE, secret))


@pytest.mark.parametrize(
    ("text", "verdict", "code"),
    {
        "nothing": ("", "indeterminate", "not-ours"),
        "white space": (" \r\n\t ", "indeterminate", "not-ours"),
        "NULs": ("\0" * 100, "indeterminate", "not-ours"),
        "a NUL in ours": ("MSB1:A\0B", "invalid", "malformed"),
        "surrogates": ("\ud800\udfff", "indeterminate", "not-ours"),
        "surrogates in ours": ("MSB2:\ud800", "invalid", "malformed"),
        "10 MB": ("x" * 10_000_000, "indeterminate", "not-ours"),
        "10 MB of ours": ("MSB1:" + "0" * 10_000_000, "invalid", "malformed"),
        "10 MB of spaces around": (" " * 10_000_000 + "MSB1:0", "invalid", "malformed"),
        "lower case": ("msb1:BB8", "indeterminate", "not-ours"),
        "only a prefix": ("MSB1:", "invalid", "malformed"),
        "only a one-use prefix": ("MSB0:", "invalid", "malformed"),
        "a later kind": ("MSB3:BB8", "indeterminate", "unsupported"),
        "the last later kind": ("MSB9:", "indeterminate", "unsupported"),
        "an address": ("https://licence.example/MSB1:BB8", "indeterminate", "not-ours"),
        "a token": ("eyJhbGciOiJub25lIn0.e30.", "indeterminate", "not-ours"),
        "terminal control": ("\x1b]0;x\x07", "indeterminate", "not-ours"),
        "HTML": ("<script>alert(1)</script>", "indeterminate", "not-ours"),
    }.values(),
    ids=lambda value: value[:8].encode("ascii", "replace").decode() or "empty",
)
def test_texts_of_every_kind(counters: Counters, text: str, verdict: str, code: str) -> None:
    report = check(counters, text)
    assert_step(report, verdict, "format", code)
    assert "<script>" not in report.as_html()
    assert "\x1b" not in report.as_text()


@pytest.mark.parametrize("around", ["{}\n", "\r\n{}\r\n", "\t{} ", "  {}"])
def test_white_space_around_a_code_is_no_fault(world: World, around: str) -> None:
    for text in (world.printed(), world.offline()):
        assert_valid(world.verifier().scan(around.format(text), now=NOW))


def test_deeply_nested_cbor_is_malformed(counters: Counters) -> None:
    for data in (b"\x81" * 60_000 + b"\0", b"\xd2" * 60_000, b"\xa1\0" * 30_000):
        for prefix in ("MSB1", "MSB2"):
            text = wrap(prefix, data)
            assert_step(check(counters, text), "invalid", "format", "malformed")


def test_cbor_that_claims_to_be_huge_is_malformed(counters: Counters) -> None:
    for head in (b"\x5b", b"\x9b", b"\xbb", b"\x7b"):
        for prefix in ("MSB1", "MSB2"):
            text = wrap(prefix, head + b"\x7f" + b"\xff" * 7)
            assert_step(check(counters, text), "invalid", "format", "malformed")


# Pictures.


def saved(image: Image.Image, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def side_by_side(*pictures: bytes) -> bytes:
    images = [Image.open(io.BytesIO(picture)).convert("L") for picture in pictures]
    sheet = Image.new("L", (sum(i.width for i in images), max(i.height for i in images)), "white")
    at = 0
    for image in images:
        sheet.paste(image, (at, 0))
        at += image.width
    return saved(sheet)


@pytest.mark.parametrize("issuer", HOLDER_KEYS)
def test_a_picture_is_as_good_as_its_text(world: World, tmp_path: Path, issuer: KeyKind) -> None:
    online = world.verifier(online=True)
    for text in (world.online(issuer), world.printed(issuer), world.offline(issuer)):
        assert_valid(online.scan(draw_png(text), now=NOW))
    path = tmp_path / "code.png"
    for text in (world.online(issuer), world.offline(issuer)):
        path.write_bytes(draw_png(text))
        assert_valid(online.scan(path, now=NOW))
        assert_step(online.scan(path, now=NOW), "invalid", "replay", "used")


def test_two_codes_in_one_picture_are_refused_and_not_used_up(world: World) -> None:
    online, offline = world.online(), world.offline()
    one, other = draw_png(online), draw_png(offline)
    verifier = world.verifier(online=True)
    for picture in (side_by_side(one, other), side_by_side(one, one), side_by_side(other, other)):
        report = verifier.scan(picture, now=NOW)
        assert_step(report, "indeterminate", "format", "several-codes")
        assert report.kind == "unknown"
    assert_valid(verifier.scan(one, now=NOW))
    assert_valid(verifier.scan(other, now=NOW))


def test_our_code_beside_a_strangers_is_refused(world: World) -> None:
    picture = side_by_side(draw_png(world.printed()), draw_png("https://example.com/"))
    report = world.verifier().scan(picture, now=NOW)
    assert_step(report, "indeterminate", "format", "several-codes")


def test_a_strangers_code_is_not_ours(world: World) -> None:
    for text in ("https://example.com/", "微信支付", "msb1:bb8", " MSB1"):
        report = world.verifier().scan(draw_png(text), now=NOW)
        assert_step(report, "indeterminate", "format", "not-ours")


@pytest.mark.parametrize(
    ("picture", "code"),
    {
        "10 MB": (draw_png("MSB1:") + bytes(10_000_000), "picture-too-large"),
        "random": (random.Random(3).randbytes(100_000), "picture-unreadable"),
        "nothing": (b"", "picture-unreadable"),
        "SVG": (draw_svg("MSB1:BB8"), "picture-unreadable"),
        "text": (b"MSB1:BB8", "picture-unreadable"),
        "cut PNG": (draw_png("MSB1:BB8" * 20)[:200], "picture-unreadable"),
        "blank": (saved(Image.new("L", (640, 480), "white")), "no-code"),
    }.values(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_that_is_no_code_is_indeterminate(
    world: World, tmp_path: Path, picture: bytes, code: str
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(picture)
    for form in (picture, path):
        report = world.verifier().scan(form, now=NOW)
        assert_step(report, "indeterminate", "format", code)
        assert report.kind == "unknown"


def test_no_more_of_a_file_is_read_than_a_picture_may_have(world: World, tmp_path: Path) -> None:
    path = tmp_path / "endless"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    report = world.verifier().scan(path, now=NOW)
    assert_step(report, "indeterminate", "format", "picture-too-large")
    assert path.stat().st_size > MAX_PICTURE_BYTES


def test_a_file_that_cannot_be_had_is_the_callers_problem(world: World, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        world.verifier().scan(tmp_path / "nothing.png", now=NOW)
    with pytest.raises(IsADirectoryError):
        world.verifier().scan(tmp_path, now=NOW)


def test_a_time_without_a_zone_is_the_callers_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="time zone"):
        world.verifier().scan(world.printed(), now=NOW.replace(tzinfo=None))


def test_a_qr_code_with_bytes_that_are_no_text_is_not_ours(world: World) -> None:
    picture = draw_png(unwrap(world.printed()).decode("latin-1"))
    assert world.verifier().scan(picture, now=NOW).verdict == "indeterminate"


def test_base45_of_a_credential_that_was_not_packed_is_malformed(
    world: World, counters: Counters
) -> None:
    text = "MSB1:" + encode_base45(unwrap(world.printed()))
    assert_step(check(counters, text), "invalid", "format", "malformed")
