"""CMS signatures that must not pass, and bad input."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from random import Random

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_seal.cms.structure import MAX_SIGNERS, parse_cms
from msb_seal.cms.verify import MAX_JUDGED_SIGNERS, MAX_TIMESTAMPS
from msb_seal.errors import CmsRefused
from msb_seal.timestamp import check_timestamp
from tests.identity.authorities import NOW, authority
from tests.seal import forging
from tests.seal.cms_world import (
    DOCUMENT,
    FORMS,
    P256,
    ROOTS,
    SIGNERS,
    SM2,
    TRUST,
    both,
    check,
    found,
    made,
    weakly_signed,
)
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
    "an attribute that we do not know twice": (
        [TYPE, DIGEST, attribute("1.2.3", integer(1)), attribute("1.2.3", integer(1))],
        "format",
        "malformed",
    ),
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
    "two strong digests": (
        identifier("2.16.840.1.101.3.4.2.3"),
        identifier("1.2.840.10045.4.3.2"),
        hashlib.sha512,
    ),
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


def test_the_issuers_name_counts_as_much_as_the_number() -> None:
    other = authority("another issuer").certificate.subject.encoded
    sid = element(0x30, other, integer(P256.certificate.serial))
    report = check(with_attributes(P256, DOCUMENT, sid=sid).encoded())
    assert found(report) == ("indeterminate", "signer-certificate", "no-certificate")


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
    report = check(b"\x30\x83\x4f\xff\xff" + b"\0" * 0x4FFFFF)
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
