# ruff: noqa: ANN401, S324 - changes may be any argument; weak digests are to be found weak
"""CMS signatures: both forms of OFD and PDF, every kind of key, and what must not pass."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1

from msb_identity.errors import SigningFailed
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.signatures import raw_from_der
from msb_identity.pki.sm import sm3
from msb_identity.x509.crl import Revoked
from msb_seal.cms.making import cms_digest, prepare_cms
from msb_seal.cms.structure import MAX_SIGNERS, parse_cms
from msb_seal.cms.verify import MAX_JUDGED_SIGNERS, MAX_TIMESTAMPS, check_cms
from msb_seal.errors import CmsRefused
from msb_seal.timestamp import check_timestamp
from tests.identity.authorities import DAY, NOW, Entity, authority, crl_point, trusting
from tests.seal import forging
from tests.seal.forging import (
    SIGNS,
    Forged,
    attribute,
    ess_v2,
    identifier,
    octets,
    oid,
    stamping,
    with_attributes,
)
from tests.support import element, integer

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509 import TrustStore

DOCUMENT = b"<ofd:Signature>what was signed</ofd:Signature>"
KINDS = (KeyKind.SM2, KeyKind.P256, KeyKind.RSA, KeyKind.ED25519)
FORMS = {"detached": False, "attached digest": True}
ROOTS = {kind: authority(f"cms root {kind}", kind=kind) for kind in KINDS}
SIGNERS = {
    kind: root.issue(f"cms signer {kind}", kind=kind, usage=SIGNS) for kind, root in ROOTS.items()
}
TRUST = trusting(*ROOTS.values(), stamping().root)
SM2, P256 = SIGNERS[KeyKind.SM2], SIGNERS[KeyKind.P256]


def check(data: bytes, **changes: Any) -> Report:
    return check_cms(data, **{"original": DOCUMENT, "trust": TRUST, "at": NOW, **changes})


def made(signer: Entity, *, at: datetime = NOW, timestamps: Any = None, **changes: Any) -> bytes:
    certificate = signer.certificate
    digest = cms_digest(changes.pop("document", DOCUMENT), certificate)
    prepared = prepare_cms(digest=digest, certificate=certificate, now=at, **changes)
    return prepared.finish(signer.key.sign(prepared.to_sign), timestamps=timestamps)


def found(report: Report) -> tuple[str, str, str]:
    step = report.decisive_step
    assert step is not None
    return str(report.verdict), step.id, step.code


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


# What must not pass


def test_signed_attributes_under_their_own_tag_are_not_what_is_signed() -> None:
    good = with_attributes(P256, DOCUMENT)
    signature = P256.key.sign(element(0xA0, *(good.attributes or ())))
    report = check(replace(good, signature=signature).encoded())
    assert found(report) == ("invalid", "signature-value", "bad")


TYPE = attribute(forging.CONTENT_TYPE, oid(forging.DATA))
DIGEST = attribute(forging.MESSAGE_DIGEST, octets(hashlib.sha256(DOCUMENT).digest()))
OTHER_DIGEST = attribute(forging.MESSAGE_DIGEST, octets(hashlib.sha256(b"x").digest()))
VALUES = octets(hashlib.sha256(DOCUMENT).digest()), octets(hashlib.sha256(b"x").digest())
WRONG_ATTRIBUTES = {
    "no content type": ([DIGEST], "signature-value", "missing-attribute"),
    "no digest": ([TYPE], "signature-value", "missing-attribute"),
    "another content type": (
        [attribute(forging.CONTENT_TYPE, oid(forging.TST_INFO)), DIGEST],
        "signature-value",
        "content-type",
    ),
    "a content type that is none": (
        [attribute(forging.CONTENT_TYPE, integer(1)), DIGEST],
        "signature-value",
        "malformed-attribute",
    ),
    "a digest that is none": (
        [TYPE, attribute(forging.MESSAGE_DIGEST, integer(1))],
        "document-digest",
        "changed",
    ),
    "the digest of another document": ([TYPE, OTHER_DIGEST], "document-digest", "changed"),
    "the digest cut short": (
        [TYPE, attribute(forging.MESSAGE_DIGEST, octets(hashlib.sha256(DOCUMENT).digest()[:31]))],
        "document-digest",
        "changed",
    ),
    "an empty digest": (
        [TYPE, attribute(forging.MESSAGE_DIGEST, octets(b""))],
        "document-digest",
        "changed",
    ),
    "two digests": ([TYPE, DIGEST, OTHER_DIGEST], "format", "malformed"),
    "the same digest twice": ([TYPE, DIGEST, DIGEST], "format", "malformed"),
    "a digest of two values": (
        [TYPE, attribute(forging.MESSAGE_DIGEST, *VALUES)],
        "format",
        "malformed",
    ),
    "a digest of no value": ([TYPE, attribute(forging.MESSAGE_DIGEST)], "format", "malformed"),
    "a content type of two values": (
        [attribute(forging.CONTENT_TYPE, oid(forging.DATA), oid(forging.DATA)), DIGEST],
        "format",
        "malformed",
    ),
    "no attributes at all": ([], "format", "malformed"),
    "a time of two values": (
        [TYPE, DIGEST, attribute(forging.SIGNING_TIME, *[element(0x17, b"260601040000Z")] * 2)],
        "format",
        "malformed",
    ),
    "a time that is none": (
        [TYPE, DIGEST, attribute(forging.SIGNING_TIME, element(0x17, b"yesterday"))],
        "format",
        "malformed",
    ),
    "an attribute without values": (
        [TYPE, DIGEST, element(0x30, oid("1.2.3"))],
        "format",
        "malformed",
    ),
    "another certificate": (
        [TYPE, DIGEST, ess_v2(SM2.certificate.encoded)],
        "signer-certificate",
        "signing-other-certificate",
    ),
    "other algorithms": (
        [
            TYPE,
            DIGEST,
            attribute(
                forging.ALGORITHM_PROTECTION,
                element(
                    0x30,
                    identifier(forging.SHA256),
                    element(0xA1, oid("1.2.840.10045.4.3.3")),
                ),
            ),
        ],
        "signature-value",
        "algorithm-protection",
    ),
    "no signature algorithm among them": (
        [
            TYPE,
            DIGEST,
            attribute(forging.ALGORITHM_PROTECTION, element(0x30, identifier(forging.SHA256))),
        ],
        "signature-value",
        "malformed-attribute",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_ATTRIBUTES)
def test_wrong_signed_attributes_are_named(wrong: str) -> None:
    attributes, step, code = WRONG_ATTRIBUTES[wrong]
    report = check(with_attributes(P256, DOCUMENT, attributes=attributes).encoded())
    assert found(report) == ("invalid", step, code)


def test_the_algorithms_that_are_used_may_be_protected() -> None:
    named = element(0xA1, oid("1.2.840.10045.4.3.2"))
    protection = attribute(
        forging.ALGORITHM_PROTECTION, element(0x30, identifier(forging.SHA256), named)
    )
    assert check(with_attributes(P256, DOCUMENT, protection).encoded()).verdict is Verdict.VALID


def test_attached_content_must_be_what_the_attributes_digest() -> None:
    good = with_attributes(P256, b"the digested", content=DOCUMENT)
    report = check(good.encoded())
    assert found(report) == ("invalid", "signature-value", "message-digest")


def test_signed_attributes_of_one_document_do_not_pass_as_content_of_another() -> None:
    good = with_attributes(P256, DOCUMENT)
    signed = good.to_sign()
    stolen = Forged(P256, content=signed, signature=P256.key.sign(signed))
    report = check(stolen.encoded(), original=signed)
    assert found(report) == ("invalid", "signature-value", "attributes-as-content")
    detached = replace(stolen, content=None)
    report = check(detached.encoded(), original=signed)
    assert found(report) == ("invalid", "signature-value", "attributes-as-content")


def test_a_time_stamp_is_no_signature_of_a_document() -> None:
    token = stamping().source().stamp(DOCUMENT)
    assert found(check(token)) == ("invalid", "format", "content-type")


def test_another_content_type_needs_attributes() -> None:
    data = Forged(P256, content=DOCUMENT, content_type="1.2.3").encoded()
    report = check(data)
    assert report.verdict is Verdict.INVALID
    assert report.step("signature-value").code == "no-attributes"


def signed_with_sha1(signer: Entity, message: bytes) -> bytes:
    number = int.from_bytes(signer.key.private_bytes(), "big")
    key = ec.derive_private_key(number, ec.SECP256R1())
    return key.sign(message, ec.ECDSA(SHA1()))  # noqa: S303 - to be found weak


def weakly_signed(signer: Entity, name: str) -> Forged:
    """A good signature with SHA-1 throughout."""
    digest = attribute(forging.MESSAGE_DIGEST, octets(hashlib.sha1(DOCUMENT).digest()))
    made = with_attributes(
        signer,
        DOCUMENT,
        attributes=[TYPE, digest],
        digest_algorithm=identifier(forging.SHA1),
        signature_algorithm=identifier(name),
    )
    return replace(made, signature=signed_with_sha1(signer, made.to_sign()))


@pytest.mark.parametrize("name", ["1.2.840.10045.4.1", "1.2.840.10045.2.1"])
def test_a_good_signature_with_sha1_is_indeterminate_at_algorithm(name: str) -> None:
    report = check(weakly_signed(P256, name).encoded())
    assert found(report) == ("indeterminate", "algorithm", "weak")
    assert report.step("signature-value").outcome is Outcome.OK


WEAK = {
    "SHA-1": (identifier(forging.SHA1), identifier("1.2.840.10045.4.1"), hashlib.sha1),
    "SHA-1, named by the digest": (
        identifier(forging.SHA1),
        identifier("1.2.840.10045.2.1"),
        hashlib.sha1,
    ),
    "SHA-224": (
        identifier("2.16.840.1.101.3.4.2.4"),
        identifier("1.2.840.10045.4.3.1"),
        hashlib.sha224,
    ),
    "MD5": (identifier(forging.MD5), identifier("1.2.840.10045.4.3.2"), hashlib.md5),
    "two digests": (
        identifier(forging.SHA1),
        identifier("1.2.840.10045.4.3.2"),
        hashlib.sha1,
    ),
}


@pytest.mark.parametrize("weak", WEAK)
def test_weak_and_unknown_digests_never_make_anything_valid(weak: str) -> None:
    digest_algorithm, signature_algorithm, digest = WEAK[weak]
    attributes = [TYPE, attribute(forging.MESSAGE_DIGEST, octets(digest(DOCUMENT).digest()))]
    data = with_attributes(
        P256,
        DOCUMENT,
        attributes=attributes,
        digest_algorithm=digest_algorithm,
        signature_algorithm=signature_algorithm,
    ).encoded()
    report = check(data)
    assert report.step("algorithm").outcome is Outcome.UNKNOWN
    assert report.verdict is not Verdict.VALID


def test_an_algorithm_of_another_kind_of_key_is_refused() -> None:
    rsa = identifier("1.2.840.113549.1.1.11")
    data = with_attributes(P256, DOCUMENT, signature_algorithm=rsa).encoded()
    assert found(check(data)) == ("invalid", "signature-value", "wrong-algorithm")


def test_a_certificate_beside_the_signers_lends_nothing() -> None:
    """The certificate of someone trusted, carried along, does not make a stranger trusted."""
    stranger = authority("nobody's root").issue("stranger", usage=SIGNS)
    data = with_attributes(
        stranger,
        DOCUMENT,
        certificates=[P256.certificate.encoded, stranger.certificate.encoded],
    ).encoded()
    assert found(check(data)) == ("indeterminate", "chain", "no-anchor")


def test_a_stranger_who_names_the_certificate_of_another_is_refused() -> None:
    certificate = P256.certificate
    sid = element(0x30, certificate.issuer.encoded, integer(certificate.serial))
    stranger = authority("nobody's root").issue("stranger", usage=SIGNS)
    for certificates in (
        [certificate.encoded],
        [stranger.certificate.encoded, certificate.encoded],
    ):
        data = with_attributes(stranger, DOCUMENT, sid=sid, certificates=certificates).encoded()
        assert found(check(data)) == ("invalid", "signature-value", "bad")


def test_a_twin_certificate_of_another_authority_lends_nothing() -> None:
    """Same issuer's name, same number, another key: the chain is that of the key that signed."""
    fake_root = authority(f"cms root {KeyKind.P256}", key_name="fake root")
    twin = fake_root.issue("twin", usage=SIGNS, serial=P256.certificate.serial)
    assert twin.certificate.issuer.matches(P256.certificate.issuer)
    both = [P256.certificate.encoded, twin.certificate.encoded]
    for order in (both, both[::-1]):
        report = check(with_attributes(twin, DOCUMENT, certificates=order).encoded())
        assert report.verdict is not Verdict.VALID
        assert report.step("signature-value").outcome is Outcome.OK


