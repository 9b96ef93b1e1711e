"""What several commands of msb-seal take: keys, certificates, times, and whom to trust.

Secrets are read from files or asked for on a terminal, never taken from the arguments.
"""

from __future__ import annotations

import getpass
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.commands.trust import read_trust
from msb_identity.errors import WrongPassword
from msb_identity.foundation.commands import CommandError, read_input, read_password
from msb_identity.foundation.files import refuse_shared, write_whole
from msb_identity.pki.formats import MAX_KEY_BYTES, open_key_file
from msb_identity.x509.fetch import HttpFetcher
from msb_identity.x509.files import MAX_BUNDLE_BYTES, load_certificates
from msb_seal.errors import SealRefused
from msb_seal.seals.structure import MAX_SEAL_BYTES, parse_seal
from msb_seal.timestamp import HttpTimestampSource

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from msb_identity.pki.keys import SigningKey
    from msb_identity.pki.pkcs12 import KeyFile
    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.trust import TrustStore
    from msb_seal.seals.model import ElectronicSeal
    from msb_seal.timestamp import TimestampSource


def read_makers(paths: Sequence[Path]) -> TrustStore | None:
    """Read who vouches for makers of seals: each certificate in these files; None for no file."""
    if not paths:
        return None
    found = read_trust(*paths)
    return replace(found, anchors=(*found.anchors, *found.intermediates), intermediates=())


def add_key_arguments(parser: argparse.ArgumentParser, *, whose: str = "") -> None:
    """Add --key and --cert (with a prefix, as --maker-key), and --password-file."""
    prefix = f"--{whose}-" if whose else "--"
    parser.add_argument(
        f"{prefix}key", required=True, metavar="FILE|-", help="私钥 / the private key"
    )
    parser.add_argument(
        f"{prefix}cert", required=True, metavar="FILE", help="证书 / the key's certificate"
    )
    parser.add_argument(
        "--password-file",
        metavar="FILE|-",
        help="口令文件，取第一行；在终端上不给则询问"
        " / the file whose first line is the password; asked for on a terminal if left out",
    )


def read_key(name: str, password_file: str | None) -> SigningKey:
    """Read a private key; an encrypted one with the password of that file, or from the terminal."""
    found = _unlocked(name, password_file)
    if name != "-" and not found.encrypted:
        refuse_shared(Path(name))
    return found.key


def _unlocked(name: str, password_file: str | None) -> KeyFile:
    data = read_input(name, limit=MAX_KEY_BYTES)
    if password_file is not None:
        return open_key_file(data, read_password(password_file))
    try:
        return open_key_file(data)
    except WrongPassword:
        if name == "-" or sys.stdin is None or not sys.stdin.isatty():
            raise
    return open_key_file(data, getpass.getpass("口令 / password: "))


def read_certificate(name: str) -> Certificate:
    """Read a certificate; of a file with its chain, the first is the one that is meant."""
    return load_certificates(read_input(name, limit=MAX_BUNDLE_BYTES))[0]


def read_seal(name: str) -> ElectronicSeal:
    """Read a seal's file; SealRefused for anything else."""
    data = read_input(name, limit=MAX_SEAL_BYTES)
    if not data:
        message = f"{Path(name).name} is empty"
        raise SealRefused(message)
    return parse_seal(data)


def add_timestamp_argument(parser: argparse.ArgumentParser) -> None:
    """Add --timestamp, the address of a time-stamp authority, and --timestamp-private."""
    parser.add_argument(
        "--timestamp", metavar="URL", help="时间戳服务的地址 / a time-stamp authority's address"
    )
    parser.add_argument(
        "--timestamp-private",
        action="store_true",
        help="时间戳服务可在内网 / the authority may have a private address",
    )


def timestamps_of(arguments: argparse.Namespace) -> TimestampSource | None:
    """Give what `add_timestamp_argument` took."""
    if arguments.timestamp is None:
        return None
    fetcher = HttpFetcher(allow_private=arguments.timestamp_private)
    return HttpTimestampSource(arguments.timestamp, fetcher=fetcher)


def days_after(start: datetime, days: timedelta) -> datetime:
    """Give the end of a period; past the end of the calendar it was called wrongly."""
    try:
        return start + days
    except OverflowError as error:
        zh, en = "有效期晚于 9999 年", "a period may not end after the year 9999"
        raise CommandError(zh, en) from error


def write_new(path: Path, content: bytes) -> None:
    """Write a file that must not exist yet."""
    if path.exists():
        zh, en = f"{path.name} 已存在，不覆盖", f"{path.name} exists and is not overwritten"
        raise CommandError(zh, en)
    write_whole(path, content)
