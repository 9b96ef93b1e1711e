"""The commands `msb-identity ca` and `msb-identity cert`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.commands.trust import (
    add_paths,
    add_trust_arguments,
    read_trust,
    read_whom,
    unreadable_source,
)
from msb_identity.errors import CertificateRefused, IdentifierRefused
from msb_identity.foundation.commands import (
    EXIT_STATUS,
    CommandError,
    check_files,
    check_new_files,
    complain,
    parse_days,
    read_input,
    shown_name,
    write_out,
)
from msb_identity.foundation.files import new_private_file, write_whole
from msb_identity.people.identifiers import check_credit_code
from msb_identity.pki.formats import encode_key, load_public_key
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.crl import REASONS, RevocationList
from msb_identity.x509.files import MAX_BUNDLE_BYTES, encode_pem, load_certificates
from msb_identity.x509.ocsp import MAX_OCSP_BYTES, OcspAnswer
from msb_identity.x509.purposes import Purpose
from msb_identity.x509.trust import TrustStore

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.foundation.report import Report
    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.certificate import Certificate

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_ROLES = ("person", "organisation", "seal-maker", "timestamp", "ocsp", "server")
_REVOKE_REASONS = tuple(name for name in REASONS if name != "remove-from-crl")


def add_commands(areas: _Actions) -> None:
    """Add `ca` and `cert` to the areas of msb-identity."""
    ca = areas.add_parser("ca", help="证书认证机构 / a certificate authority")
    actions = ca.add_subparsers(metavar="ACTION", required=True)
    _add_init(actions)
    _add_issue(actions)
    _add_crl(actions)
    cert = areas.add_parser("cert", help="证书 / certificates")
    verify = cert.add_subparsers(metavar="ACTION", required=True).add_parser(
        "verify",
        help="核验证书 / verify certificates",
        description=_verify.__doc__,
        epilog=EXIT_STATUS,
    )
    _add_verify(verify)


def _add_init(actions: _Actions) -> None:
    init = actions.add_parser(
        "init", help="建立机构 / make an authority", description=_init.__doc__
    )
    _add_folder(init)
    _add_subject(init, required=True)
    _add_kind(init)
    _add_days(init)
    init.add_argument(
        "--issuer", metavar="FOLDER", type=Path, help="上级机构 / the authority above; else a root"
    )
    init.add_argument(
        "--path-length", metavar="N", type=int, help="其下还可有几级机构 / levels allowed below"
    )
    init.add_argument("--crl-url", metavar="URL", help="吊销列表的地址 / where its CRL will be")
    init.add_argument("--ocsp-url", metavar="URL", help="OCSP 的地址 / where OCSP is answered")
    init.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    init.set_defaults(command=_init)


def _add_issue(actions: _Actions) -> None:
    issue = actions.add_parser(
        "issue", help="签发证书 / issue a certificate", description=_issue.__doc__
    )
    _add_folder(issue)
    issue.add_argument("--role", required=True, choices=_ROLES, help="用途 / what it is for")
    source = issue.add_mutually_exclusive_group(required=True)
    source.add_argument("--request", metavar="FILE|-", help="证书请求 / a request (PKCS #10)")
    source.add_argument("--public", metavar="FILE", type=Path, help="公钥 / a public key")
    source.add_argument(
        "--new-key",
        metavar="FILE",
        type=Path,
        help="生成私钥并写入此文件 / make a key, keep it here",
    )
    _add_subject(issue, required=False)
    _add_kind(issue)
    _add_days(issue)
    issue.add_argument("--dns", metavar="NAME", action="append", default=[], help="域名 / DNS name")
    issue.add_argument(
        "--credit-code", metavar="CODE", help="统一社会信用代码 / an organisation's code"
    )
    issue.add_argument("--out", required=True, metavar="FILE", type=Path, help="证书 / certificate")
    issue.add_argument(
        "--chain", action="store_true", help="附上级证书 / with the certificates above it"
    )
    issue.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    issue.set_defaults(command=_issue)


def _add_crl(actions: _Actions) -> None:
    crl = actions.add_parser(
        "crl", help="吊销与吊销列表 / revoke, make a CRL", description=_crl.__doc__
    )
    _add_folder(crl)
    crl.add_argument("--out", required=True, metavar="FILE", type=Path, help="吊销列表 / the CRL")
    crl.add_argument(
        "--revoke",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="先吊销此证书 / revoke this certificate first",
    )
    crl.add_argument(
        "--reason", choices=_REVOKE_REASONS, default="unspecified", help="吊销原因 / why"
    )
    _add_days(crl)
    crl.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    crl.set_defaults(command=_crl)


def _add_verify(verify: argparse.ArgumentParser) -> None:
    add_trust_arguments(verify)
    add_paths(verify, "--ocsp", "OCSP 应答 / an OCSP answer")
    add_paths(verify, "--intermediate", "中间证书 / certificates between")
    verify.add_argument(
        "--purpose",
        choices=[str(purpose) for purpose in Purpose],
        default=str(Purpose.ANY),
        help="用途 / what it is to be used for",
    )
    verify.add_argument(
        "files", metavar="FILE|-", nargs="+", help="证书，PEM 或 DER / a certificate, PEM or DER"
    )
    verify.set_defaults(command=_verify)


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dir", required=True, metavar="FOLDER", type=Path, help="机构的文件夹 / its folder"
    )


def _add_subject(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--subject", required=required, metavar="NAME", help="主体 / subject: C=CN, O=…, CN=…"
    )


def _add_kind(parser: argparse.ArgumentParser) -> None:
    kinds = [str(kind) for kind in KeyKind]
    parser.add_argument(
        "--kind", choices=kinds, default=str(KeyKind.SM2), help="密钥种类 / kind of key"
    )


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", metavar="N", type=parse_days, help="有效天数 / days it is good for"
    )


def _init(arguments: argparse.Namespace) -> int:
    """建立根机构或下级机构 / Make a root authority, or one below another."""
    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.subjects import Subject

    issuer = CertificateAuthority.open(arguments.issuer) if arguments.issuer else None
    authority = CertificateAuthority.create(
        arguments.dir,
        Subject.parse(arguments.subject),
        issuer=issuer,
        kind=KeyKind(arguments.kind),
        life=arguments.days,
        path_length=arguments.path_length,
        crl_url=arguments.crl_url,
        ocsp_url=arguments.ocsp_url,
    )
    _tell(authority.certificate, as_json=arguments.json)
    return 0


def _issue(arguments: argparse.Namespace) -> int:
    """签发一张证书 / Issue a certificate for a request, a public key or a new key."""
    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.publishing import refuse_inside

    if (arguments.request is None) == (arguments.subject is None):
        zh, en = "--subject 与 --request 二者取一", "give --subject, or a --request that has one"
        raise CommandError(zh, en)
    authority = CertificateAuthority.open(arguments.dir)
    outputs = [path for path in (arguments.out, arguments.new_key) if path is not None]
    for path in outputs:
        refuse_inside(path, authority)
    check_new_files(*outputs)
    certificate = _certificate(arguments, authority)
    above = authority.chain if arguments.chain else ()
    try:
        write_whole(arguments.out, encode_pem(certificate, *above))
    except OSError as error:
        name, kept = shown_name(str(arguments.out)), f"issued/{certificate.serial:x}.pem"
        zh = f"证书已签发，但无法写入 {name}；见机构文件夹中的 {kept}"
        en = f"issued, but {name} cannot be written ({error.strerror}); its copy is {kept}"
        raise CommandError(zh, en) from error
    _tell(certificate, as_json=arguments.json)
    return 0


def _certificate(arguments: argparse.Namespace, authority: CertificateAuthority) -> Certificate:
    """Issue as asked; where that is refused, no new key is left behind."""
    from msb_identity.x509.authority import CERTIFICATE_LIFE
    from msb_identity.x509.requests import MAX_REQUEST_BYTES, CertificateRequest
    from msb_identity.x509.roles import Particulars, Role
    from msb_identity.x509.subjects import Subject

    role, life = Role(arguments.role), arguments.days or CERTIFICATE_LIFE
    particulars = Particulars(
        dns_names=tuple(arguments.dns), credit_code=_credit_code(arguments.credit_code)
    )
    if arguments.request is not None:
        request = CertificateRequest.load(read_input(arguments.request, limit=MAX_REQUEST_BYTES))
        return authority.issue_for(request, role=role, particulars=particulars, life=life)
    subject = Subject.parse(arguments.subject)
    if arguments.public is not None:
        public = load_public_key(arguments.public)
        return authority.issue(subject, public, role=role, particulars=particulars, life=life)
    key = generate_key(KeyKind(arguments.kind))
    with new_private_file(arguments.new_key, encode_key(key)):
        return authority.issue(subject, key.public, role=role, particulars=particulars, life=life)


def _crl(arguments: argparse.Namespace) -> int:
    """吊销证书并签发吊销列表 / Revoke certificates, and make the next CRL.

    --out may be an earlier CRL of this authority, and no other file that exists.
    """
    from msb_identity.x509.authority import CRL_LIFE, CertificateAuthority
    from msb_identity.x509.publishing import check_place

    authority = CertificateAuthority.open(arguments.dir)
    check_place(arguments.out, authority)
    # All are read before any is revoked.
    for serial in [_serial_to_revoke(path, arguments, authority) for path in arguments.revoke]:
        if authority.revoked(serial) is None:
            authority.revoke(serial, reason=arguments.reason)
    crl = authority.publish_crl(arguments.out, life=arguments.days or CRL_LIFE)
    told = {"entries": len(crl), "next_update": _text(crl), "number": crl.number}
    if arguments.json:
        write_out(json.dumps(told))
    else:
        write_out(f"CRL {crl.number}: {len(crl)} → {told['next_update']}")
    return 0


def _serial_to_revoke(
    path: Path, arguments: argparse.Namespace, authority: CertificateAuthority
) -> int:
    """Read which certificate is meant; one revoked already, for the same reason, is no error.

    A command that was interrupted can so be given again.
    """
    name = shown_name(path.name)
    # With its chain in the same file, the first is the one that is meant.
    certificate = load_certificates(read_input(str(path), limit=MAX_BUNDLE_BYTES))[0]
    issued_here = certificate.issuer.matches(authority.certificate.subject)
    if not issued_here or not authority.has_issued(certificate.serial):
        zh, en = f"{name} 不是本机构签发的", f"{name} was not issued by this authority"
        raise CommandError(zh, en)
    earlier = authority.revoked(certificate.serial)
    if earlier is not None:
        if earlier.reason != arguments.reason:
            zh = f"{name} 已因其他原因（{earlier.reason}）吊销"
            en = f"{name} is revoked already, for another reason ({earlier.reason})"
            raise CommandError(zh, en)
        complain(f"{name} 此前已吊销", f"{name} was revoked before")
    return certificate.serial


def _verify(arguments: argparse.Namespace) -> int:
    """核验证书的链、有效期、用途与吊销 / Verify chain, period, purpose and revocation."""
    whom = read_whom(arguments)
    trust = _helped(whom.trust, arguments)

    def check(content: bytes) -> Report:
        return verify_chain(
            content,
            trust=trust,
            at=whom.at,
            purpose=arguments.purpose,
            revocation=whom.revocation,
            fetch=whom.fetch,
        )

    return check_files(
        arguments.files, check, limit=MAX_BUNDLE_BYTES, as_json=arguments.json, at=whom.at
    )


def _helped(trust: TrustStore, arguments: argparse.Namespace) -> TrustStore:
    """Add the intermediates and OCSP answers that the caller gives; none of them is trusted."""
    between = read_trust(*arguments.intermediate)
    try:
        answers = [
            OcspAnswer.load(read_input(str(path), limit=MAX_OCSP_BYTES)) for path in arguments.ocsp
        ]
    except CertificateRefused as error:
        raise unreadable_source(error) from error
    return TrustStore(
        trust.anchors,
        (*trust.intermediates, *between.anchors, *between.intermediates),
        (*trust.crls, *between.crls),
        tuple(answers),
    )


def _credit_code(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return check_credit_code(text)
    except IdentifierRefused as error:
        raise CommandError(error.zh, error.en) from error


def _tell(certificate: Certificate, *, as_json: bool) -> None:
    told = {
        "not_after": certificate.not_after.isoformat(),
        "serial": f"{certificate.serial:x}",
        "sha256": certificate.fingerprint,
        "subject": str(certificate.subject),
    }
    if as_json:
        write_out(json.dumps(told, ensure_ascii=False))
    else:
        write_out("\n".join(f"{name}: {value}" for name, value in told.items()))


def _text(crl: RevocationList) -> str:
    return crl.next_update.isoformat() if crl.next_update else ""
