"""Chains: which certificate is vouched for, at which time, for which purpose."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import (
    Certificate,
    Purpose,
    TrustStore,
    encode_pem,
    load_certificates,
    oids,
    verify_chain,
)
from msb_identity.x509.making import extension
from tests.identity.authorities import (
    DAY,
    NOW,
    Entity,
    authority,
    changed,
    entity,
    purposes,
    trusting,
)

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.report import Report


def check(leaf: Entity, *between: Entity, trust: Entity, **more: object) -> Report:
    return verify_chain(
        leaf.certificate,
        trust=trusting(trust),
        intermediates=[one.certificate for one in between],
        **{"at": NOW, **more},  # type: ignore[arg-type]
    )


def found(report: Report) -> tuple[str, str, str]:
    step = report.decisive_step
    assert step is not None
    return str(report.verdict), step.id, step.code


ROOT = authority("root")
SUB = authority("sub", issuer=ROOT)
LEAF = SUB.issue("leaf", usage={"digital_signature"})


def test_a_chain_to_an_anchor_is_valid() -> None:
    report = check(LEAF, SUB, trust=ROOT)
    assert report.verdict is Verdict.VALID
    assert [step.id for step in report.steps] == [
        "format",
        "algorithm",
        "signature-value",
        "signer-certificate",
        "chain",
        "revocation",
    ]
    assert report.kind == "certificate"
    assert report.disclosed["subject"] == "C=CN, CN=leaf"


@pytest.mark.parametrize("kind", list(KeyKind))
def test_every_kind_of_key_makes_a_chain(kind: KeyKind) -> None:
    root = authority(f"root {kind}", kind=kind)
    assert check(root.issue("under it"), trust=root).verdict is Verdict.VALID


def test_a_chain_may_mix_kinds_of_keys() -> None:
    root = authority("root rsa", kind=KeyKind.RSA)
    middle = authority("middle sm2", issuer=root, kind=KeyKind.SM2)
    low = authority("low ed", issuer=middle, kind=KeyKind.ED25519)
    report = check(low.issue("mixed leaf"), middle, low, trust=root)
    assert report.verdict is Verdict.VALID
    assert "SM2-SM3" in report.step("algorithm").detail


def test_nobody_vouches_without_an_anchor() -> None:
    assert found(check(LEAF, SUB, trust=authority("another root"))) == (
        "indeterminate",
        "chain",
        "no-anchor",
    )
    assert found(check(LEAF, trust=ROOT)) == ("indeterminate", "chain", "no-anchor")


def test_an_anchor_is_vouched_for_by_itself_but_its_period_is_asked_when_it_is_in_question() -> (
    None
):
    assert check(ROOT, trust=ROOT).verdict is Verdict.VALID
    late = check(ROOT, trust=ROOT, at=NOW + 1000 * DAY)
    assert found(late) == ("invalid", "signer-certificate", "expired")


def test_an_intermediate_may_be_pinned_as_an_anchor() -> None:
    assert check(LEAF, trust=SUB).verdict is Verdict.VALID


def test_an_anchors_period_and_usage_are_not_asked() -> None:
    old = authority("old root", until=NOW - DAY, usage={"digital_signature"})
    assert check(old.issue("young"), trust=old).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("at", "code"), [(NOW - 31 * DAY, "not-yet-valid"), (NOW + 301 * DAY, "expired")]
)
def test_a_period_is_judged_at_the_time_given(at: datetime, code: str) -> None:
    long = authority("long root", from_=NOW - 900 * DAY, until=NOW + 900 * DAY)
    assert found(check(long.issue("short"), trust=long, at=at)) == (
        "invalid",
        "signer-certificate",
        code,
    )
    middle = authority("short middle", issuer=long)
    below = middle.issue("long leaf", from_=NOW - 900 * DAY, until=NOW + 900 * DAY)
    assert found(check(below, middle, trust=long, at=at)) == ("invalid", "chain", f"issuer-{code}")


def test_the_ends_of_a_period_belong_to_it() -> None:
    for at in (LEAF.certificate.not_before, LEAF.certificate.not_after):
        assert check(LEAF, SUB, trust=ROOT, at=at).verdict is Verdict.VALID


def test_a_changed_content_or_signature_is_invalid() -> None:
    whole = LEAF.certificate.encoded
    for broken in (
        changed(whole, b"leaf", b"loaf"),
        whole[:-1] + bytes((whole[-1] ^ 1,)),
    ):
        report = verify_chain(broken, trust=trusting(ROOT), intermediates=[SUB.certificate], at=NOW)
        assert found(report) == ("invalid", "signature-value", "bad-signature")


def test_a_changed_root_is_not_a_root() -> None:
    broken = changed(ROOT.certificate.encoded, ROOT.certificate.encoded[-8:], b"\x01" * 8)
    report = verify_chain(broken, trust=trusting(ROOT), at=NOW)
    assert report.verdict is Verdict.INVALID


def test_another_key_of_the_same_name_proves_nothing_wrong() -> None:
    renewed = authority("root", key_name="root's second key")
    report = check(SUB, trust=renewed)
    assert found(report) == ("indeterminate", "chain", "no-anchor")


def test_of_two_keys_of_one_name_the_right_one_is_found() -> None:
    renewed = authority("root", key_name="root's second key", key_ids=False)
    plain = ROOT.issue("no pointer", key_ids=False)
    report = verify_chain(plain.certificate, trust=trusting(renewed, ROOT), at=NOW)
    assert report.verdict is Verdict.VALID


def test_only_an_authority_issues() -> None:
    person = SUB.issue("person", usage={"digital_signature", "key_cert_sign"})
    forged = person.issue("forged")
    assert found(check(forged, person, SUB, trust=ROOT)) == ("invalid", "chain", "not-an-authority")


def test_an_authority_whose_key_may_not_sign_certificates_does_not() -> None:
    odd = authority("crl signer", issuer=ROOT, usage={"crl_sign"})
    assert found(check(odd.issue("x"), odd, trust=ROOT)) == ("invalid", "chain", "issuer-key-usage")


@pytest.mark.parametrize("by", ["root", "intermediate"])
def test_a_path_is_not_longer_than_an_issuer_allows(by: str) -> None:
    root = authority(f"tight {by}", path_length=0 if by == "root" else None)
    first = authority(f"first {by}", issuer=root, path_length=0 if by == "intermediate" else None)
    second = authority(f"second {by}", issuer=first)
    leaf = second.issue("deep")
    assert found(check(leaf, first, second, trust=root)) == ("invalid", "chain", "path-too-long")
    direct = first.issue("not deep") if by == "intermediate" else root.issue("not deep")
    assert check(direct, first, trust=root).verdict is Verdict.VALID


def test_unknown_critical_extensions_are_refused_and_others_are_not() -> None:
    odd = extension("1.2.3.4", b"\x05\x00", critical=True)
    leaf = ROOT.issue("critical", extensions=[odd])
    assert found(check(leaf, trust=ROOT)) == (
        "invalid",
        "signer-certificate",
        "unknown-critical-extension",
    )
    middle = authority("critical sub", issuer=ROOT, extensions=[odd])
    report = check(middle.issue("x"), middle, trust=ROOT)
    assert found(report) == ("invalid", "chain", "unknown-critical-extension")
    plain = ROOT.issue("not critical", extensions=[extension("1.2.3.4", b"\x05\x00")])
    assert check(plain, trust=ROOT).verdict is Verdict.VALID


def test_a_broken_extension_is_a_warning_or_where_critical_refused() -> None:
    for critical, verdict in ((False, Verdict.VALID), (True, Verdict.INVALID)):
        broken = extension(oids.EXTENDED_KEY_USAGE, b"\x02\x01\x05", critical=critical)
        report = check(ROOT.issue("broken", extensions=[broken]), trust=ROOT)
        assert report.verdict is verdict


def test_name_constraints_are_refused_where_critical() -> None:
    limits = der.sequence(der.element(0xA0, der.sequence(der.element(0x82, b"example"))))
    for critical, verdict in ((True, Verdict.INVALID), (False, Verdict.VALID)):
        constraint = extension(oids.NAME_CONSTRAINTS, limits, critical=critical)
        middle = authority(f"limits {critical}", issuer=ROOT, extensions=[constraint])
        report = check(middle.issue("x"), middle, trust=ROOT)
        assert report.verdict is verdict
        assert report.step("chain").code.startswith("name-constraints")


def test_policies_count_only_where_critical() -> None:
    value = der.sequence(der.sequence(der.oid("1.2.3")))
    for critical, verdict in ((True, Verdict.INVALID), (False, Verdict.VALID)):
        policy = extension(oids.CERTIFICATE_POLICIES, value, critical=critical)
        assert check(ROOT.issue("p", extensions=[policy]), trust=ROOT).verdict is verdict


@pytest.mark.parametrize(
    ("purpose", "usage", "named", "good"),
    [
        ("sign", {"digital_signature"}, (), True),
        ("sign", {"non_repudiation"}, (oids.CLIENT_AUTH,), True),
        ("sign", None, (), True),
        ("seal", {"key_encipherment"}, (), False),
        ("sign", {"key_agreement"}, (), False),
        ("login", {"digital_signature"}, (oids.CLIENT_AUTH,), True),
        ("login", {"digital_signature"}, (oids.SERVER_AUTH,), False),
        ("login", {"digital_signature"}, (oids.ANY_PURPOSE,), True),
        ("timestamp", {"digital_signature"}, (oids.TIME_STAMPING,), True),
        ("timestamp", {"digital_signature"}, (), False),
        ("timestamp", {"digital_signature"}, (oids.ANY_PURPOSE,), False),
        ("ocsp", {"digital_signature"}, (oids.OCSP_SIGNING,), True),
        ("seal", {"digital_signature"}, (oids.TIME_STAMPING,), False),
        ("sign", {"digital_signature"}, (oids.OCSP_SIGNING, oids.TIME_STAMPING), False),
        ("sign", {"digital_signature"}, (oids.TIME_STAMPING, oids.CLIENT_AUTH), True),
        ("seal", {"digital_signature"}, (oids.SERVER_AUTH,), False),
        ("sign", {"digital_signature"}, (oids.SERVER_AUTH, oids.TIME_STAMPING), False),
        ("seal", {"digital_signature"}, (oids.SERVER_AUTH, oids.EMAIL_PROTECTION), True),
        ("sign", {"digital_signature"}, (oids.SERVER_AUTH, oids.CLIENT_AUTH), True),
        ("timestamp", {"digital_signature"}, (oids.TIME_STAMPING, oids.CLIENT_AUTH), False),
        ("server", {"key_encipherment"}, (oids.SERVER_AUTH,), True),
        ("server", {"digital_signature"}, (oids.EMAIL_PROTECTION,), False),
        ("authority", {"digital_signature"}, (), False),
        ("any", {"encipher_only"}, (oids.CLIENT_AUTH,), True),
    ],
)
def test_a_purpose_asks_for_its_usage(
    purpose: str,
    usage: set[str] | None,
    named: tuple[str, ...],
    good: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    extensions = [purposes(*named)] if named else []
    leaf = ROOT.issue("purposeful", usage=usage, extensions=extensions)
    report = check(leaf, trust=ROOT, purpose=purpose)
    assert report.verdict is (Verdict.VALID if good else Verdict.INVALID)
    if not good:
        assert found(report) == ("invalid", "signer-certificate", "wrong-purpose")


def test_an_issuers_extended_purposes_bind_what_it_issues() -> None:
    mail = authority("mail only", issuer=ROOT, extensions=[purposes(oids.EMAIL_PROTECTION)])
    leaf = mail.issue("server", extensions=[purposes(oids.SERVER_AUTH)])
    assert found(check(leaf, mail, trust=ROOT, purpose=Purpose.SERVER)) == (
        "invalid",
        "chain",
        "issuer-purpose",
    )


def test_looped_and_cross_signed_chains_end() -> None:
    one, two = authority("one"), authority("two")
    loop = [
        entity("one", issuer=two, ca=True),
        entity("two", issuer=one, ca=True),
    ]
    report = check(two.issue("in a loop"), *loop, trust=ROOT)
    assert found(report) == ("indeterminate", "chain", "no-anchor")
    crossed = entity("two", issuer=ROOT, ca=True)
    assert check(two.issue("crossed"), *loop, crossed, trust=ROOT).verdict is Verdict.VALID


def test_a_mesh_of_authorities_that_all_signed_each_other_ends_soon() -> None:
    names = [f"mesh {n}" for n in range(14)]
    roots = {name: authority(name) for name in names}
    mesh = [
        entity(name, issuer=roots[other], ca=True) for name in names for other in names
        if name != other
    ]  # fmt: skip
    began = time.process_time()
    report = check(roots[names[0]].issue("meshed"), *mesh, trust=ROOT)
    assert report.verdict is Verdict.INDETERMINATE
    assert time.process_time() - began < 5


def test_a_chain_of_eight_holds_and_one_of_nine_is_too_long() -> None:
    chain = [authority("level 0")]
    for level in range(1, 8):
        chain.append(authority(f"level {level}", issuer=chain[-1]))
    leaf = chain[6].issue("eighth")
    assert check(leaf, *chain[1:7], trust=chain[0]).verdict is Verdict.VALID
    leaf = chain[7].issue("ninth")
    assert found(check(leaf, *chain[1:], trust=chain[0])) == (
        "indeterminate",
        "chain",
        "search-too-long",
    )


def test_a_thousand_certificates_are_read_and_searched_within_bounds() -> None:
    crowd = [
        entity("crowd", issuer=ROOT, ca=True, key_name="crowd", serial=n + 1) for n in range(997)
    ]
    bundle = encode_pem(LEAF.certificate, SUB.certificate, *(one.certificate for one in crowd))
    assert verify_chain(bundle, trust=trusting(ROOT), at=NOW).verdict is Verdict.VALID
    too_many = bundle + encode_pem(LEAF.certificate, LEAF.certificate)
    assert found(verify_chain(too_many, trust=trusting(ROOT), at=NOW)) == (
        "indeterminate",
        "format",
        "too-large",
    )
    # All of one name, none of which leads anywhere: the search gives up and says so.
    lost = authority("lost")
    keys = [
        entity("crowd", issuer=lost, ca=True, key_name=f"k{n}", key_ids=False) for n in range(250)
    ]
    below = keys[-1].issue("below", key_ids=False)
    assert found(check(below, *keys, trust=ROOT)) == ("indeterminate", "chain", "search-too-long")


def test_weak_algorithms_and_keys_prove_nothing(
    openssl_weak: dict[str, tuple[bytes, bytes]],
) -> None:
    for name, (root, leaf) in openssl_weak.items():
        anchors = load_certificates(root)
        report = verify_chain(leaf, trust=TrustStore(anchors))
        assert found(report) == ("indeterminate", "algorithm", "weak"), name
        whole = load_certificates(leaf)[0].encoded
        broken = whole[:-1] + bytes((whole[-1] ^ 1,))
        assert verify_chain(broken, trust=TrustStore(anchors)).verdict is Verdict.INVALID


def test_algorithms_that_we_do_not_have_are_refused_by_name(
    openssl_unknown: dict[str, tuple[bytes, bytes]],
) -> None:
    for name, (root, leaf) in openssl_unknown.items():
        report = verify_chain(leaf, trust=TrustStore(load_certificates(root)))
        assert found(report)[:2] == ("indeterminate", "algorithm"), name
        assert name in report.step("algorithm").detail


def test_two_different_algorithms_in_one_certificate_are_a_bad_signature() -> None:
    data = LEAF.certificate.encoded
    inner, outer = der.oid(oids.ECDSA_SHA256), der.oid("1.2.840.10045.4.3.3")
    broken = data.replace(inner, outer, 1)
    report = verify_chain(broken, trust=trusting(SUB), at=NOW)
    assert found(report) == ("invalid", "signature-value", "bad-signature")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("indeterminate", "format", "not-a-certificate")),
        (b"hello", ("indeterminate", "format", "not-a-certificate")),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None),
        (LEAF.certificate.encoded[:200], ("invalid", "format", "malformed")),
        (LEAF.certificate.encoded + b"\0", ("invalid", "format", "malformed")),
        (encode_pem(LEAF.certificate)[:200], ("invalid", "format", "malformed")),
        (
            b"\x30\x84\x7f\xff\xff\xff" + bytes(100_000),
            ("indeterminate", "format", "not-a-certificate"),
        ),
        (b"\x30\x80" * 50_000, ("invalid", "format", "malformed")),
    ],
)
def test_bytes_that_are_no_certificate_get_a_report(
    data: bytes, expected: tuple[str, str, str] | None
) -> None:
    report = verify_chain(data, trust=trusting(ROOT), at=NOW)
    assert found(report) == (expected or ("indeterminate", "format", "not-a-certificate"))


def test_an_anchor_without_basic_constraints_issues_but_one_that_says_no_does_not() -> None:
    root = entity("says no", ca=False)
    assert found(check(root.issue("x"), trust=root)) == ("invalid", "chain", "not-an-authority")


@pytest.mark.parametrize(
    ("leaf", "trust", "at", "purpose"),
    [
        ("sm2/leaf.pem", "sm2/ca.pem", datetime(2027, 1, 1, tzinfo=UTC), "sign"),
        ("seal/sign_cert.pem", "seal/ROOT.pem", datetime(2022, 1, 1, tzinfo=UTC), "seal"),
        ("sm2/tongsuo_server_sign.crt", "sm2/tongsuo_chain-ca.crt", NOW, "sign"),
        ("sm2/tongsuo_sm2-cert.pem", "sm2/tongsuo_sm2-root-cert.pem", NOW, "sign"),
        (
            "pdf/own/own_sm2_seal.crt",
            "pdf/own/own_sm2_root.crt",
            datetime(2027, 1, 1, tzinfo=UTC),
            "seal",
        ),
    ],
)
def test_chains_made_elsewhere_are_valid(
    vectors: Path, leaf: str, trust: str, at: datetime, purpose: str
) -> None:
    store = TrustStore.load(vectors / trust)
    report = verify_chain((vectors / leaf).read_bytes(), trust=store, at=at, purpose=purpose)
    assert report.verdict is Verdict.VALID, report.as_text()


def test_odd_certificates_made_elsewhere_are_valid_with_a_warning(vectors: Path) -> None:
    report = verify_chain(
        (vectors / "sm2/leaf.pem").read_bytes(),
        trust=TrustStore.load(vectors / "sm2/ca.pem"),
        at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    step = report.step("format")
    assert (step.outcome, step.detail) == (Outcome.WARNING, "X.509 version 1")


def test_the_report_names_nobody_outside_what_it_discloses() -> None:
    report = check(SUB.issue("张三"), SUB, trust=ROOT)
    assert "张三" not in "".join(step.detail for step in report.steps)
    assert "张三" not in repr(Certificate.load(SUB.issue("张三").certificate.encoded))
