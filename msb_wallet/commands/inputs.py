"""What commands of msb-wallet share: a licence by its identifier, names of files, a window."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.errors import IdentifierRefused
from msb_identity.foundation.commands import (
    CommandError,
    shown_name,
)
from msb_wallet.codes.present import check_audience
from msb_wallet.errors import LicenceNotFound
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.store import StoredLicence, find_licence

if TYPE_CHECKING:
    from msb_wallet.folder import DataFolder


def find_by_text(folder: DataFolder, text: str) -> StoredLicence:
    """Find a licence by what was typed; CommandError or LicenceNotFound where there is none."""
    try:
        identifier = LicenceIdentifier.parse(text)
    except IdentifierRefused as error:
        raise CommandError(error.zh, error.en) from error
    if not folder.configuration_file.is_file():
        zh, en = "不是数据目录", "this is no data folder: it has no issuers.toml"
        raise CommandError(zh, en)
    with folder.store.read() as connection:
        licence = find_licence(connection, identifier.short)
    if licence is None:
        message = "no such licence"
        raise LicenceNotFound(message)
    return licence


def read_audience(name: str | None) -> str | None:
    """Take the name of a window; CommandError for none that could be one."""
    try:
        return None if name is None else check_audience(name)
    except ValueError as error:
        zh = "窗口名称不合要求"
        raise CommandError(zh, str(error)) from error


def read_path(text: str) -> Path:
    """Read the name of a file or folder; one that looks like a code is not repeated in an error."""
    if shown_name(text) != text:
        message = "no name of a file"
        raise argparse.ArgumentTypeError(message)
    return Path(text)
