"""Revocation by CRLs and OCSP: what is believed, what is passed by, what is fetched and how."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import CertificateRefused, FetchRefused
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import (
    HttpFetcher,
    OcspAnswer,
    RevocationList,
    TrustStore,
    oids,
    verify_chain,
)
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.crl import Revoked
from msb_identity.x509.fetch import is_public
from msb_identity.x509.making import extension, signed
from msb_identity.x509.ocsp import CertificateId, make_ocsp_request
from msb_identity.x509.responder import OcspResponder, PublicationServer
from msb_identity.x509.roles import Role
from msb_identity.x509.statements import Answer, make_ocsp_answer
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import (
    DAY,
    NOW,
    Entity,
    authority,
    crl_point,
    entity,
    key,
    ocsp_access,
    purposes,
    trusting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from msb_identity.foundation.report import Step

ROOT = authority("revoking root")
LEAF = ROOT.issue("leaf")
NAMED = ROOT.issue("names a source", extensions=[crl_point("http://crl.example/1")])
BEFORE, AFTER = NOW - DAY, NOW + DAY


def step(
    leaf: Entity, *crls: RevocationList, root: Entity = ROOT, at: datetime = NOW, **more: object
) -> tuple[str, str, str]:
    answers = more.pop("ocsp", ())
    report = verify_chain(
        leaf.certificate,
        trust=trusting(root, crls=crls, ocsp_answers=answers),
        at=at,
        **more,  # type: ignore[arg-type]
    )
    found: Step = report.step("revocation")
    return str(report.verdict), str(found.outcome), found.code


def with_extension(
    crl: RevocationList, oid: str, value: bytes, *, critical: bool = True
) -> RevocationList:
    """Add an extension to a CRL and sign it again."""
    tbs = list(der.read_der(crl.tbs).sequence())
    added = extension(oid, value, critical=critical).dump()
    existing = tbs.pop().children[0].children
    tail = der.element(0xA0, der.sequence(*(e.encoded for e in existing), added))
    content = der.sequence(*(part.encoded for part in tbs), tail)
    return RevocationList.load(signed(content, ROOT.key))


def test_a_certificate_that_names_no_source_is_passed_over_by_default() -> None:
    assert step(LEAF) == ("valid", "skipped", "none-published")
    assert step(LEAF, revocation="require") == ("indeterminate", "unknown", "not-available")
    assert step(LEAF, revocation="none") == ("valid", "skipped", "not-asked")


def test_a_named_source_must_be_had() -> None:
    assert step(NAMED) == ("indeterminate", "unknown", "not-available")
    assert step(NAMED, revocation="none") == ("valid", "skipped", "not-asked")
    assert step(NAMED, ROOT.crl()) == ("valid", "ok", "ok")


def test_revoked_before_and_after_the_time_in_question() -> None:
    serial = LEAF.certificate.serial
    early, late = Revoked(BEFORE, "key-compromise"), Revoked(AFTER, "superseded")
    assert step(LEAF, ROOT.crl((serial, early))) == ("invalid", "failed", "revoked")
    assert step(LEAF, ROOT.crl((serial, late))) == ("valid", "warning", "revoked-later")
    assert step(LEAF, ROOT.crl((serial + 1, early))) == ("valid", "ok", "ok")
    same = Revoked(NOW, "superseded")
    assert step(LEAF, ROOT.crl((serial, same))) == ("invalid", "failed", "revoked")


def test_a_revoked_intermediate_makes_the_chain_invalid() -> None:
    sub = authority("revoked sub", issuer=ROOT)
    leaf = sub.issue("below")
    crls = (ROOT.crl((sub.certificate.serial, Revoked(BEFORE, "ca-compromise"))), sub.crl())
    report = verify_chain(
        leaf.certificate,
        trust=trusting(ROOT, crls=crls),
        intermediates=[sub.certificate],
        at=NOW,
    )
    assert report.verdict is Verdict.INVALID
    assert report.step("revocation").detail.startswith("certificate 2 of 3")


def test_a_list_of_another_issuer_or_of_a_namesake_says_nothing() -> None:
    other = authority("another root")
    assert step(LEAF, other.crl(), revocation="require") == (
        "indeterminate",
        "unknown",
        "not-available",
    )
    namesake = authority("revoking root", key_name="stranger")
    revoked = namesake.crl((LEAF.certificate.serial, Revoked(BEFORE, "superseded")))
    assert step(LEAF, revoked) == ("indeterminate", "unknown", "bad-source-signature")


def test_a_changed_list_is_not_believed() -> None:
    crl = ROOT.crl((LEAF.certificate.serial, Revoked(BEFORE, "superseded")))
    number = der.integer(LEAF.certificate.serial)
    data = crl.encoded.replace(number, der.integer(LEAF.certificate.serial + 1))
    assert step(LEAF, RevocationList.load(data)) == (
        "indeterminate",
        "unknown",
        "bad-source-signature",
    )


def test_lists_too_old_or_from_the_future_say_nothing_good() -> None:
    old, future = ROOT.crl(at=NOW - 3 * DAY), ROOT.crl(at=NOW + 3000 * DAY)
    assert step(LEAF, old) == ("indeterminate", "unknown", "stale")
    assert step(LEAF, future) == ("indeterminate", "unknown", "from-future")
    assert step(LEAF, old, ROOT.crl()) == ("valid", "ok", "ok")


def test_an_old_list_still_proves_a_revocation_but_not_a_hold() -> None:
    for reason, outcome in (("superseded", "failed"), ("certificate-hold", "unknown")):
        entry = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, reason)
        assert step(LEAF, ROOT.crl(entry, at=NOW - 3 * DAY))[1] == outcome


def test_the_newest_list_counts() -> None:
    held = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, "certificate-hold")
    before = ROOT.crl(held, at=NOW - timedelta(hours=5))
    assert step(LEAF, before) == ("invalid", "failed", "revoked")
    assert step(LEAF, before, ROOT.crl()) == ("valid", "ok", "ok")


def test_no_newer_list_undoes_a_revocation() -> None:
    for reason in ("unspecified", "key-compromise"):
        entry = LEAF.certificate.serial, Revoked(NOW - 5 * DAY, reason)
        before, after = ROOT.crl(entry, at=NOW - timedelta(hours=5)), ROOT.crl()
        assert step(LEAF, before, after) == ("invalid", "failed", "revoked")
        assert step(LEAF, after, before) == ("invalid", "failed", "revoked")


def test_of_two_lists_of_one_time_the_graver_word_counts_in_any_order() -> None:
    for reason in ("superseded", "certificate-hold"):
        entry = LEAF.certificate.serial, Revoked(BEFORE, reason)
        for lists in ((ROOT.crl(entry), ROOT.crl()), (ROOT.crl(), ROOT.crl(entry))):
            assert step(LEAF, *lists) == ("invalid", "failed", "revoked")


def test_a_number_that_stands_twice_in_a_list_is_revoked_by_the_earliest() -> None:
    serial = LEAF.certificate.serial
    early, late = Revoked(BEFORE, "key-compromise"), Revoked(AFTER, "superseded")
    taken_off = Revoked(BEFORE, "remove-from-crl")
    for entries in ((early, late), (late, early), (taken_off, early), (early, taken_off)):
        crl = ROOT.crl(*((serial, entry) for entry in entries))
        assert step(LEAF, crl) == ("invalid", "failed", "revoked")


def test_a_list_newer_than_the_time_in_question_counts() -> None:
    entry = LEAF.certificate.serial, Revoked(NOW - 2 * DAY, "superseded")
    assert step(LEAF, ROOT.crl(entry), at=NOW - 3 * DAY) == ("valid", "warning", "revoked-later")
    assert step(LEAF, ROOT.crl(entry), at=NOW - DAY) == ("invalid", "failed", "revoked")


def test_a_list_made_after_a_certificate_ended_proves_nothing_about_it() -> None:
    ended = ROOT.issue("ended", until=NOW - 5 * DAY)
    assert step(ended, ROOT.crl(), at=NOW - 6 * DAY) == (
        "indeterminate",
        "unknown",
        "ended-before-list",
    )
    kept = with_extension(
        ROOT.crl(),
        oids.EXPIRED_CERTIFICATES_ON_CRL,
        der.element(0x18, b"20200101000000Z"),
        critical=False,
    )
    assert step(ended, kept, at=NOW - 6 * DAY) == ("valid", "ok", "ok")


@pytest.mark.parametrize(
    ("oid", "value", "code"),
    [
        (oids.DELTA_CRL, der.integer(3), "unsupported-crl"),
        ("1.2.3.4", der.null(), "unsupported-crl"),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x84, b"\xff")),
            "unsupported-crl",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x83, b"\x01\x40")),
            "unsupported-crl",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0x82, b"\xff")),
            "not-available",
        ),
        (oids.ISSUING_DISTRIBUTION_POINT, der.sequence(der.element(0x81, b"\xff")), "ok"),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(der.element(0xA0, der.element(0xA0, der.element(0x86, b"http://other/")))),
            "not-available",
        ),
        (
            oids.ISSUING_DISTRIBUTION_POINT,
            der.sequence(
                der.element(0xA0, der.element(0xA0, der.element(0x86, b"http://crl.example/1")))
            ),
            "ok",
        ),
    ],
)
def test_a_list_counts_within_its_scope(oid: str, value: bytes, code: str) -> None:
    crl = with_extension(ROOT.crl(), oid, value)
    assert step(NAMED, crl)[2] == code


def test_an_issuer_whose_key_may_not_sign_lists_is_not_believed() -> None:
    sub = authority("no lists", issuer=ROOT, usage={"key_cert_sign"})
    report = verify_chain(
        sub.issue("x").certificate,
        trust=trusting(ROOT, crls=(sub.crl(), ROOT.crl())),
        intermediates=[sub.certificate],
        at=NOW,
    )
    assert report.step("revocation").code == "crl-signer"


def test_a_list_of_a_hundred_thousand_is_quick() -> None:
    revoked = Revoked(BEFORE, "superseded")
    crl = ROOT.crl(*((2**100 + n, revoked) for n in range(100_000)))
    began = time.process_time()
    found = RevocationList.load(crl.encoded)
    assert found.find(2**100 + 99_999) == revoked
    assert found.find(5) is None
    assert len(found) == 100_000
    assert time.process_time() - began < 3  # about 0.2 s on an idle machine


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"\x30\x80" + data[4:] + b"\0\0",
        der.sequence,
        lambda _: b"",
        lambda _: der.sequence(der.sequence(), der.sequence(), der.bit_string(b"")),
    ],
)
def test_what_is_no_list_is_refused(spoil: object) -> None:
    with pytest.raises(CertificateRefused):
        RevocationList.load(spoil(ROOT.crl().encoded))  # type: ignore[operator]


def answered(
    signer: Entity,
    *,
    leaf: Entity = LEAF,
    known: bool = True,
    revoked: Revoked | None = None,
    at: datetime = NOW,
    life: timedelta = DAY,
    digest: str = "1.3.14.3.2.26",
) -> OcspAnswer:
    names = CertificateId.of(leaf.certificate, ROOT.certificate, digest)
    assert names is not None
    return OcspAnswer.load(
        make_ocsp_answer(
            signer.key,
            signer.certificate,
            [Answer(names, known, revoked)],
            this_update=at,
            next_update=at + life,
            delegated=signer is not ROOT,
        )
    )


RESPONDER = ROOT.issue("responder", extensions=[purposes(oids.OCSP_SIGNING)])


@pytest.mark.parametrize(
    "digest", ["1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "1.2.156.10197.1.401"]
)
@pytest.mark.parametrize("signer", [ROOT, RESPONDER])
def test_an_answer_by_the_issuer_or_its_responder_is_believed(signer: Entity, digest: str) -> None:
    assert step(LEAF, ocsp=(answered(signer, digest=digest),)) == ("valid", "ok", "ok")
    early, late = Revoked(BEFORE, "superseded"), Revoked(AFTER, "superseded")
    assert step(LEAF, ocsp=(answered(signer, revoked=early),)) == ("invalid", "failed", "revoked")
    assert step(LEAF, ocsp=(answered(signer, revoked=late),))[2] == "revoked-later"


@pytest.mark.parametrize(
    ("signer", "code"),
    [
        (ROOT.issue("no right to answer"), "ocsp-responder"),
        (
            ROOT.issue("past", until=NOW - DAY, extensions=[purposes(oids.OCSP_SIGNING)]),
            "ocsp-responder",
        ),
        (
            authority("elsewhere").issue("r", extensions=[purposes(oids.OCSP_SIGNING)]),
            "ocsp-responder",
        ),
    ],
)
def test_an_answer_by_anybody_else_is_not(signer: Entity, code: str) -> None:
    assert step(LEAF, ocsp=(answered(signer),)) == ("indeterminate", "unknown", code)


def test_answers_unknown_old_changed_or_about_another() -> None:
    assert step(LEAF, ocsp=(answered(ROOT, known=False),))[2] == "ocsp-unknown"
    assert step(LEAF, ocsp=(answered(ROOT, at=NOW - 3 * DAY),))[2] == "stale"
    assert step(LEAF, ocsp=(answered(ROOT, at=NOW + 3000 * DAY),))[2] == "from-future"
    other = answered(ROOT, leaf=ROOT.issue("other"))
    assert step(LEAF, ocsp=(other,)) == ("valid", "skipped", "none-published")
    data = answered(ROOT).encoded
    broken = OcspAnswer.load(data[:-1] + bytes((data[-1] ^ 1,)))
    assert step(LEAF, ocsp=(broken,))[2] == "bad-source-signature"


def test_a_refusal_to_answer_is_no_answer() -> None:
    for data in (b"\x30\x03\x0a\x01\x06", b"", b"\x30\x00", b"\x30\x03\x0a\x01\x00"):
        with pytest.raises(CertificateRefused):
            OcspAnswer.load(data)


@contextmanager
def raw_server(answer: bytes, *, slowly: bool = False) -> Iterator[str]:
    """Answer every connection with these bytes, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65_536)
                        if not slowly:
                            connection.sendall(answer)
                            continue
                        for byte in answer:
                            connection.sendall(bytes((byte,)))
                            time.sleep(0.05)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


