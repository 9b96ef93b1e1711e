"""Sealing many documents in memory: what does not change is prepared once, one stops no other.

PDF or OFD is found out by content. A registry's reserved sealer has the uses of a group recorded in
one transaction, before the first of the group is signed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msb_identity.errors import MsbError
from msb_identity.foundation.clock import aware
from msb_seal.documents import is_archive, is_pdf
from msb_seal.errors import SealingRefused
from msb_seal.ofd.package import OfdPackage
from msb_seal.ofd.sign import OfdSealing
from msb_seal.seals.sealer import Sealer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from msb_seal.lifecycle.uses import Use
    from msb_seal.ofd.sign import PreparedOfd
    from msb_seal.pdf.fast import PdfSealing
    from msb_seal.pdf.sign import PdfOptions, PreparedPdf
    from msb_seal.placement import Place
    from msb_seal.seals.model import SealPicture
    from msb_seal.seals.sealer import TimestampSource

GROUP = 100
"""So many documents are prepared, recorded and sealed together, and make one task of a worker."""
GROUP_BYTES = 64 * 1024 * 1024
"""A group ends when its documents take so much memory, however few they are."""


@runtime_checkable
class RecordingSealer(Sealer, Protocol):
    """A sealer that has several uses recorded in one transaction (lifecycle's ReservedSealer)."""

    def record(
        self, uses: Sequence[Use], *, since: datetime | None = None, now: datetime | None = None
    ) -> None:
        """Record the next uses: all of them or, with SealingRefused, none."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document to seal, with its name for the log.

    places: where the seal goes, None for the batch's. reason: what a PDF's signature gives as its
    reason, None for the batch's.
    """

    name: str
    data: bytes | OfdPackage = field(repr=False)
    places: tuple[Place, ...] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SealedDocument:
    """What became of one document: the sealed file, or why there is none."""

    name: str
    data: bytes | None = field(default=None, repr=False)
    error: MsbError | None = None


@dataclass(frozen=True)
class DocumentBatch:
    """Puts one seal on many documents, each at the same places unless it says otherwise.

    options: how PDFs are signed; chains, remarks and forms are theirs alone. final: lock every
    document. picture: what shows in PDFs, where the seal's own is none that a PDF can have.
    timestamps: what stamps every signature. The signer's first signature of each group is verified
    before it is let out; the rest are the same key's.
    """

    sealer: Sealer
    places: tuple[Place, ...]
    options: PdfOptions | None = None
    final: bool = False
    picture: SealPicture | None = field(default=None, repr=False)
    timestamps: TimestampSource | None = field(default=None, repr=False)

    def seal(
        self,
        documents: Iterable[Document],
        *,
        now: datetime | None = None,
        since: datetime | None = None,
    ) -> Iterator[SealedDocument]:
        """Seal documents in their order.

        since: the time that documents are sealed with, where they were begun then by a batch that
        was killed: what had been recorded is not counted again. `now` is then what it is now.

        Raises SealingRefused where signer and seal do not fit; every other refusal is an answer.
        """
        group: list[Document] = []
        size = 0
        for document in documents:
            group.append(document)
            size += len(document.data) if isinstance(document.data, bytes) else 0
            if len(group) >= GROUP or size >= GROUP_BYTES:
                yield from self._seal_group(group, aware(now), since)
                group, size = [], 0
        yield from self._seal_group(group, aware(now), since)

    @cached_property
    def _ofd(self) -> OfdSealing:
        return OfdSealing.of(self.sealer.seal, self.sealer.certificate)

    @cached_property
    def _pdf(self) -> PdfSealing:
        from msb_seal.pdf.fast import PdfSealing  # which loads pyHanko
        from msb_seal.pdf.sign import DEFAULT, TIMESTAMP_BYTES

        options = DEFAULT if self.options is None else self.options
        return PdfSealing(
            self.sealer.seal,
            self.sealer.certificate,
            replace(options, final=True) if self.final else options,
            self.picture,
            0 if self.timestamps is None else TIMESTAMP_BYTES,
        )

    def _seal_group(
        self, group: list[Document], now: datetime, since: datetime | None
    ) -> Iterator[SealedDocument]:
        time = now if since is None else since
        prepared = [self._prepare(document, time) for document in group]
        waiting = [one for one in prepared if isinstance(one, _Waiting)]
        refusal = self._record(waiting, now, since)
        verify = True
        for one in prepared:
            if isinstance(one, SealedDocument):
                yield one
            elif refusal is not None:
                yield SealedDocument(one.name, error=refusal)
            else:
                done = self._sign(one, verify=verify)
                verify = verify and done.error is not None
                yield done

    def _prepare(self, document: Document, now: datetime) -> _Waiting | SealedDocument:
        # Outside `try`: a signer who may not use this seal starts no batch.
        sealing = self._pdf if _is_pdf(document) else self._ofd
        try:
            if isinstance(sealing, OfdSealing):
                return _Waiting(document.name, self._prepare_ofd(sealing, document, now))
            return _Waiting(document.name, self._prepare_pdf(sealing, document, now))
        except MsbError as error:
            return SealedDocument(document.name, error=error)
        except Exception as error:  # noqa: BLE001 - whatever a file brings about, the rest goes on
            kind = type(error).__name__
            code, zh, en = "unexpected", f"意外错误（{kind}）", f"an unexpected error ({kind})"
            return SealedDocument(document.name, error=SealingRefused(code, zh, en))

    def _prepare_ofd(self, sealing: OfdSealing, document: Document, now: datetime) -> PreparedOfd:
        data = document.data
        if isinstance(data, bytes) and not is_archive(data):
            code, zh = "unknown-kind", "内容不是 PDF 或 OFD"
            raise SealingRefused(code, zh, "by its content neither PDF nor OFD")
        package = data if isinstance(data, OfdPackage) else OfdPackage.read(data)
        return sealing.prepare(package, places=self._places(document), now=now, final=self.final)

    def _prepare_pdf(self, sealing: PdfSealing, document: Document, now: datetime) -> PreparedPdf:
        remarks = None
        if document.reason is not None:
            remarks = replace(sealing.options.remarks, reason=document.reason)
        assert isinstance(document.data, bytes)  # noqa: S101 - what _is_pdf has looked at
        places = self._places(document)
        return sealing.prepare(document.data, places=places, remarks=remarks, now=now)

    def _places(self, document: Document) -> tuple[Place, ...]:
        return self.places if document.places is None else document.places

    def _record(
        self, waiting: Sequence[_Waiting], now: datetime, since: datetime | None
    ) -> MsbError | None:
        """Have the uses recorded together where the sealer can; give its refusal, if any."""
        if not waiting or not isinstance(self.sealer, RecordingSealer):
            return None
        from msb_seal.lifecycle.uses import Use

        uses = [Use(one.prepared.digest, one.name) for one in waiting]
        try:
            self.sealer.record(uses, since=since, now=now)
        except MsbError as error:
            return error
        return None

    def _sign(self, waiting: _Waiting, *, verify: bool) -> SealedDocument:
        prepared = waiting.prepared
        try:
            signature = self.sealer.sign(
                prepared.to_sign, digest=prepared.digest, document=waiting.name, now=prepared.time
            )
            data = prepared.finish(signature, timestamps=self.timestamps, verify=verify)
        except MsbError as error:
            return SealedDocument(waiting.name, error=error)
        return SealedDocument(waiting.name, data)


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: str
    prepared: PreparedOfd | PreparedPdf


def _is_pdf(document: Document) -> bool:
    return isinstance(document.data, bytes) and is_pdf(document.data)
