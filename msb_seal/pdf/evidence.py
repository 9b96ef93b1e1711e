"""What lets a signature be checked long after: certificates and revocation answers in the file.

B-LT puts them into the document security store (DSS); B-LTA stamps the whole file with a time on
top, again whenever that time-stamp's own evidence would end. Neither changes what a signature
covers. Sources: ETSI EN 319 142-1 clauses 5.4 and 5.5, ISO 32000-2 section 12.8.4.3.
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from msb_identity.errors import CertificateRefused, EncodingRefused
from msb_identity.foundation.report import Outcome
from msb_identity.x509.certificate import Certificate
from msb_identity.x509.chain import verify_chain
from msb_identity.x509.files import load_crls
from msb_identity.x509.ocsp import OcspAnswer
from msb_seal.cms.structure import parse_cms
from msb_seal.errors import CmsRefused, SealRefused, TimestampRefused
from msb_seal.pdf.embedding import write_unfilled
from msb_seal.pdf.fields import add_field
from msb_seal.pdf.opening import entry, open_update, reading, refused
from msb_seal.pdf.pages import read_pages
from msb_seal.pdf.sign import TIMESTAMP_BYTES, SignatureForm
from msb_seal.seals.structure import parse_seal_signature
from msb_seal.timestamp.structure import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from msb_identity.foundation.report import Report
    from msb_identity.x509.crl import RevocationList
    from msb_identity.x509.fetch import Fetcher
    from msb_identity.x509.trust import TrustStore
    from msb_seal.cms.structure import CmsSignature
    from msb_seal.seals.sealer import TimestampSource

MAX_PATH = 10
_Certificates: TypeAlias = list[Certificate]
_LONG_FORM, _LENGTH_BYTES = 0x80, 0x7F


@dataclass(frozen=True, slots=True)
class Evidence:
    """What goes into a document security store."""

    certificates: tuple[Certificate, ...] = field(default=(), repr=False)
    crls: tuple[RevocationList, ...] = field(default=(), repr=False)
    ocsp_answers: tuple[OcspAnswer, ...] = field(default=(), repr=False)


def gather_evidence(
    data: bytes,
    *,
    trust: TrustStore,
    fetch: Fetcher | None = None,
    at: datetime | None = None,
) -> Evidence:
    """Gather what a later check of all signatures and time-stamps in a PDF will need.

    trust: anchors, and CRLs and answers that are at hand; fetch: what fetches others.
    at: when they are to be good, the clock's time by default.

    SealingRefused ("no-evidence") where a chain leads to no anchor, or a revocation answer that a
    certificate says is published cannot be had; as `open_update` does, too.
    """
    recorder = None if fetch is None else _Recorder(fetch)
    with reading():
        values = list(_values(open_update(data).prev))
    subjects, pool = _certificates(values)
    known = [*pool, *trust.intermediates, *trust.anchors]
    used: dict[bytes, Certificate] = {one.encoded: one for one in pool}
    for subject in subjects:
        _require_good(verify_chain(subject, trust=trust, at=at, intermediates=pool, fetch=recorder))
        used.update((one.encoded, one) for one in _path(subject, known))
    chain = tuple(used.values())
    crls = [crl for crl in trust.crls if any(crl.issuer.matches(one.subject) for one in chain)]
    answers = list(trust.ocsp_answers)
    if recorder is not None:
        crls += recorder.crls
        answers += recorder.answers
    return Evidence(chain, tuple(dict.fromkeys(crls)), tuple(dict.fromkeys(answers)))


def add_evidence(data: bytes, evidence: Evidence) -> bytes:
    """Add evidence to the PDF's document security store, in one more update (B-LT).

    Raises SealingRefused as `open_update` does.
    """
    writer = open_update(data)
    with reading():
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            None,
            certs=[asn1_x509.Certificate.load(one.encoded) for one in evidence.certificates],
            crls=[asn1_crl.CertificateList.load(one.encoded) for one in evidence.crls],
            ocsps=[asn1_ocsp.OCSPResponse.load(one.encoded) for one in evidence.ocsp_answers],
        )
        return _written(writer)


def add_document_timestamp(data: bytes, *, timestamps: TimestampSource) -> bytes:
    """Stamp the whole PDF with a time, in one more update (B-LTA).

    Raises SealingRefused as `open_update` does, TimestampRefused where no time-stamp comes.
    """
    writer = open_update(data)
    with reading():
        signing = add_field(writer, read_pages(writer), (), None, called="Timestamp")
        value = DocumentTimestamp(bytes_reserved=2 * TIMESTAMP_BYTES)
        unfilled = write_unfilled(writer, signing, value=value, digest="sha256")
    return unfilled.filled(timestamps.stamp(unfilled.covered))


class _Recorder:
    """A fetcher that keeps what it fetched."""

    def __init__(self, fetch: Fetcher) -> None:
        self._fetch = fetch
        self.crls: list[RevocationList] = []
        self.answers: list[OcspAnswer] = []

    def get(self, url: str, *, limit: int) -> bytes:
        body = self._fetch.get(url, limit=limit)
        with suppress(CertificateRefused, EncodingRefused):  # whoever asked reports that
            self.crls += load_crls(body)
        return body

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        answer = self._fetch.post(url, body, content_type=content_type, limit=limit)
        with suppress(CertificateRefused, EncodingRefused):
            self.answers.append(OcspAnswer.load(answer))
        return answer


def _written(writer: Any) -> bytes:  # noqa: ANN401 - pyHanko has no types
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def _values(reader: Any) -> Iterator[tuple[str, bytes]]:  # noqa: ANN401 - as above
    """Give SubFilter and value of every signature, the padding taken off."""
    for _, _, reference in enumerate_sig_fields(reader, filled_status=True):
        signature = reference.get_object()["/V"]
        contents = signature["/Contents"]
        value = bytes(getattr(contents, "original_bytes", contents))
        yield str(entry(signature, "/SubFilter", "")), _cut(value)


def _cut(value: bytes) -> bytes:
    """Take off the zeros behind a DER value."""
    if len(value) < 2:  # noqa: PLR2004 - a tag and a length
        return value
    head, size = 2, value[1]
    if size & _LONG_FORM:
        head += size & _LENGTH_BYTES
        size = int.from_bytes(value[2:head], "big")
    return value[: head + size]


def _certificates(values: Iterable[tuple[str, bytes]]) -> tuple[_Certificates, _Certificates]:
    """Give the certificates to be vouched for, and all that the signatures carry."""
    subjects: list[Certificate] = []
    pool: list[Certificate] = []
    for subfilter, value in values:
        try:
            if subfilter == SignatureForm.SES.subfilter:
                seal_signature = parse_seal_signature(value)
                found = [seal_signature.certificate, seal_signature.seal.maker_certificate]
                certificates = [Certificate.load(one) for one in found]
                subjects += certificates
                pool += certificates
                tokens = [seal_signature.timestamp]
            else:
                cms = parse_cms(value)
                tokens = [token for signer in cms.signers for token in signer.timestamps]
                _collect(cms, subjects, pool)
            for token in tokens:
                if token is not None:
                    _collect(parse_timestamp(token).signature, subjects, pool)
        except (CmsRefused, SealRefused, TimestampRefused, CertificateRefused) as error:
            zh, en = "有签名无法读取", f"there is a signature that cannot be read: {error}"
            raise refused("no-evidence", zh, en) from error
    return list(dict.fromkeys(subjects)), list(dict.fromkeys(pool))


def _collect(cms: CmsSignature, subjects: list[Certificate], pool: list[Certificate]) -> None:
    pool += cms.certificates
    subjects += [
        one for one in cms.certificates if any(signer.is_of(one) for signer in cms.signers)
    ]


def _require_good(report: Report) -> None:
    for step in report.steps:
        if step.outcome in {Outcome.FAILED, Outcome.UNKNOWN}:
            zh = f"证据不全：{step.zh}"
            raise refused("no-evidence", zh, f"no evidence: {step.en}")


def _path(subject: Certificate, known: list[Certificate]) -> Iterator[Certificate]:
    """Give the certificate and those above it, by their names."""
    current: Certificate | None = subject
    for _ in range(MAX_PATH):
        if current is None:
            return
        yield current
        above, below = current.issuer, current
        current = next(
            (one for one in known if one.subject.matches(above) and one.encoded != below.encoded),
            None,
        )