LOCAL = HttpFetcher(allow_private=True, timeout=timedelta(seconds=2))


def test_lists_and_answers_are_fetched_over_real_http(tmp_path: Path) -> None:
    with PublicationServer({}) as nowhere:
        dead = nowhere.url
    root = CertificateAuthority.create(tmp_path / "root", Subject.of("R"), kind=KeyKind.SM2)
    authorities = [root]
    with PublicationServer(
        {"/crl": lambda: authorities[0].make_crl().encoded},
        lambda asked: OcspResponder.of(authorities[0]).answer(asked),
    ) as server:
        crl, ocsp = f"{server.url}/crl", f"{server.url}/ocsp"
        for crl_url, ocsp_url in ((crl, None), (None, ocsp), (crl, f"{dead}/ocsp")):
            name = f"S{len(list(tmp_path.iterdir()))}"
            sub = CertificateAuthority.create(
                tmp_path / name, Subject.of(name), issuer=root, crl_url=crl_url, ocsp_url=ocsp_url
            )
            authorities[0] = sub
            public = key("fetched", KeyKind.SM2).public
            leaf = sub.issue(Subject.of("leaf"), public, role=Role.PERSON)
            trust = TrustStore((root.certificate,), (sub.certificate,))
            offline = verify_chain(leaf, trust=trust)
            assert offline.step("revocation").code == "not-available"
            assert verify_chain(leaf, trust=trust, fetch=LOCAL).verdict is Verdict.VALID
            private = verify_chain(leaf, trust=trust, fetch=HttpFetcher())
            assert private.step("revocation").code == "unreachable"
            sub.revoke(leaf.serial, reason="key-compromise")
            report = verify_chain(leaf, trust=trust, fetch=LOCAL)
            assert report.step("revocation").code == "revoked", report.as_text()


