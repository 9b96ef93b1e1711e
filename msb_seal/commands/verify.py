"""The command `msb-seal verify`: each file by its kind, and the exit status of them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msb_identity.commands.trust import add_paths, add_trust_arguments, read_whom
from msb_identity.foundation.commands import (
    check_files,
    read_input,
)
from msb_seal.commands.inputs import read_makers
from msb_seal.commands.states import add_states_arguments, read_states
from msb_seal.documents import MAX_DOCUMENT_BYTES, check_document

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.foundation.report import Report

    _Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name


def add_commands(commands: _Actions) -> None:
    """Add `verify` to the commands of msb-seal."""
    verify = commands.add_parser(
        "verify", help="验章 / verify seals and sealed files", description=_verify.__doc__
    )
    add_trust_arguments(verify)
    add_states_arguments(verify)
    add_paths(
        verify,
        "--makers",
        "只信任这些证书及其下级制章"
        " / trust no makers of seals but these certificates and those below them",
    )
    verify.add_argument(
        "--original",
        metavar="FILE",
        help="签章的原文，如 Signature.xml / what a bare seal signature was put on",
    )
    verify.add_argument(
        "files", metavar="FILE|-", nargs="+", help="印章、签章、OFD / a seal, a signature, an OFD"
    )
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace) -> int:
    """核验印章、签章与盖章的文件 / Verify seals, seal signatures and sealed files."""
    named, whom = arguments.original, read_whom(arguments)
    original = None if named is None else read_input(named, limit=MAX_DOCUMENT_BYTES)
    statuses, makers = read_states(arguments), read_makers(arguments.makers)

    def check(content: bytes) -> Report:
        return check_document(
            content,
            trust=whom.trust,
            at=whom.at,
            revocation=whom.revocation,
            fetch=whom.fetch,
            statuses=statuses,
            makers=makers,
            original=original,
        )

    return check_files(
        arguments.files, check, limit=MAX_DOCUMENT_BYTES, as_json=arguments.json, at=whom.at
    )