def test_a_certificate_that_may_not_sign_signs_nothing() -> None:
    other = ROOTS[KeyKind.P256].issue("for keys", usage={"key_encipherment"})
    report = check(with_attributes(other, DOCUMENT).encoded())
    assert found(report) == ("invalid", "signer-certificate", "wrong-purpose")


# Several signers


def both(first: Forged, second: Forged) -> bytes:
    certificates = [first.signer.certificate.encoded, second.signer.certificate.encoded]
    joined = replace(first, certificates=certificates, more_signers=[second.signer_info()])
    return joined.encoded()


def test_of_two_good_signers_each_is_judged() -> None:
    report = check(both(with_attributes(P256, DOCUMENT), with_attributes(SM2, DOCUMENT)))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [step.detail[:8] for step in report.steps if step.id == "chain"] == [
        "signer 1",
        "signer 2",
    ]
    assert dict(report.disclosed) == {
        "signer": "C=CN, CN=cms signer P-256",
        "signer_2": "C=CN, CN=cms signer SM2",
    }


STRANGER = authority("nobody's root", kind=KeyKind.SM2).issue(
    "stranger", kind=KeyKind.SM2, usage=SIGNS
)
WORSE = {
    "over another document": (with_attributes(SM2, b"another"), "invalid"),
    "with a bad value": (
        with_attributes(SM2, DOCUMENT, signature=SM2.key.sign(b"something")),
        "invalid",
    ),
    "whom nobody vouches for": (with_attributes(STRANGER, DOCUMENT), "indeterminate"),
    "with a weak digest": (
        weakly_signed(
            ROOTS[KeyKind.P256].issue("another signer", usage=SIGNS), "1.2.840.10045.2.1"
        ),
        "indeterminate",
    ),
    "without a certificate": (
        with_attributes(SM2, DOCUMENT, sid=element(0x80, b"\0" * 20)),
        "indeterminate",
    ),
}


