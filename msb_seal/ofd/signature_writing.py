"""Writing Signatures.xml and Signature.xml as GB/T 33190-2016, clause 18, orders them.

The same values always give the same bytes. SignatureText holds what the documents of a batch share,
so that each of them costs one join.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from msb_seal.ofd.signature_xml import SignatureList, SignatureRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from msb_seal.ofd.digests import FileDigest
    from msb_seal.ofd.signature_xml import Provider, SignatureType, Stamp

NAMESPACE = "http://www.ofdspec.org/2016"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_ID = re.compile(r"(\D*)(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class SignatureText:
    """What Signature.xml says apart from time, references and stamps.

    method: the OID of the signature algorithm. seal_name, value_name: absolute names.
    """

    provider: Provider
    method: str
    digest: FileDigest
    seal_name: str | None
    value_name: str

    def write(
        self, *, time: datetime, checked: Iterable[tuple[str, bytes]], stamps: Sequence[Stamp]
    ) -> bytes:
        """Write Signature.xml. checked: the name and the digest of every file it protects."""
        moment = time.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
        references = "".join(
            f"<ofd:Reference FileRef={_quoted(name)}>"
            f"<ofd:CheckValue>{b2a_base64(value, newline=False).decode()}</ofd:CheckValue>"
            "</ofd:Reference>"
            for name, value in checked
        )
        seal = (
            ""
            if self.seal_name is None
            else f"<ofd:Seal><ofd:BaseLoc>{escape(self.seal_name)}</ofd:BaseLoc></ofd:Seal>"
        )
        provider = self.provider
        return (
            f'{_HEAD}<ofd:Signature xmlns:ofd="{NAMESPACE}"><ofd:SignedInfo>'
            f"<ofd:Provider ProviderName={quoteattr(provider.name)}"
            f" Version={quoteattr(provider.version)} Company={quoteattr(provider.company)}/>"
            f"<ofd:SignatureMethod>{escape(self.method)}</ofd:SignatureMethod>"
            f"<ofd:SignatureDateTime>{moment}</ofd:SignatureDateTime>"
            f'<ofd:References CheckMethod="{self.digest.oid}">{references}</ofd:References>'
            f"{''.join(_stamp(stamp) for stamp in stamps)}{seal}</ofd:SignedInfo>"
            f"<ofd:SignedValue>{escape(self.value_name)}</ofd:SignedValue></ofd:Signature>"
        ).encode()


def write_signature_list(signatures: SignatureList) -> bytes:
    """Write Signatures.xml."""
    highest = "" if signatures.max_id is None else signatures.max_id
    records = "".join(_record(record) for record in signatures.records)
    maximum = f"<ofd:MaxSignId>{escape(highest)}</ofd:MaxSignId>" if highest else ""
    return (
        f'{_HEAD}<ofd:Signatures xmlns:ofd="{NAMESPACE}">{maximum}{records}</ofd:Signatures>'
    ).encode()


def with_record(
    signatures: SignatureList, *, kind: SignatureType, location: str
) -> tuple[SignatureList, SignatureRecord]:
    """Add a record whose id follows the highest one so far (1, or s001 after s000)."""
    record = SignatureRecord(_next_id(signatures), kind, location)
    return SignatureList((*signatures.records, record), record.id), record


@lru_cache(1_024)
def _quoted(name: str) -> str:
    """Quote an attribute's value; the documents of a batch have the same names of files."""
    return quoteattr(name)


def _next_id(signatures: SignatureList) -> str:
    prefix, width, highest = "", 1, 0
    for text in (*(record.id for record in signatures.records), signatures.max_id or ""):
        match = _ID.fullmatch(text)
        if match is not None and int(match[2]) >= highest:
            prefix, width, highest = match[1], len(match[2]), int(match[2])
    return f"{prefix}{highest + 1:0{width}d}"


def _record(record: SignatureRecord) -> str:
    relative = "" if record.relative is None else f" Relative={quoteattr(record.relative)}"
    return (
        f'<ofd:Signature ID={quoteattr(record.id)} Type="{record.type}"'
        f" BaseLoc={quoteattr(record.location)}{relative}/>"
    )


def _stamp(stamp: Stamp) -> str:
    clip = "" if stamp.clip is None else f' Clip="{stamp.clip}"'
    return (
        f"<ofd:StampAnnot ID={quoteattr(stamp.id)} PageRef={quoteattr(stamp.page_id)}"
        f' Boundary="{stamp.box}"{clip}/>'
    )
