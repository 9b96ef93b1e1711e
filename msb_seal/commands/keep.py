"""The command `msb-seal keep`: what a sealed PDF needs to be checked long after (B-LT, B-LTA).

Thin: reads its arguments, calls the public functions and writes the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.commands.trust import add_source_arguments, read_whom
from msb_identity.foundation.clock import aware
from msb_identity.foundation.commands import CommandError, read_input, write_out
from msb_identity.x509.revocation import RevocationPolicy
from msb_seal.commands.inputs import (
    add_timestamp_argument,
    timestamps_of,
    write_new,
)
from msb_seal.documents import MAX_DOCUMENT_BYTES, is_pdf

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.commands import CommandParser

    _Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name


def add_commands(commands: _Actions) -> None:
    """Add `keep` to the commands of msb-seal."""
    keep = commands.add_parser(
        "keep", help="长期保存 / make a sealed PDF last", description=_keep.__doc__
    )
    keep.add_argument("file", metavar="FILE|-", help="PDF")
    add_source_arguments(keep)
    add_timestamp_argument(keep)
    keep.add_argument("--out", metavar="FILE", required=True, type=Path, help="输出 / output")
    keep.set_defaults(command=_keep, at=None, revocation=str(RevocationPolicy.IF_PUBLISHED))


def _keep(arguments: argparse.Namespace) -> int:
    """把证书和吊销信息存入 PDF，并加盖时间戳 / Put evidence, and a time-stamp, into a PDF."""
    from msb_seal.pdf.evidence import add_document_timestamp, add_evidence, gather_evidence

    data, whom = read_input(arguments.file, limit=MAX_DOCUMENT_BYTES), read_whom(arguments)
    if not is_pdf(data):
        zh, en = "不是 PDF", "this is no PDF"
        raise CommandError(zh, en)
    evidence = gather_evidence(data, trust=whom.trust, fetch=whom.fetch, at=aware(None))
    kept = add_evidence(data, evidence)
    timestamps = timestamps_of(arguments)
    if timestamps is not None:
        kept = add_document_timestamp(kept, timestamps=timestamps)
    write_new(arguments.out, kept)
    write_out(f"{arguments.out.name}: 已存证据 / evidence added")
    return 0
