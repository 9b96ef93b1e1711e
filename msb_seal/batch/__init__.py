"""Sealing many documents: PDF and OFD alike, prepared once, in any number of processes.

`DocumentBatch` seals documents in memory; `seal_many` seals files into a folder, tells of each in a
CSV as it goes, and goes on where it was killed. Decisions: docs/decisions/pdf.md, "batches".
"""

from msb_seal.batch.documents import Document, DocumentBatch, SealedDocument
from msb_seal.batch.files import FileJob, FileResult, Outcome
from msb_seal.batch.listing import CsvListing, FolderListing
from msb_seal.batch.many import seal_many

__all__ = [
    "CsvListing",
    "Document",
    "DocumentBatch",
    "FileJob",
    "FileResult",
    "FolderListing",
    "Outcome",
    "SealedDocument",
    "seal_many",
]