@pytest.mark.parametrize("worse", WORSE)
@pytest.mark.parametrize("first", [True, False])
def test_the_worst_of_several_signers_decides(worse: str, first: bool) -> None:  # noqa: FBT001
    bad, verdict = WORSE[worse]
    good = with_attributes(P256, DOCUMENT)
    report = check(both(bad, good) if first else both(good, bad))
    assert str(report.verdict) == verdict, report.as_text()


# Times


def ending(name: str, **changes: Any) -> Entity:
    return ROOTS[KeyKind.P256].issue(name, usage=SIGNS, **changes)


def test_a_claimed_time_suffices_while_the_certificate_is_good() -> None:
    report = check(made(P256, at=NOW - DAY))
    assert report.verdict is Verdict.VALID
    assert report.signed_at == NOW - DAY


def test_a_claimed_time_proves_nothing_once_the_certificate_has_ended() -> None:
    signer = ending("ended", until=NOW - DAY)
    report = check(made(signer, at=NOW - 2 * DAY))
    assert found(report) == ("indeterminate", "signing-time", "unproven")


@pytest.mark.parametrize("days", [-31, 301])
def test_a_claimed_time_outside_the_period_is_invalid(days: int) -> None:
    report = check(made(P256, at=NOW + days * DAY), at=NOW + 400 * DAY)
    assert report.verdict is Verdict.INVALID
    assert report.step("signing-time").code == "outside-period"


