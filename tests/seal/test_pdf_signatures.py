"""What stands in /Contents and what the ByteRange leaves out, on files made by hand."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Report, Verdict
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509.trust import TrustStore
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.documents import check_document
from msb_seal.pdf import judged
from msb_seal.pdf.verify import MAX_PDF_BYTES, check_pdf
from tests.identity.authorities import DAY, NOW, trusting
from tests.seal import cms_world
from tests.seal.forging import stamping
from tests.seal.makers import PROPERTY, world
from tests.seal.pdf_files import (
    BASE,
    CATALOG,
    FORM,
    ROOT,
    Sign,
    document,
    signed,
    stamp,
    stream,
    updated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.identity.authorities import Entity

TRUST = trusting(ROOT, stamping().root)
GM_KINDS = (b"GM.sm2cms.detached", b"adbe.pkcs7.detached", b"ETSI.CAdES.detached")


def check(data: bytes, trust: TrustStore = TRUST) -> Report:
    return check_document(data, trust=trust, at=NOW)


def failures(report: Report) -> set[tuple[str, str]]:
    steps = [*report.steps, *(step for one in report.signatures for step in one.steps)]
    return {(step.id, step.code) for step in steps if step.outcome is Outcome.FAILED}


def attached(signer: Entity, data: bytes, *, gm: bool) -> bytes:
    certificate = signer.certificate
    prepared = prepare_cms(
        digest=cms_digest(data, certificate), certificate=certificate, attached=True, gm=gm
    )
    return prepared.finish(signer.key.sign(prepared.to_sign))


@pytest.mark.parametrize("kind", cms_world.KINDS)
@pytest.mark.parametrize("sub_filter", GM_KINDS)
def test_a_detached_cms_is_valid_with_every_key(kind: KeyKind, sub_filter: bytes) -> None:
    how = Sign(by=cms_world.SIGNERS[kind], sub_filter=sub_filter)
    report = check(signed(document(), how), cms_world.TRUST)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert (report.kind, [one.kind for one in report.signatures]) == ("pdf", ["cms"])


def test_the_digest_may_stand_inside_a_gm_cms_and_nowhere_else() -> None:
    how = Sign(make=lambda data: attached(cms_world.SM2, data, gm=True))
    inside, detached = (
        check(signed(document(), replace(how, sub_filter=one)), cms_world.TRUST)
        for one in GM_KINDS[:2]
    )
    assert inside.verdict is Verdict.VALID, inside.as_text()
    assert failures(detached) == {("format", "content-inside")}


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA])
def test_a_seal_may_stand_in_contents(kind: KeyKind) -> None:
    of = world(kind)

    def make(data: bytes) -> bytes:
        return of.forge_signature(of.seal(), document=data)

    data = signed(document(), Sign(sub_filter=b"GM.sm2seal", make=make))
    report = check(data, of.trust)
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.signatures[0].kind == "ses-v4"
    assert PROPERTY.startswith("/Doc_0")
    changed = check(data.replace(b"100 yuan", b"900 yuan"), of.trust)
    assert ("document-digest", "changed") in failures(changed)


@pytest.mark.parametrize(
    "kind", [b"Vendor.Own", b"adbe.x509.rsa_sha1", b"GM.sm2sealx", b"ETSI.CAdES", b"adbe.pkcs7.s5"]
)
def test_a_kind_that_nobody_knows_is_told_and_left_open(kind: bytes) -> None:
    report = check(signed(document(), Sign(sub_filter=kind)))
    assert report.verdict is Verdict.INDETERMINATE
    unknown = [step for step in report.signatures[0].steps if step.outcome is Outcome.UNKNOWN]
    assert [(step.id, step.code, step.detail) for step in unknown] == [
        ("format", "sub-filter", kind.decode())
    ]
    assert report.signatures[0].step("coverage").outcome is Outcome.OK


def test_what_a_kind_that_nobody_knows_gets_wrong_is_told_all_the_same() -> None:
    data = signed(document(), Sign(sub_filter=b"Vendor.Own"))
    report = check(data.replace(b"100 yuan", b"900 yuan"))
    assert ("document-digest", "changed") in failures(report)


def test_a_deprecated_digest_inside_is_never_valid() -> None:
    report = check(signed(document(), Sign(sub_filter=b"adbe.pkcs7.sha1")))
    assert report.verdict is not Verdict.VALID


def test_a_timestamp_of_the_signature_proves_its_time() -> None:
    report = check(signed(document(), Sign(timestamps=stamp())))
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].step("signing-time").code == "proven"


def test_a_claimed_time_outside_of_the_certificate_is_invalid() -> None:
    report = check(signed(document(), Sign(time=NOW - 4_000 * DAY)))
    assert ("signing-time", "outside-period") in failures(report)


def test_without_trust_nothing_is_proven_and_nothing_is_wrong() -> None:
    report = check(signed(document()), TrustStore())
    assert report.verdict is Verdict.INDETERMINATE
    assert not failures(report)


def test_an_unsigned_file_is_indeterminate() -> None:
    report = check(document())
    assert (report.verdict, report.step("format").code) == (Verdict.INDETERMINATE, "unsigned")


def test_an_empty_signature_is_invalid() -> None:
    report = check(signed(document(), Sign(make=lambda _: b"")))
    assert ("format", "empty-contents") in failures(report)


@pytest.mark.parametrize(("size", "step"), [(-9, "signature-value"), (99, "format")])
def test_a_cut_signature_is_invalid(size: int, step: str) -> None:
    how = Sign()
    report = check(signed(document(), replace(how, make=lambda data: how.contents(data)[:size])))
    assert step in {step for step, _ in failures(report)}


def test_two_signers_in_one_signature_are_invalid() -> None:
    from tests.seal.forging import with_attributes

    def make(data: bytes) -> bytes:
        first, other = (with_attributes(one, data) for one in (cms_world.P256, cms_world.SM2))
        return cms_world.both(first, other)

    report = check(signed(document(), Sign(make=make)), cms_world.TRUST)
    assert ("format", "several-signers") in failures(report)


@pytest.mark.parametrize("behind", [b"\0\0hidden", b"\x30\x03\x02\x01\x01", b"\0" * 99 + b"\1"])
def test_what_fills_contents_up_may_only_be_zeros(behind: bytes) -> None:
    how = Sign()
    data = signed(document(), replace(how, make=lambda data: how.contents(data) + behind))
    assert failures(check(data)) == {("format", "padding")}


def test_blanks_among_the_digits_of_the_value_are_told() -> None:
    data = signed(document())
    end = data.index(b">", data.index(b"/Contents<"))
    report = check(data[: end - 2] + b" \n" + data[end:])
    step = report.signatures[0].step("coverage")
    assert (step.outcome, step.code) == (Outcome.WARNING, "blanks")


def test_a_file_that_has_only_a_timestamp_is_signed_by_nobody() -> None:
    how = Sign(kind=b"DocTimeStamp", sub_filter=b"ETSI.RFC3161", make=stamp().stamp)
    report = check(signed(document(), how))
    assert (report.verdict, report.step("format").code) == (
        Verdict.INDETERMINATE,
        "only-timestamps",
    )
    assert report.signatures[0].verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("tail", "verdict"),
    [
        (b"\n", Verdict.VALID),
        (b"\r\n\r\n", Verdict.VALID),
        (b"% only a comment\n", Verdict.INDETERMINATE),
        (b"PK\x05\x06" + bytes(18), Verdict.INDETERMINATE),
        (b"words", Verdict.INDETERMINATE),
    ],
)
def test_behind_the_end_there_may_be_nothing_but_the_end_of_a_line(
    tail: bytes, verdict: Verdict
) -> None:
    assert check(signed(document()) + tail).verdict is verdict


@pytest.mark.parametrize("tail", [bytes(20), b" " * 20, b"\n" * 2_000])
def test_blanks_behind_the_end_are_told(tail: bytes) -> None:
    step = check(signed(document()) + tail).signatures[0].step("later-changes")
    assert (step.outcome, step.code) == (Outcome.WARNING, "blanks")


def test_a_form_that_is_no_pdf_form_is_left_open() -> None:
    form = BASE[5].replace(b"/SigFlags", b"/XFA[(a)(b)]/SigFlags")
    after = FORM.replace(b"/SigFlags", b"/XFA[(a)(b)]/SigFlags") % b"7 0 R 20 0 R"
    report = check(signed(document({5: form}), Sign(more={5: after})))
    assert (report.verdict, report.step("format").code) == (Verdict.INDETERMINATE, "xfa")


def test_scripts_that_were_there_when_it_was_signed_are_told() -> None:
    opened = b"/OpenAction<</S/JavaScript/JS(x)>>"
    report = check(signed(document({1: CATALOG % opened}), Sign(catalog=opened)))
    told = {(step.code, step.outcome) for step in report.steps if step.id == "format"}
    assert ("active-content", Outcome.WARNING) in told
    assert report.verdict is Verdict.VALID


def with_crl(value: bytes, entries: int) -> bytes:
    """Put a list of that many revocations into a CMS, as signers for long-term validity do."""
    reason = der.sequence(
        der.sequence(der.element(der.OID, b"\x55\x1d\x15"), der.octet_string(b"\n\1\1"))
    )
    time = der.element(0x17, b"260601120000Z")
    row = (der.sequence(der.integer(2**120 + n), time, reason) for n in range(entries))
    kind, signed_data = der.read_ber(value).sequence()
    parts = [part.encoded for part in signed_data.children[0].sequence()]
    parts.insert(-1, der.element(0xA1, der.sequence(*row)))
    return der.sequence(kind.encoded, der.element(0xA0, der.sequence(*parts)))


def test_a_signature_that_carries_a_large_list_of_revocations_is_read() -> None:
    how = Sign(room=2_500_000)
    made = replace(how, make=lambda data: with_crl(how.contents(data), 20_000))
    report = check(signed(document(), made))
    assert report.verdict is Verdict.VALID, report.as_text()


def test_signatures_that_are_too_much_to_read_are_left_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(judged, "MAX_VALUE_BYTES", 100)
    report = check(signed(document()))
    assert (report.verdict, report.signatures[0].step("format").code) == (
        Verdict.INDETERMINATE,
        "limit",
    )


def broken_range(change: str) -> bytes:
    """Sign over other ranges than one should, so that digest and value hold."""
    data = signed(document())
    numbers = re.search(rb"/ByteRange\[0 (\d+) +(\d+) +(\d+) +\]", data)
    assert numbers is not None
    start, after, rest = (int(one) for one in numbers.groups())
    ranges = {
        "not from the beginning": (9, start - 9, after, rest),
        "not to the end": (0, start, after, rest - 12),
        "a wider gap": (0, start - 10, after, rest),
        "a gap that is not closed": (0, start, after + 1, rest - 1),
        "only one": (0, start),
        "three": (0, 10, 10, start - 10, after, rest),
        "overlapping": (0, after + 5, after, rest),
        "beyond the end": (0, start, after, rest + 1_000),
        "negative": (0, start, after, -1),
        "in the wrong order": (after, rest, 0, start),
    }[change]
    written = " ".join(str(one) for one in ranges).encode()
    whole = numbers[0]
    data = data.replace(whole, b"/ByteRange[%s]" % written.ljust(len(whole) - 12))
    covered = b"".join(data[a : a + n] for a, n in zip(ranges[::2], ranges[1::2], strict=True))
    value = Sign().contents(covered).hex().encode()
    return data[: start + 1] + value.ljust(after - start - 2, b"0") + data[after - 1 :]


@pytest.mark.parametrize(
    "change",
    [
        *("not from the beginning", "not to the end", "a wider gap", "a gap that is not closed"),
        *("only one", "three", "overlapping", "beyond the end", "negative"),
        *("in the wrong order",),
    ],
)
def test_a_signature_is_over_two_ranges_and_all_but_itself(change: str) -> None:
    report = check(broken_range(change))
    assert report.verdict is Verdict.INVALID
    assert "coverage" in {step for step, _ in failures(report)}, report.as_text()


def test_a_signature_wrapped_into_another_file_is_invalid() -> None:
    """The signed bytes stay at the front, and a later dictionary claims them as its own."""
    data = signed(document())
    old = data[data.index(b"21 0 obj") : data.index(b"endobj", data.index(b"21 0 obj"))]
    moved = updated(data, {21: old.removeprefix(b"21 0 obj\n")})
    report = check(updated(moved, {4: stream(b"BT /F1 18 Tf (900 yuan) Tj ET")}))
    assert report.verdict is Verdict.INVALID
    assert ("coverage", "gap") in failures(report)


def test_a_signature_taken_out_of_the_form_is_still_told() -> None:
    data = updated(signed(document()), {3: BASE[3], 5: BASE[5]})
    report = check(data)
    assert report.verdict is Verdict.INVALID
    assert {("coverage", "vanished"), ("later-changes", "changed")} <= failures(report)


def test_a_file_that_forgets_all_that_was_signed_is_never_valid() -> None:
    """A new catalog without a form: what was signed is only bytes that nothing names."""
    data = updated(signed(document()), {1: b"<</Type/Catalog/Pages 2 0 R>>"})
    assert check(data).verdict is Verdict.INVALID


LIMITS: Mapping[str, tuple[bytes, str]] = {
    "encrypted": (document(trailer=b"/Encrypt 9 0 R"), "encrypted"),
    "too large": (b"%PDF-1.7\n" + bytes(MAX_PDF_BYTES), "limit"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_beyond_our_limits_is_indeterminate(name: str) -> None:
    data, code = LIMITS[name]
    report = check(data)
    assert (report.verdict, report.step("format").code) == (Verdict.INDETERMINATE, code)


def test_a_stream_that_unpacks_beyond_the_limit_is_left_open() -> None:
    import zlib

    bomb = zlib.compress(bytes(200_000_000), 9)
    objects = b"<</Type/ObjStm/N 1/First 5/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream"
    data = document({9: objects % (len(bomb), bomb)})
    rows = b"\0\0\0\x09\0" + b"\x02\0\0\x09\0"
    start = len(data)
    data += b"10 0 obj\n<</Type/XRef/W[1 3 1]/Index[0 1 1 1]/Size 100/Root 1 0 R/Prev "
    last = re.findall(rb"startxref\n(\d+)", data)[-1]
    data += b"%s/Length 10>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (
        last,
        rows,
        start,
    )
    report = check(data)
    assert (report.verdict, report.step("format").code) == (Verdict.INDETERMINATE, "limit")


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n",
        b"%PDF-1.7\nstartxref\n0\n%%EOF\n",
        b"%PDF-1.7\nxref\n0 0\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n",
        b"%PDF-1.7\nxref\n0 1\n",
        b"%PDF-1.7\n" + b"[" * 100_000 + b"\nstartxref\n9\n%%EOF\n",
        b"%PDF-1.7\nxref\n0 0\ntrailer\n<</Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n",
    ],
)
def test_a_broken_file_is_invalid_at_format(data: bytes) -> None:
    report = check_pdf(data, trust=TRUST)
    assert (report.verdict, report.step("format").code) == (Verdict.INVALID, "malformed")


def test_what_is_no_pdf_is_unknown() -> None:
    report = check_pdf(b"\x89PNG", trust=TRUST)
    assert (report.kind, report.verdict) == ("unknown", Verdict.INDETERMINATE)