def test_nothing_is_fetched_for_a_chain_that_is_not_proven() -> None:
    class Never:
        def get(self, url: str, *, limit: int) -> bytes:
            raise AssertionError((url, limit))

        def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
            raise AssertionError((url, body, content_type, limit))

    points = [crl_point("http://attacker.example/"), ocsp_access("http://attacker.example/")]
    stranger = authority("stranger").issue("x", extensions=points)
    person = ROOT.issue("person")
    for leaf, between in (
        (stranger, ()),
        (entity("forged", issuer=ROOT, signer=key("stranger"), extensions=points), ()),
        (person.issue("issued by a person", extensions=points), (person.certificate,)),
    ):
        report = verify_chain(
            leaf.certificate, trust=trusting(ROOT), intermediates=between, fetch=Never(), at=NOW
        )
        assert report.verdict is not Verdict.VALID


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",  # noqa: S104 - nothing listens

        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "not an address",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert is_public("8.8.8.8")
    assert is_public("2400:3200::1")
    assert is_public("::ffff:8.8.8.8")


@pytest.mark.parametrize(
    "url",
    [
        "", "https://example/", "ftp://example/", "file:///etc/passwd", "ldap://example/",
        "http://", "http://user:secret@127.0.0.1/", "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://[::1/", "http://例/",
        "http://127.0.0.1/" + "a" * 3000,
    ],
)  # fmt: skip
def test_only_plain_http_urls_are_fetched(url: str) -> None:
    with pytest.raises(FetchRefused):
        LOCAL.get(url, limit=10)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"x" * 1001),
        http(b"", "404 Not Found"),
        http(b"", "302 Found", "Location: https://127.0.0.1/"),
        http(b"short").replace(b"Content-Length: 5", b"Content-Length: 50"),
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
)
def test_what_a_server_answers_is_bounded(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(FetchRefused):
        LOCAL.get(url, limit=1000)


def test_redirects_end_and_are_checked_each() -> None:
    with raw_server(http(b"here")) as url:
        assert LOCAL.get(url, limit=1000) == b"here"
        with raw_server(http(b"", "302 Found", f"Location: {url}/x")) as first:
            assert LOCAL.get(first, limit=1000) == b"here"
            with pytest.raises(FetchRefused, match="302"):
                LOCAL.post(first, b"x", content_type="a/b", limit=1000)
    with (
        raw_server(http(b"", "301 Moved", "Location: /again")) as url,
        pytest.raises(FetchRefused, match="redirects"),
    ):
        LOCAL.get(url, limit=1000)
    with raw_server(http(b"inside")) as url, pytest.raises(FetchRefused, match="public"):
        HttpFetcher().get(url, limit=1000)


def test_a_slow_server_is_cut_off() -> None:
    hurried = HttpFetcher(allow_private=True, timeout=timedelta(seconds=0.5))
    began = time.monotonic()
    with raw_server(http(b"x" * 1000), slowly=True) as url, pytest.raises(FetchRefused):
        hurried.get(url, limit=2000)
    assert time.monotonic() - began < 20


def test_an_answer_with_another_nonce_is_not_ours(tmp_path: Path) -> None:
    root = CertificateAuthority.create(tmp_path / "r", Subject.of("R"), kind=KeyKind.P256)
    issued = root.issue(Subject.of("x"), key("x").public, role=Role.PERSON)
    replayed = OcspResponder.of(root).answer(
        make_ocsp_request(issued, root.certificate, nonce=b"another nonce 16")
    )
    with raw_server(http(replayed)) as url:
        asks = CertificateAuthority.open(root.folder)
        object.__setattr__(asks, "ocsp_url", url)
        leaf = asks.issue(Subject.of("y"), key("y").public, role=Role.PERSON)
        report = verify_chain(leaf, trust=TrustStore((root.certificate,)), fetch=LOCAL)
    assert report.step("revocation").code == "ocsp-nonce"
    assert report.step("revocation").outcome is Outcome.UNKNOWN
