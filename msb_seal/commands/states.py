"""--seal-states: a published list of seal states, for the commands that verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.envelopes.jose import MAX_JWS_CHARS
from msb_identity.foundation.commands import CommandError, count_up_to, read_input
from msb_identity.pki.formats import MAX_KEY_BYTES, load_public_key

if TYPE_CHECKING:
    import argparse

    from msb_seal.seals.status import SealStatuses

_MAX_VERSION = 2**53


def add_states_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --seal-states, --seal-states-key and --seal-states-version."""
    parser.add_argument(
        "--seal-states",
        metavar="PATH",
        type=Path,
        help="印章状态清单，文件或文件夹 / a list of seal states, a file or a folder",
    )
    parser.add_argument(
        "--seal-states-key",
        metavar="FILE",
        help="清单签名者的公钥 / the public key of who signs it",
    )
    parser.add_argument(
        "--seal-states-version",
        metavar="N",
        type=count_up_to(_MAX_VERSION),
        help="已见过的最新版本，更旧的拒绝 / the newest version seen: older lists are refused",
    )


def read_states(arguments: argparse.Namespace) -> SealStatuses | None:
    """Read what `add_states_arguments` took; None where no list was named.

    Raises CommandError for a list without its key, and LifecycleRefused for one that is not its.
    """
    path: Path | None = arguments.seal_states
    if (path is None) != (arguments.seal_states_key is None):
        zh = "--seal-states 与 --seal-states-key 须同时给出"
        raise CommandError(zh, "--seal-states and --seal-states-key go together")
    oldest: int | None = arguments.seal_states_version
    if path is None:
        if oldest is not None:
            zh = "--seal-states-version 须与 --seal-states 同用"
            raise CommandError(zh, "--seal-states-version goes with --seal-states")
        return None
    from msb_seal.lifecycle import PublishedStates  # which loads the database

    signer = load_public_key(read_input(arguments.seal_states_key, limit=MAX_KEY_BYTES))
    if path.is_dir():
        return PublishedStates.from_folder(path, signer=signer, oldest_version=oldest or 0)
    text = read_input(str(path), limit=MAX_JWS_CHARS).decode("ascii", "replace").strip()
    return PublishedStates.open([text], signer=signer, oldest_version=oldest or 0)
