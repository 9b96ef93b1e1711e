"""Changed bytes: whatever becomes of a certificate, CRL, answer or request, no error is undeclared.

MSB_MUTANTS sets how many are made (3,000 by default); a seed makes each failure repeat.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msb_identity.errors import EncodingRefused, KeyRefused, MsbError
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import (
    Certificate,
    OcspAnswer,
    RevocationList,
    TrustStore,
    load_certificates,
    oids,
    verify_chain,
)
from msb_identity.x509.crl import Revoked
from msb_identity.x509.ocsp import CertificateId, make_ocsp_request
from msb_identity.x509.requests import CertificateRequest, make_request
from msb_identity.x509.responder import read_request
from msb_identity.x509.statements import Answer, make_ocsp_answer
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import (
    DAY,
    NOW,
    authority,
    crl_point,
    key,
    ocsp_access,
    purposes,
    trusting,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MUTANTS = int(os.environ.get("MSB_MUTANTS", "3000"))
ROOT = authority("mutated root", kind=KeyKind.SM2)
LEAF = ROOT.issue(
    "mutated leaf",
    kind=KeyKind.SM2,
    usage={"digital_signature"},
    extensions=[
        purposes(oids.CLIENT_AUTH),
        crl_point("http://crl.example/1"),
        ocsp_access("http://ocsp.example/"),
    ],
).certificate
CRL = ROOT.crl((LEAF.serial, Revoked(NOW, "superseded")), (2**100, Revoked(NOW, "key-compromise")))
NAMES = CertificateId.of(LEAF, ROOT.certificate, "1.3.14.3.2.26")
assert NAMES is not None
OCSP = make_ocsp_answer(
    ROOT.key,
    ROOT.certificate,
    [Answer(NAMES, known=True, revoked=Revoked(NOW, "superseded"))],
    this_update=NOW,
    next_update=NOW + DAY,
    nonce=b"sixteen bytes 16",
    delegated=True,
)
REQUEST = make_request(key("m", KeyKind.SM2), Subject.of("m"), dns_names=["a.example"]).encoded
TRUST = trusting(ROOT)


def use_certificate(data: bytes) -> None:
    report = verify_chain(data, trust=TRUST, at=NOW)
    report.as_text()
    found = Certificate.load(data)
    str(found.subject)
    _ = found.identity_numbers, found.oddities
    found.key.verify(b"", b"")


def use_trust(data: bytes) -> None:
    store = TrustStore((Certificate.load(data),))
    verify_chain(LEAF, trust=store, at=NOW).as_json()


def use_crl(data: bytes) -> None:
    found = RevocationList.load(data)
    store = trusting(ROOT, crls=(found,))
    verify_chain(LEAF, trust=store, at=NOW).as_text()
    found.find(2**100)


def use_ocsp(data: bytes) -> None:
    found = OcspAnswer.load(data)
    _ = found.nonce
    verify_chain(LEAF, trust=trusting(ROOT, ocsp_answers=(found,)), at=NOW).as_text()


def use_request(data: bytes) -> None:
    CertificateRequest.load(data)


def use_question(data: bytes) -> None:
    read_request(data)


INPUTS: dict[str, tuple[bytes, Callable[[bytes], None]]] = {
    "certificate": (LEAF.encoded, use_certificate),
    "trust": (ROOT.certificate.encoded, use_trust),
    "crl": (CRL.encoded, use_crl),
    "ocsp": (OCSP, use_ocsp),
    "request": (REQUEST, use_request),
    "question": (make_ocsp_request(LEAF, ROOT.certificate, nonce=b"n" * 16), use_question),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(6):
            case 0 | 1:
                changed[at : at + 1] = bytes((chance.randrange(256),))
            case 2:
                changed[at : at + 1] = bytes((changed[at] ^ 1 << chance.randrange(8),))
            case 3:
                del changed[at : at + chance.randrange(1, 9)]
            case 4:
                changed[at:at] = chance.randbytes(chance.randrange(1, 5))
            case _:
                other = chance.randrange(len(changed)) if changed else 0
                changed[at : at + 4] = changed[other : other + 4]
        if not changed:
            break
    return bytes(changed)


@pytest.mark.parametrize("name", list(INPUTS))
def test_no_mutant_raises_what_is_not_declared(name: str) -> None:
    data, use = INPUTS[name]
    chance = random.Random(f"certificates {name}")
    good = 0
    for _ in range(MUTANTS // len(INPUTS) + 1):
        mutant = mutate(data, chance)
        try:
            use(mutant)
        except MsbError:
            continue
        good += 1
    assert good < MUTANTS


def test_no_mutant_of_the_vectors_raises_what_is_not_declared(vectors: Path) -> None:
    files = ("seal/sign_cert.pem", "sm2/leaf.pem", "sm2/tongsuo_sm2-cert.pem", "sm2/ca.pem")
    chance = random.Random("certificates of the vectors")
    for file in files:
        text = (vectors / file).read_bytes()
        whole = load_certificates(text)[0].encoded
        for data in (text, whole):
            for _ in range(100):
                try:
                    use_certificate(mutate(data, chance))
                except MsbError:
                    continue


def test_no_change_of_a_signed_content_stays_valid() -> None:
    body = len(LEAF.tbs)
    start = LEAF.encoded.index(LEAF.tbs)
    chance = random.Random("signed content")
    for _ in range(300):
        at = start + chance.randrange(body)
        broken = bytearray(LEAF.encoded)
        broken[at] ^= 1 << chance.randrange(8)
        report = verify_chain(bytes(broken), trust=TRUST, at=NOW, revocation="none")
        assert report.verdict != "valid"


@given(st.binary(max_size=400))
def test_no_bytes_raise_what_is_not_declared(data: bytes) -> None:
    for _, use in INPUTS.values():
        try:
            use(data)
        except MsbError as error:
            assert isinstance(error, MsbError)  # noqa: PT017 - the others go through


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=12))
def test_no_elements_raise_what_is_not_declared(parts: list[tuple[int, bytes]]) -> None:
    from msb_identity.pki import der

    body = b"".join(der.element(tag, content) for tag, content in parts)
    for data in (der.sequence(der.sequence(body), *LEAF_TAIL), der.sequence(body)):
        for load in (Certificate.load, RevocationList.load, OcspAnswer.load):
            try:
                load(data)
            except MsbError:
                continue
    try:
        read_request(der.sequence(der.sequence(body)))
    except (EncodingRefused, KeyRefused):
        return


def _tail() -> tuple[bytes, bytes]:
    from msb_identity.pki import der

    parts = der.read_der(LEAF.encoded).sequence()
    return parts[1].encoded, parts[2].encoded


LEAF_TAIL = _tail()
