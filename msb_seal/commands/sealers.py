"""Which seal a command puts on a document: a file's, or one that a registry keeps.

A kept seal signs only for a user who may, for a purpose, while it is active, and each use is in the
audit log before the signature leaves.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msb_identity.foundation.commands import CommandError
from msb_seal.commands.inputs import read_seal
from msb_seal.commands.kept import add_store_arguments, check_kept, open_folder
from msb_seal.seals.sealer import KeySealer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.certificate import Certificate
    from msb_seal.seals.sealer import Sealer


def add_sealer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --seal, and --record with --user, --purpose, --data and --store."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--seal",
        metavar="FILE",
        help="印章；不给则只作数字签名 / a seal; without one, sign plainly",
    )
    which.add_argument(
        "--record", metavar="RECORD", help="登记的印章，按其授权使用 / a kept seal, by its grant"
    )
    parser.add_argument("--user", metavar="ID", help="用印人，与 --record 同用 / who uses it")
    parser.add_argument("--purpose", metavar="NAME", help="用印目的，与 --record 同用 / what for")
    add_store_arguments(parser)


def names_a_seal(arguments: argparse.Namespace) -> bool:
    """Whether a seal was named; CommandError where its user or purpose is missing or too much."""
    with_record = arguments.record is not None
    if any((given is not None) != with_record for given in (arguments.user, arguments.purpose)):
        zh, en = (
            "--record、--user、--purpose 须一并给出",
            "--record, --user and --purpose go together",
        )
        raise CommandError(zh, en)
    return with_record or arguments.seal is not None


@contextmanager
def open_sealer(
    arguments: argparse.Namespace, certificate: Certificate, key: SigningKey
) -> Iterator[Sealer]:
    """Open the seal that was named."""
    if arguments.record is None:
        yield KeySealer(read_seal(arguments.seal), certificate, key)
        return
    check_kept(arguments)
    with open_folder(arguments) as folder:
        yield folder.registry.sealer(
            arguments.record,
            certificate=certificate,
            key=key,
            user=arguments.user,
            purpose=arguments.purpose,
        )