def test_a_claimed_time_later_than_now_is_invalid() -> None:
    report = check(made(P256, at=NOW + timedelta(seconds=1)))
    assert found(report) == ("invalid", "signing-time", "from-future")


def test_no_time_at_all_is_judged_as_of_now() -> None:
    signer = ending("ended", until=NOW - DAY)
    assert check(made(P256, attached=True)).verdict is Verdict.VALID
    report = check(made(signer, attached=True))
    assert report.verdict is Verdict.INDETERMINATE


def test_the_documents_word_on_the_time_is_taken_where_the_signature_has_none() -> None:
    data = made(P256, attached=True)
    report = check(data, claimed=NOW - 31 * DAY)
    assert report.verdict is Verdict.INVALID
    assert report.step("signing-time").code == "outside-period"
    assert check(data, claimed=NOW - DAY).signed_at == NOW - DAY


def revoked_signer(since: datetime) -> tuple[Entity, TrustStore]:
    root = ROOTS[KeyKind.P256]
    signer = ending("revoked", extensions=[crl_point("http://crl.example/list.crl")])
    crl = root.crl((signer.certificate.serial, Revoked(since, "key-compromise")), life=9 * DAY)
    return signer, replace(TRUST, crls=(crl,))


def test_a_revoked_signer_is_judged_by_the_proven_time() -> None:
    signer, trust = revoked_signer(NOW - DAY)
    before, after = NOW - 2 * DAY, NOW - timedelta(hours=1)
    claimed = check(made(signer, at=before), trust=trust)
    assert found(claimed) == ("indeterminate", "signing-time", "unproven")
    proven = made(signer, at=before, timestamps=stamping().source(before))
    assert check(proven, trust=trust).verdict is Verdict.VALID
    late = made(signer, at=after, timestamps=stamping().source(after))
    assert found(check(late, trust=trust)) == ("invalid", "revocation", "revoked")
    backdated = made(signer, at=before, timestamps=stamping().source(after))
    assert check(backdated, trust=trust).verdict is not Verdict.VALID


