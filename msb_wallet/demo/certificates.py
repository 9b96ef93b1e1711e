"""The department's key gets a certificate: a root, an authority below it, a CRL, and the check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.foundation.files import write_whole
from msb_identity.x509 import Purpose, TrustStore, encode_pem, verify_chain
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.roles import Particulars, Role
from msb_identity.x509.subjects import Subject

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_identity.pki.keys import VerifyingKey
    from msb_wallet.folder import ConfiguredIssuer

ROOT_CRL, DEPARTMENT_CRL = "http://ca.example/root.crl", "http://ca.example/department.crl"


def certify(folder: Path, department: ConfiguredIssuer, key: VerifyingKey) -> Report:
    """Certify a department's key in a new two-level CA under `folder`, and verify the chain.

    Leaves root.pem, department.pem and both CRLs there, so that the commands `cert verify`
    and `openssl` can be tried on them.
    """
    root = CertificateAuthority.create(
        folder / "root",
        Subject.of("演示根CA", organisation="演示", country="CN"),
        path_length=1,
        crl_url=ROOT_CRL,
    )
    authority = CertificateAuthority.create(
        folder / "authority",
        Subject.of("演示政务CA", organisation="演示", country="CN"),
        issuer=root,
        path_length=0,
        crl_url=DEPARTMENT_CRL,
    )
    certificate = authority.issue(
        Subject.of(department.name, organisation=department.name),
        key,
        role=Role.ORGANISATION,
        particulars=Particulars(credit_code=department.code),
    )
    crls = root.make_crl(), authority.make_crl()
    write_whole(folder / "root.pem", encode_pem(root.certificate))
    write_whole(folder / "department.pem", encode_pem(certificate, *authority.chain))
    for name, crl in zip(("root.crl", "department.crl"), crls, strict=True):
        write_whole(folder / name, crl.encoded)
    trust = TrustStore(anchors=(root.certificate,), crls=crls)
    return verify_chain(
        certificate, trust=trust, purpose=Purpose.SIGN, intermediates=authority.chain
    )
