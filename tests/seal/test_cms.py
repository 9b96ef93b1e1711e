"""CMS signatures: what we make, both forms of OFD and PDF, the forms of others."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from msb_identity.errors import SigningFailed
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.signatures import raw_from_der
from msb_identity.pki.sm import sm3
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.errors import CmsRefused
from tests.identity.authorities import DAY, NOW
from tests.seal import forging
from tests.seal.cms_world import (
    DOCUMENT,
    FORMS,
    KINDS,
    P256,
    ROOTS,
    SIGNERS,
    SM2,
    check,
    found,
    made,
)
from tests.seal.forging import (
    Forged,
    identifier,
    octets,
    oid,
    stamping,
    with_attributes,
)
from tests.support import element, integer

# What we make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("gm", [False, True])
def test_what_is_made_is_valid(kind: KeyKind, form: str, gm: bool) -> None:  # noqa: FBT001
    report = check(made(SIGNERS[kind], attached=FORMS[form], gm=gm))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.kind == "cms"
    assert report.signed_at == (None if FORMS[form] else NOW)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS)
def test_a_changed_document_is_named(kind: KeyKind, form: str) -> None:
    report = check(made(SIGNERS[kind], attached=FORMS[form]), original=DOCUMENT + b" ")
    assert found(report) == ("invalid", "document-digest", "changed")
    assert report.step("signature-value").outcome is Outcome.OK


def test_a_time_is_only_claimed_where_it_is_wanted() -> None:
    report = check(made(P256, claims_time=False))
    assert report.verdict is Verdict.VALID
    assert report.signed_at is None


def test_a_signature_by_another_key_is_not_packed() -> None:
    digest = cms_digest(DOCUMENT, P256.certificate)
    prepared = prepare_cms(digest=digest, certificate=P256.certificate)
    with pytest.raises(SigningFailed):
        prepared.finish(ROOTS[KeyKind.P256].key.sign(prepared.to_sign))


def test_a_digest_of_another_length_is_refused() -> None:
    with pytest.raises(CmsRefused):
        prepare_cms(digest=b"\0" * 20, certificate=P256.certificate)


@pytest.mark.parametrize("kind", KINDS)
def test_a_time_stamp_proves_the_time(kind: KeyKind) -> None:
    data = made(SIGNERS[kind], at=NOW, timestamps=stamping().source(NOW))
    report = check(data, at=NOW + 5_000 * DAY)  # all certificates have ended by then
    assert report.verdict is Verdict.VALID, report.as_text()
    assert report.signed_at == NOW
    assert report.step("timestamp").outcome is Outcome.OK


# Forms of others


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
def test_the_document_itself_may_stand_inside(kind: KeyKind) -> None:
    data = Forged(SIGNERS[kind], content=DOCUMENT).encoded()
    assert check(data).verdict is Verdict.VALID
    assert found(check(data, original=b"another"))[1:] == ("document-digest", "changed")


def test_the_document_itself_may_be_signed_detached_without_attributes() -> None:
    signed = P256.key.sign(DOCUMENT)
    data = Forged(P256, signature=signed).encoded()
    assert check(data).verdict is Verdict.VALID
    report = check(data, original=DOCUMENT + b" ")
    assert found(report) == ("invalid", "signature-value", "bad")


@pytest.mark.parametrize("spaced", [b"%s", b"%s\n", b" %s"])
def test_the_digest_inside_may_be_written_in_base64(spaced: bytes) -> None:
    content = spaced % b64encode(sm3(DOCUMENT))
    data = Forged(SM2, content=content, outer=forging.GM_SIGNED_DATA).encoded()
    assert check(data).verdict is Verdict.VALID
    assert found(check(data, original=b"x"))[1:] == ("document-digest", "changed")


@pytest.mark.parametrize("algorithm", ["1.2.156.10197.1.301.1", "1.2.156.10197.1.501"])
@pytest.mark.parametrize("content_type", [forging.DATA, forging.GM_DATA])
def test_both_names_of_sm2_and_both_content_types_are_taken(
    algorithm: str, content_type: str
) -> None:
    data = Forged(
        SM2,
        content=sm3(DOCUMENT),
        content_type=content_type,
        outer=forging.GM_SIGNED_DATA,
        signature_algorithm=identifier(algorithm),
    ).encoded()
    assert check(data).verdict is Verdict.VALID


def test_a_raw_signature_value_is_taken_with_a_warning() -> None:
    good = Forged(SM2, content=sm3(DOCUMENT))
    raw = raw_from_der(SM2.key.sign(good.to_sign()), SM2.key.public.curve)
    report = check(replace(good, signature=raw).encoded())
    assert report.verdict is Verdict.VALID
    assert report.step("signature-value").code == "odd-encoding"


def test_a_signer_may_be_named_by_the_key() -> None:
    key_id = P256.certificate.facts.subject_key_id
    assert key_id is not None
    good = with_attributes(P256, DOCUMENT, sid=element(0x80, key_id))
    assert check(good.encoded()).verdict is Verdict.VALID
    other = replace(good, sid=element(0x80, b"\0" * 20))
    assert found(check(other.encoded())) == (
        "indeterminate",
        "signer-certificate",
        "no-certificate",
    )


def test_ber_is_read() -> None:
    """Indefinite lengths around the whole and around a content that is cut into parts."""
    content = sm3(DOCUMENT)
    parts = b"\x24\x80" + octets(content[:10]) + octets(content[10:]) + b"\0\0"
    inner = element(0x30, oid(forging.GM_DATA), b"\xa0\x80" + parts + b"\0\0")
    body = element(
        0x30,
        integer(1),
        element(0x31, identifier(forging.SM3)),
        inner,
        element(0xA0, SM2.certificate.encoded),
        element(0x31, Forged(SM2, content=content).signer_info()),
    )
    data = b"\x30\x80" + oid(forging.GM_SIGNED_DATA) + b"\xa0\x80" + body + b"\0\0\0\0"
    assert check(data).verdict is Verdict.VALID


def test_signed_attributes_are_verified_as_they_were_received() -> None:
    backwards = with_attributes(P256, DOCUMENT)
    assert backwards.attributes is not None
    backwards = replace(backwards, attributes=backwards.attributes[::-1])
    assert check(backwards.encoded()).verdict is Verdict.VALID
