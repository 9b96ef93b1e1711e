"""The CA: what it issues holds with openssl and pyOpenSSL; its folder holds between processes."""

from __future__ import annotations

import stat
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from OpenSSL import crypto

from msb_identity.errors import AuthorityRefused, CertificateRefused, StoreError
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import KeyUsage, TrustStore, encode_pem, oids, verify_chain
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.requests import CertificateRequest, make_request
from msb_identity.x509.responder import OcspResponder, PublicationServer
from msb_identity.x509.roles import Particulars, Role
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import DAY, NOW, key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from msb_identity.x509 import Certificate, RevocationList
    from tests.identity.conftest import Race

PERSON = Subject.of(
    "张三", organisation="某市数据局", unit="审批科", locality="某市", province="某省"
)
CREDIT_CODE = "11370306MB2867521U"


@pytest.fixture
def root(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority.create(tmp_path / "root", Subject.of("Root CA"))


def openssl_verify(
    openssl: str, folder: Path, leaf: Certificate, root: Certificate, *between: Certificate,
    crls: tuple[RevocationList, ...] = (),
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    (folder / "leaf.pem").write_bytes(encode_pem(leaf))
    (folder / "root.pem").write_bytes(encode_pem(root))
    (folder / "between.pem").write_bytes(encode_pem(*between))
    (folder / "crl.pem").write_bytes(encode_pem(*crls))
    is_sm2 = leaf.signature_algorithm.oid == oids.SM2_WITH_SM3
    return subprocess.run(
        [
            openssl, "verify", "-x509_strict", "-partial_chain",
            *(["-vfyopt", "distid:1234567812345678"] if is_sm2 else []),
            *(["-crl_check_all", "-CRLfile", str(folder / "crl.pem")] if crls else []),
            "-CAfile", str(folder / "root.pem"),
            *(["-untrusted", str(folder / "between.pem")] if between else []),
            str(folder / "leaf.pem"),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def pyopenssl_verify(
    leaf: Certificate,
    root: Certificate,
    *between: Certificate,
    crls: tuple[RevocationList, ...] = (),
) -> None:
    """Raise X509StoreContextError unless OpenSSL 4 inside pyOpenSSL takes the chain."""
    from cryptography import x509

    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(root.encoded)))
    for crl in crls:
        store.add_crl(x509.load_der_x509_crl(crl.encoded))
    if crls:
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
    loaded = [
        crypto.X509.from_cryptography(x509.load_der_x509_certificate(one.encoded))
        for one in (leaf, *between)
    ]
    crypto.X509StoreContext(store, loaded[0], loaded[1:]).verify_certificate()


@pytest.mark.parametrize("kind", list(KeyKind))
def test_what_it_makes_passes_openssl_and_pyopenssl(
    tmp_path: Path, program: Callable[[str], str], kind: KeyKind
) -> None:
    openssl = program("openssl")
    root = CertificateAuthority.create(tmp_path / "root", Subject.of("根 Root"), kind=kind)
    sub = CertificateAuthority.create(
        tmp_path / "sub", Subject.of("Sub"), issuer=root, kind=kind, path_length=0
    )
    good, bad = (sub.issue(PERSON, key(n, kind).public, role=Role.PERSON) for n in ("a", "b"))
    sub.revoke(bad.serial, reason="key-compromise")
    crls = (sub.make_crl(), root.make_crl())
    chain = (root.certificate, sub.certificate)
    # openssl 3 passes the signer's ID to the certificate in question only: link by link.
    for one, above in ((good, sub.certificate), (sub.certificate, root.certificate)):
        found = openssl_verify(openssl, tmp_path, one, above)
        assert found.returncode == 0, found.stderr
    pyopenssl_verify(good, *chain)
    pyopenssl_verify(good, *chain, crls=crls)
    with pytest.raises(crypto.X509StoreContextError, match="revoked"):
        pyopenssl_verify(bad, *chain, crls=crls)
    if kind is KeyKind.SM2:
        # … and to no CRL: its signature by itself.
        _openssl_checks_crl(openssl, tmp_path, sub, crls[0])
    else:
        assert openssl_verify(openssl, tmp_path, good, *chain, crls=crls).returncode == 0
        revoked = openssl_verify(openssl, tmp_path, bad, *chain, crls=crls)
        assert "certificate revoked" in revoked.stderr
    trust = TrustStore((root.certificate,), (sub.certificate,), crls)
    assert verify_chain(good, trust=trust, revocation="require").verdict is Verdict.VALID
    assert verify_chain(bad, trust=trust).step("revocation").code == "revoked"


def _openssl_checks_crl(
    openssl: str, folder: Path, issuer: CertificateAuthority, crl: RevocationList
) -> None:
    from msb_identity.pki.formats import encode_public_key

    (folder / "tbs").write_bytes(crl.tbs)
    (folder / "signature").write_bytes(crl.signature)
    (folder / "key.pem").write_bytes(encode_public_key(issuer.key.public))
    subprocess.run(
        [
            openssl, "pkeyutl", "-verify", "-pubin", "-inkey", str(folder / "key.pem"),
            "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678",
            "-in", str(folder / "tbs"), "-sigfile", str(folder / "signature"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip


def test_openssl_reads_a_request_made_here_and_the_other_way_round(
    tmp_path: Path, program: Callable[[str], str]
) -> None:
    openssl = program("openssl")
    made = make_request(key("asking", KeyKind.SM2), PERSON)
    (tmp_path / "ours.csr").write_bytes(made.encoded)
    subprocess.run(
        [openssl, "req", "-verify", "-in", str(tmp_path / "ours.csr"), "-inform", "DER", "-noout",
         "-vfyopt", "distid:1234567812345678"],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(
        [openssl, "req", "-new", "-newkey", "sm2", "-nodes", "-sm3", "-subj", "/CN=theirs",
         "-sigopt", "distid:1234567812345678", "-keyout", str(tmp_path / "k"),
         "-out", str(tmp_path / "theirs.csr")],
        check=True, capture_output=True,
    )  # fmt: skip
    theirs = CertificateRequest.load((tmp_path / "theirs.csr").read_bytes())
    assert str(theirs.subject) == "CN=theirs"


@pytest.mark.parametrize(
    ("role", "usage", "purposes"),
    [
        (Role.AUTHORITY, {KeyUsage.CERTIFICATE_SIGN, KeyUsage.CRL_SIGN}, None),
        (
            Role.PERSON,
            {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION},
            (oids.CLIENT_AUTH, oids.EMAIL_PROTECTION),
        ),
        (Role.SEAL_MAKER, {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}, None),
        (
            Role.TIMESTAMP,
            {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION},
            (oids.TIME_STAMPING,),
        ),
        (Role.OCSP, {KeyUsage.DIGITAL_SIGNATURE}, (oids.OCSP_SIGNING,)),
        (Role.SERVER, {KeyUsage.DIGITAL_SIGNATURE}, (oids.SERVER_AUTH,)),
    ],
)
def test_each_role_has_its_usages(
    root: CertificateAuthority, role: Role, usage: set[KeyUsage], purposes: tuple[str, ...] | None
) -> None:
    wanted = Particulars(dns_names=("a.example",)) if role is Role.SERVER else None
    made = root.issue(PERSON, key("role").public, role=role, particulars=wanted)
    assert set(made.facts.key_usage or ()) == usage
    assert made.facts.purposes == purposes
    assert made.facts.purposes_critical is (role is Role.TIMESTAMP)
    assert made.facts.is_authority is (role is Role.AUTHORITY)
    assert made.oddities == ()
    assert made.extensions[oids.BASIC_CONSTRAINTS].critical
    assert made.extensions[oids.KEY_USAGE].critical


def test_a_department_carries_its_credit_code(root: CertificateAuthority) -> None:
    wanted = Particulars(credit_code=CREDIT_CODE)
    made = root.issue(PERSON, key("d").public, role=Role.ORGANISATION, particulars=wanted)
    assert made.identity_numbers == {oids.ORGANISATION_CODE: CREDIT_CODE}
    for role, code in ((Role.PERSON, CREDIT_CODE), (Role.ORGANISATION, "short")):
        with pytest.raises(AuthorityRefused):
            root.issue(
                PERSON, key("d").public, role=role, particulars=Particulars(credit_code=code)
            )


def test_serial_numbers_are_random_and_long(root: CertificateAuthority) -> None:
    serials = {root.issue(PERSON, key("s").public, role=Role.PERSON).serial for _ in range(20)}
    assert len(serials) == 20
    assert all(number.bit_length() == 127 for number in serials)


def test_a_certificate_ends_with_its_authority(tmp_path: Path) -> None:
    root = CertificateAuthority.create(tmp_path / "r", Subject.of("R"), life=5 * DAY, now=NOW)
    made = root.issue(PERSON, key("e").public, role=Role.PERSON, life=50 * DAY, now=NOW)
    assert made.not_after == root.certificate.not_after
    with pytest.raises(AuthorityRefused, match="ended"):
        root.issue(PERSON, key("e").public, role=Role.PERSON, now=NOW + 6 * DAY)
    with pytest.raises(AuthorityRefused):
        root.issue(PERSON, key("e").public, role=Role.PERSON, life=timedelta(), now=NOW)


def test_times_from_2050_on_are_written_as_they_must_be(tmp_path: Path) -> None:
    root = CertificateAuthority.create(tmp_path / "r", Subject.of("R"), life=15_000 * DAY, now=NOW)
    assert root.certificate.not_after == NOW + 15_000 * DAY
    assert b"\x18\x0f2067" in root.certificate.encoded


def test_what_does_not_go_together_is_refused(root: CertificateAuthority) -> None:
    for role, wanted in (
        (Role.PERSON, Particulars(path_length=1)),
        (Role.AUTHORITY, Particulars(path_length=-1)),
        (Role.SERVER, Particulars()),
        (Role.SERVER, Particulars(dns_names=("bad name",))),
    ):
        with pytest.raises(AuthorityRefused):
            root.issue(PERSON, key("x").public, role=role, particulars=wanted)


def test_nobody_gets_the_authoritys_own_name(root: CertificateAuthority) -> None:
    with pytest.raises(AuthorityRefused, match="own name"):
        root.issue(Subject.of("root ca"), key("x").public, role=Role.PERSON)


def test_where_revocation_is_published_is_a_url(tmp_path: Path) -> None:
    for url in ("", "crl", "file:///etc/passwd", "http://a b"):
        with pytest.raises(AuthorityRefused, match="URL"):
            CertificateAuthority.create(tmp_path / "u", Subject.of("U"), crl_url=url)


def test_it_is_made_once_and_opened_as_it_was(root: CertificateAuthority, tmp_path: Path) -> None:
    again = CertificateAuthority.open(root.folder)
    assert (again.certificate, again.key.public) == (root.certificate, root.key.public)
    with pytest.raises(AuthorityRefused, match="already"):
        CertificateAuthority.create(root.folder, Subject.of("Second"))
    with pytest.raises(AuthorityRefused, match="no authority"):
        CertificateAuthority.open(tmp_path / "nothing")


def test_its_key_is_private_and_must_stay_so(root: CertificateAuthority) -> None:
    file = root.folder / "authority.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    with pytest.raises(StoreError, match="open to others"):
        CertificateAuthority.open(root.folder)


def test_a_folder_put_together_wrongly_is_refused(
    root: CertificateAuthority, tmp_path: Path
) -> None:
    other = CertificateAuthority.create(tmp_path / "other", Subject.of("Other"))
    (root.folder / "certificate.pem").write_bytes(encode_pem(other.certificate))
    with pytest.raises(AuthorityRefused, match="belong together"):
        CertificateAuthority.open(root.folder)
    (root.folder / "certificate.pem").write_bytes(b"cut short")
    with pytest.raises(CertificateRefused):
        CertificateAuthority.open(root.folder)


def test_only_its_own_are_revoked_and_only_once(root: CertificateAuthority) -> None:
    made = root.issue(PERSON, key("r").public, role=Role.PERSON)
    with pytest.raises(AuthorityRefused, match="issued no"):
        root.revoke(made.serial + 1)
    with pytest.raises(AuthorityRefused, match="reasons"):
        root.revoke(made.serial, reason="remove-from-crl")
    root.revoke(made.serial, reason="superseded", now=NOW)
    with pytest.raises(AuthorityRefused, match="already"):
        root.revoke(made.serial)
    crl = root.make_crl()
    found = crl.find(made.serial)
    assert found is not None
    assert (found.since, found.reason) == (NOW, "superseded")


def test_lists_are_numbered_in_order(root: CertificateAuthority) -> None:
    assert [root.make_crl().number for _ in range(3)] == [1, 2, 3]
    assert CertificateAuthority.open(root.folder).make_crl().number == 4


def test_state_that_was_edited_badly_is_refused(root: CertificateAuthority) -> None:
    made = root.issue(PERSON, key("r").public, role=Role.PERSON)
    root.revoke(made.serial)
    (root.folder / "revoked" / f"{made.serial:x}.json").write_text('{"since": "soon"}')
    with pytest.raises(AuthorityRefused, match="since when"):
        root.make_crl()
    (root.folder / "crl-number").write_text("many")
    with pytest.raises(AuthorityRefused, match="no number"):
        root.make_crl()


def test_processes_share_one_folder(root: CertificateAuthority, race: Race) -> None:
    script = """
from pathlib import Path
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
ca = CertificateAuthority.open(Path(arguments[0]))
public = generate_key(KeyKind.P256).public
go()
made = [ca.issue(Subject.of("x"), public, role=Role.PERSON) for _ in range(10)]
ca.revoke(made[0].serial)
print(*(ca.make_crl().number for _ in range(5)))
"""
    numbers = [int(n) for line in race(script, str(root.folder), processes=3) for n in line.split()]
    assert sorted(numbers) == list(range(1, 16))
    assert len(list((root.folder / "issued").iterdir())) == 30
    assert len(root.make_crl()) == 3


def test_the_responder_says_what_it_knows_and_refuses_the_rest(
    root: CertificateAuthority, tmp_path: Path
) -> None:
    from msb_identity.x509 import OcspAnswer
    from msb_identity.x509.ocsp import make_ocsp_request

    made = root.issue(PERSON, key("o").public, role=Role.PERSON)
    own = key("responder", KeyKind.SM2)
    delegated = root.issue(Subject.of("OCSP"), own.public, role=Role.OCSP)
    responder = OcspResponder(root, own, delegated)
    request = make_ocsp_request(made, root.certificate)
    answer = OcspAnswer.load(responder.answer(request))
    trust = TrustStore((root.certificate,), ocsp_answers=(answer,))
    report = verify_chain(made, trust=trust, revocation="require")
    assert report.verdict is Verdict.VALID
    other = CertificateAuthority.create(tmp_path / "other", Subject.of("Other"))
    for data in (b"", b"junk", request[:-1], make_ocsp_request(made, other.certificate)):
        with pytest.raises(CertificateRefused, match="did not answer"):
            OcspAnswer.load(responder.answer(data))


def test_openssl_asks_our_responder(tmp_path: Path, program: Callable[[str], str]) -> None:
    openssl = program("openssl")
    root = CertificateAuthority.create(tmp_path / "r", Subject.of("R"), kind=KeyKind.P256)
    made = root.issue(PERSON, key("o").public, role=Role.PERSON)
    (tmp_path / "ca.pem").write_bytes(encode_pem(root.certificate))
    (tmp_path / "leaf.pem").write_bytes(encode_pem(made))
    with PublicationServer({}, OcspResponder.of(root).answer) as server:
        found = subprocess.run(
            [openssl, "ocsp", "-issuer", str(tmp_path / "ca.pem"), "-cert",
             str(tmp_path / "leaf.pem"), "-CAfile", str(tmp_path / "ca.pem"),
             "-url", f"{server.url}/ocsp"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    assert "Response verify OK" in found.stderr
    assert "Nonce" not in found.stderr
    assert "good" in found.stdout


@pytest.mark.parametrize(
    "subject",
    ["/", "/O=nobody", "/CN=a\x1b[31m\nb", "/CN=a\u202eb", "/CN= ", "/CN=a/CN=b", "/C=cn/CN=a",
     "/CN=a/emailAddress=x\x07", "/CN=a/C=CN/C=CN"],
)  # fmt: skip
def test_a_request_names_somebody_who_can_be_read(
    root: CertificateAuthority, tmp_path: Path, program: Callable[[str], str], subject: str
) -> None:
    made = root.issue_for(openssl_request(program, tmp_path, "/CN=张三/emailAddress=z@a.cn"),
                          role=Role.PERSON)  # fmt: skip
    assert "张三" in str(made.subject)
    issued = {*(root.folder / "issued").iterdir()}
    with pytest.raises(AuthorityRefused):
        root.issue_for(openssl_request(program, tmp_path, subject), role=Role.PERSON)
    assert {*(root.folder / "issued").iterdir()} == issued


def openssl_request(
    program: Callable[[str], str], folder: Path, subject: str
) -> CertificateRequest:
    subprocess.run(
        [program("openssl"), "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-utf8", "-subj", subject, "-keyout", str(folder / "k"),
         "-out", str(folder / "csr")],
        check=True, capture_output=True,
    )  # fmt: skip
    return CertificateRequest.load((folder / "csr").read_bytes())
