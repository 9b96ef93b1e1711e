"""Reading certificates, requests and files: what is taken, what is odd, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import CertificateRefused, KeyRefused, StoreError
from msb_identity.pki import der
from msb_identity.pki.keys import KeyKind
from msb_identity.pki.pkcs12 import load_pkcs12
from msb_identity.x509 import (
    Certificate,
    KeyUsage,
    TrustStore,
    encode_pem,
    load_certificate,
    load_certificates,
    load_crls,
    oids,
)
from msb_identity.x509.algorithms import AlgorithmIdentifier, read_algorithm
from msb_identity.x509.asn1_names import algos, keys, register, x509
from msb_identity.x509.names import read_name
from msb_identity.x509.requests import CertificateRequest, make_request
from msb_identity.x509.subjects import Subject
from msb_identity.x509.values import read_time
from tests.identity.authorities import NOW, authority, changed, key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = authority("reading root")
LEAF = ROOT.issue("reading leaf", usage={"digital_signature", "non_repudiation"}).certificate


def test_a_certificate_is_plain_values_beside_its_bytes() -> None:
    data = LEAF.encoded
    found = Certificate.load(data)
    assert found == LEAF
    assert found.encoded is not None
    assert found.tbs in data
    assert (found.version, str(found.subject)) == (3, "C=CN, CN=reading leaf")
    assert found.issuer.matches(ROOT.certificate.subject)
    assert found.facts.key_usage == frozenset(
        {int(KeyUsage.DIGITAL_SIGNATURE), int(KeyUsage.NON_REPUDIATION)}
    )
    assert found.facts.authority_key_id == ROOT.certificate.facts.subject_key_id
    assert found.signature_algorithm.name == "ECDSA-SHA256"
    assert found.oddities == ()


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("seal/ROOT.pem", 1),
        ("seal/sign_cert.pem", 1),
        ("sm2/ca.pem", 1),
        ("sm2/leaf.pem", 1),
        ("sm2/tongsuo_chain-ca.crt", 2),
        ("sm2/tongsuo_server_sign.crt", 1),
        ("sm2/tongsuo_sm2-cert.pem", 1),
        ("sm2/tongsuo_sm2-root-cert.pem", 1),
    ],
)
def test_certificates_made_elsewhere_are_read(vectors: Path, file: str, count: int) -> None:
    found = load_certificates((vectors / file).read_bytes())
    assert len(found) == count
    assert all(one.key.kind is KeyKind.SM2 for one in found)


@pytest.mark.parametrize("file", ["USER.p12", "SealBuilder.p12"])
def test_certificates_beside_keys_made_elsewhere_are_read(vectors: Path, file: str) -> None:
    opened = load_pkcs12((vectors / "seal" / file).read_bytes(), "777777")
    for data in opened.certificates:
        assert Certificate.load(data).key == opened.key.public


@pytest.mark.parametrize(
    ("file", "count"),
    [
        ("seal/UserV5.esl", 2),
        ("seal/UserV4.esl", 2),
        ("seal/UserV1.esl", 2),
        ("seal/blobs/jiangsu_tax_v4/Sign_0_SignedValue.dat", 2),
    ],
)
def test_certificates_inside_real_seals_are_read(vectors: Path, file: str, count: int) -> None:
    found = {
        Certificate.load(data)
        for data in _octet_strings(der.read_ber((vectors / file).read_bytes()))
        if data[:1] == b"\x30"
    }
    assert len(found) == count
    assert all(one.key.kind is KeyKind.SM2 for one in found)


def _octet_strings(element: der.Element) -> Iterator[bytes]:
    if element.tag == der.OCTET_STRING:
        yield element.content
    for child in element.children:
        yield from _octet_strings(child)


@pytest.mark.parametrize("file", ["sm2/leaf.csr", "sm2/tongsuo_sm2-csr.pem"])
def test_requests_made_elsewhere_are_read(vectors: Path, file: str) -> None:
    assert CertificateRequest.load((vectors / file).read_bytes()).key.kind is KeyKind.SM2


@pytest.mark.parametrize("kind", list(KeyKind))
def test_a_request_is_read_and_its_signature_checked(kind: KeyKind) -> None:
    made = make_request(key("request", kind), Subject.of("asking"), dns_names=["a.example"])
    assert (made.key, made.dns_names) == (key("request", kind).public, ("a.example",))
    with pytest.raises(CertificateRefused, match="has not shown the key"):
        CertificateRequest.load(changed(made.encoded, b"asking", b"taking"))


def _name(*pairs: tuple[str, int, bytes]) -> bytes:
    return der.sequence(
        *(
            der.element(der.SET, der.sequence(der.oid(oid), der.element(tag, content)))
            for oid, tag, content in pairs
        )
    )


def test_names_of_every_string_type_are_read() -> None:
    data = _name(
        ("2.5.4.6", 0x13, b"CN"),
        ("2.5.4.10", 0x0C, "某局".encode()),
        ("2.5.4.11", 0x1E, "部门".encode("utf-16-be")),
        ("2.5.4.3", 0x14, "张三".encode("gbk")),
        ("2.5.4.5", 0x13, "李".encode()),
        (oids.UNIQUE_IDENTIFIER, 0x0C, b"1234"),
        ("2.5.4.45", 0x03, b"\x00\xff"),
        ("1.2.3", 0x04, b"\x01"),
        ("2.5.4.3", 0x0C, b"\xff\xfe"),
        ("2.5.4.3", 0x0C, b"a,b=c\nd"),
    )
    texts = [text for _, text in read_name(der.read_der(data)).attributes]
    assert texts[:6] == ["CN", "某局", "部门", "张三", "李", "1234"]
    assert texts[6:9] == ["#030200ff", "#040101", "#0c02fffe"]
    assert str(read_name(der.read_der(data))).endswith("CN=a\\,b\\=c\\u000ad")


def test_names_match_whatever_their_case_spaces_and_string_type() -> None:
    one = read_name(der.read_der(_name(("2.5.4.3", 0x13, b"Test  CA "))))
    other = read_name(der.read_der(_name(("2.5.4.3", 0x0C, b"test ca"))))
    assert one.matches(other)
    assert not one.matches(read_name(der.read_der(_name(("2.5.4.10", 0x0C, b"test ca")))))


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (0x17, b"260131080000Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (0x17, b"5001010000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (0x17, b"260131080000+0800", datetime(2026, 1, 31, tzinfo=UTC)),
        (0x18, b"20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        (0x18, b"20260131080000.123Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (0x18, b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read(tag: int, text: bytes, expected: datetime) -> None:
    assert read_time(der.read_der(der.element(tag, text))) == expected


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (0x17, b""),
        (0x17, b"261331080000Z"),
        (0x17, b"260131080000"),
        (0x18, b"00000101000000Z"),
        (0x18, b"20260230000000Z"),
        (0x18, b"99991231235959-9999"),
        (0x13, b"260131080000Z"),
        (0x17, "２60131080000Z".encode()),
    ],
)
def test_times_that_are_none_are_refused(tag: int, text: bytes) -> None:
    data = changed(
        LEAF.encoded,
        _validity(LEAF.encoded),
        _validity(LEAF.encoded)[:2]
        + (der.element(tag, text) + bytes(200))[: len(_validity(LEAF.encoded)) - 2],
    )
    with pytest.raises(CertificateRefused):
        Certificate.load(data)


def _validity(data: bytes) -> bytes:
    parts = der.read_der(data).sequence()[0].sequence()
    return parts[4].encoded


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\x30\x00",
        LEAF.encoded[:-1],
        LEAF.encoded + b"\x00",
        b"\x30\x82\xff\xff" + LEAF.encoded[4:],
        b"\x31" + LEAF.encoded[1:],
        der.sequence(LEAF.encoded, LEAF.encoded, LEAF.encoded),
        der.sequence(*[der.null()] * 30_000),
        der.octet_string(bytes(70_000)),
    ],
)
def test_what_is_no_certificate_is_refused(broken: bytes) -> None:
    with pytest.raises(CertificateRefused):
        Certificate.load(broken)


def test_a_deep_or_large_certificate_is_refused_before_it_is_interpreted() -> None:
    deep = b""
    for _ in range(100):
        deep = der.sequence(deep)
    for data in (deep, der.sequence(bytes(65_000))):
        with pytest.raises(CertificateRefused):
            Certificate.load(data)


def test_an_extension_that_stands_twice_is_refused() -> None:
    data = LEAF.encoded
    twice = der.oid(oids.AUTHORITY_KEY_IDENTIFIER)
    with pytest.raises(CertificateRefused, match="twice"):
        Certificate.load(changed(data, twice, der.oid(oids.SUBJECT_KEY_IDENTIFIER)))


def test_a_key_of_another_kind_is_refused_by_name_and_the_certificate_is_still_read() -> None:
    curve = der.oid("1.2.840.10045.3.1.7")
    data = changed(LEAF.encoded, curve, der.element(6, bytes.fromhex("2b240303020801010b")[:8]))
    found = Certificate.load(data)
    with pytest.raises(KeyRefused):
        _ = found.key


def test_files_hold_pem_bundles_der_and_text_between() -> None:
    pem = encode_pem(LEAF, ROOT.certificate)
    assert load_certificates(b"subject=/CN=x\r\n" + pem.replace(b"\n", b"\r\n")) == (
        LEAF,
        ROOT.certificate,
    )
    assert load_certificate(LEAF.encoded) == LEAF
    with pytest.raises(CertificateRefused, match="2 certificates"):
        load_certificate(pem)
    crl = ROOT.crl()
    assert load_crls(crl.encoded) == load_crls(encode_pem(crl)) == (crl,)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        encode_pem(LEAF)[:-30],
        encode_pem(LEAF).replace(b"M", b"*"),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n" * 20_000,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 200_000 + b"\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_files_without_certificates_are_refused(data: bytes) -> None:
    with pytest.raises(CertificateRefused):
        load_certificates(data)


def test_a_trust_store_takes_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(encode_pem(ROOT.certificate))
    (tmp_path / "leaf.der").write_bytes(LEAF.encoded)
    (tmp_path / "list.crl").write_bytes(ROOT.crl().encoded)
    (tmp_path / "note.txt").write_text("nothing to read")
    (tmp_path / "key.pem").write_text(
        "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"
    )
    store = TrustStore.load(tmp_path)
    assert (store.anchors, store.intermediates) == ((ROOT.certificate,), (LEAF,))
    assert len(store.crls) == 1
    with pytest.raises(StoreError, match=r"gone\.pem"):
        TrustStore.load(tmp_path / "gone.pem")
    with pytest.raises(CertificateRefused, match=r"note\.txt"):
        TrustStore.load(tmp_path / "note.txt")
    (tmp_path / "broken.crt").write_bytes(LEAF.encoded[:50])
    with pytest.raises(CertificateRefused, match=r"broken\.crt"):
        TrustStore.load(tmp_path)


def test_identity_extensions_of_the_field_are_read_and_never_shown() -> None:
    from msb_identity.x509.making import extension

    value = der.element(0xA0, der.element(0x13, b"11010519491231002X"))
    leaf = ROOT.issue("x", extensions=[extension(oids.RESIDENT_NUMBER, value)]).certificate
    assert leaf.identity_numbers == {oids.RESIDENT_NUMBER: "11010519491231002X"}
    assert "11010519491231002X" not in repr(leaf)


def test_asn1crypto_knows_the_names_of_sm2_and_sm3() -> None:
    register()
    root = authority("sm2 names", kind=KeyKind.SM2).certificate
    parsed = x509.Certificate.load(root.encoded, strict=True)
    assert parsed["signature_algorithm"]["algorithm"].native == "sm3_sm2"
    assert parsed.public_key.curve == ("named", "sm2p256v1")
    assert algos.DigestAlgorithm({"algorithm": "sm3"})["algorithm"].dotted == "1.2.156.10197.1.401"
    assert algos.SignedDigestAlgorithm({"algorithm": "sm3_sm2"})["algorithm"].dotted == (
        "1.2.156.10197.1.501"
    )
    assert keys.NamedCurve("sm2p256v1").dotted == "1.2.156.10197.1.301"


def _pss(salt: int) -> bytes:
    sha256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.null())
    mask = der.sequence(der.oid(oids.MGF1), sha256)
    return der.sequence(
        der.element(0xA0, sha256), der.element(0xA1, mask), der.element(0xA2, der.integer(salt))
    )


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (b"", "unknown"),
        (_pss(32), "RSA-PSS-SHA256"),
        (_pss(20), "unknown"),
        (b"\x30\x03\x02\x01\x01", "unknown"),
    ],
)
def test_pss_is_taken_with_its_usual_parameters_only(parameters: bytes, name: str) -> None:
    assert AlgorithmIdentifier(oids.RSA_PSS, parameters).name.startswith(name)


def test_an_algorithm_with_null_and_one_without_are_the_same() -> None:
    plain = der.sequence(der.oid(oids.SM2_WITH_SM3))
    null = der.sequence(der.oid(oids.SM2_WITH_SM3), der.null())
    assert read_algorithm(der.read_der(plain)) == read_algorithm(der.read_der(null))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CN=",
        "O=x",
        "CN=a,CN=b",
        "XX=1,CN=a",
        "C=cn,CN=a",
        "C=CN CN=a",
        "CN=" + "长" * 65,
        "CN=a\nb",
    ],
)
def test_subjects_that_no_certificate_may_carry_are_refused(text: str) -> None:
    from msb_identity.errors import AuthorityRefused

    with pytest.raises(AuthorityRefused):
        Subject.parse(text)


def test_a_subject_is_read_with_escapes() -> None:
    subject = Subject.parse(r"C=CN, O=某市\, 某局, cn=张三")
    assert subject == Subject.of("张三", organisation="某市, 某局")
    assert NOW.tzinfo is UTC