def stamped(token: bytes) -> bytes:
    good = with_attributes(
        P256, DOCUMENT, signature=P256.key.sign(with_attributes(P256, DOCUMENT).to_sign())
    )
    return replace(
        good, unsigned=element(0xA1, attribute(forging.SIGNATURE_TIMESTAMP, token))
    ).encoded()


def test_a_time_stamp_over_something_else_is_named() -> None:
    report = check(stamped(stamping().source().stamp(b"something else")))
    assert found(report) == ("invalid", "timestamp", "bad")


def test_a_time_stamp_that_is_none_is_named() -> None:
    assert found(check(stamped(integer(1)))) == ("invalid", "timestamp", "bad")


def test_a_time_stamp_that_nobody_vouches_for_is_named() -> None:
    data = made(P256, timestamps=stamping().source())
    report = check(data, trust=trusting(*ROOTS.values()))
    assert found(report) == ("indeterminate", "timestamp", "unproven")


# Bad input


BROKEN = {
    "empty": b"",
    "text": b"-----BEGIN CMS-----",
    "a number": integer(7),
    "another type": element(0x30, oid(forging.DATA), element(0xA0, octets(b""))),
    "cut short": with_attributes(P256, DOCUMENT).encoded()[:-1],
    "too many signers": replace(
        with_attributes(P256, DOCUMENT),
        more_signers=[with_attributes(P256, DOCUMENT).signer_info()] * MAX_SIGNERS,
    ).encoded(),
    "something behind": with_attributes(P256, DOCUMENT).encoded() + b"\0",
    "deep": b"\x30\x80" * 1_000,
    "nothing but heads": b"\x30\x00" * 100_000,
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_is_no_cms_is_invalid_at_format(broken: str) -> None:
    assert found(check(BROKEN[broken])) == ("invalid", "format", "malformed")
    with pytest.raises(CmsRefused):
        parse_cms(BROKEN[broken])


def test_what_is_beyond_our_limits_is_indeterminate() -> None:
    report = check(b"\x30\x83\x0f\xff\xff" + b"\0" * 1_048_575)
    assert found(report) == ("indeterminate", "format", "too-large")
    one = with_attributes(P256, DOCUMENT)
    many = replace(one, more_signers=[one.signer_info()] * MAX_JUDGED_SIGNERS)
    report = check(many.encoded())
    assert found(report) == ("indeterminate", "format", "too-many-signers")
    token = stamping().source().stamp(one.to_sign())
    stamps = attribute(forging.SIGNATURE_TIMESTAMP, *[token] * (MAX_TIMESTAMPS + 1))
    report = check(replace(one, unsigned=element(0xA1, stamps)).encoded())
    assert found(report) == ("indeterminate", "timestamp", "too-many")


def test_a_signature_by_nobody_is_invalid_at_format() -> None:
    body = element(
        0x30,
        integer(1),
        element(0x31),
        element(0x30, oid(forging.DATA)),
        element(0xA0, P256.certificate.encoded),
        element(0x31),
    )
    data = element(0x30, oid(forging.SIGNED_DATA), element(0xA0, body))
    assert found(check(data)) == ("invalid", "format", "malformed")


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
@pytest.mark.parametrize("form", FORMS)
def test_a_changed_byte_never_leaves_another_signature_valid(kind: KeyKind, form: str) -> None:
    data = made(SIGNERS[kind], attached=FORMS[form], gm=True)
    good = parse_cms(data)
    own = data.index(SIGNERS[kind].certificate.encoded)
    inside = range(own, own + len(SIGNERS[kind].certificate.encoded))
    for at in (at for at in range(len(data)) if at not in inside or at % 8 == 0):
        changed = bytearray(data)
        changed[at] ^= 1
        if check(bytes(changed)).verdict is Verdict.VALID:
            # Versions, the outer type and the list of digest algorithms are not signed.
            now = parse_cms(bytes(changed))
            assert now.content == good.content
            assert now.signers[0].attributes_signed == good.signers[0].attributes_signed
            assert now.signers[0].signature == good.signers[0].signature
            assert now.certificates == good.certificates


def test_mutated_signatures_and_time_stamps_give_reports_and_nothing_else() -> None:
    random = Random(20260601)
    samples = [
        made(SM2, gm=True, timestamps=stamping().source()),
        made(P256, attached=True),
        both(with_attributes(P256, DOCUMENT), with_attributes(SM2, DOCUMENT)),
        stamping().source().stamp(DOCUMENT),
    ]
    for _ in range(1_000):
        data = mutated(random, random.choice(samples))
        check(data)
        check_timestamp(data, covers=DOCUMENT, trust=TRUST, at=NOW)


def mutated(random: Random, data: bytes) -> bytes:
    """Change, cut, repeat or fill in some bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at, length = random.randrange(len(changed)), random.randint(1, 20)
        match random.randrange(5):
            case 0:
                changed[at] = random.randrange(256)
            case 1:
                changed[at] = random.choice(b"\x00\x02\x04\x05\x06\x30\x31\x80\xa0\xa1\xff")
            case 2 if len(changed) > length:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case _:
                changed[at:at] = random.randbytes(length)
    return bytes(changed)
