"""What the commands of `msb-seal lifecycle` work on: a data folder, and applications as files.

    store.sqlite     the registry, beside whatever else the installation keeps
    keys/            the keys of protection, each a file of mode 0600
    lifecycle.toml   the platform's table of codes, where it has one of its own

A database elsewhere is named by its URL. Applications are files, since what stands in arguments
everybody on the machine can read, and applicants have names.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import EncodingRefused
from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.commands import STORE_VARIABLE, CommandError, read_input, shown_name
from msb_identity.foundation.files import PRIVATE_FOLDER_MODE, PRIVATE_MODE, make_folder
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.foundation.toml_models import read_model
from msb_seal.commands.inputs import read_certificate
from msb_seal.lifecycle import Application, SealRegistry, default_codes, load_codes, metadata
from msb_seal.lifecycle.applications import MAX_PICTURE_BYTES, MAX_SIGNERS
from msb_seal.seals.model import SealPicture

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from msb_seal.lifecycle import Codes

DATA_VARIABLE = "MSB_DATA"
DEFAULT_DATA = "msb-data"
STORE_FILE = "store.sqlite"
CODES_FILE = "lifecycle.toml"
AUDIT_WRITER = "seal"
MAX_APPLICATION_BYTES = 100_000
TABLES = (protect.metadata, audit.metadata, metadata)


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """An open data folder."""

    store: Store
    protector: Protector
    registry: SealRegistry


def add_store_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --data and --store."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        default=os.environ.get(DATA_VARIABLE, DEFAULT_DATA),
        help=f"数据目录 / data folder (${DATA_VARIABLE}, default {DEFAULT_DATA})",
    )
    parser.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"数据库地址 / the store's URL (${STORE_VARIABLE}; default in DIR)",
    )


def check_kept(arguments: argparse.Namespace) -> None:
    """Raise CommandError where the data folder that is named keeps no store."""
    if arguments.store is None and not (arguments.data / STORE_FILE).is_file():
        zh, en = "数据目录中没有印章登记", "the data folder keeps no seals"
        raise CommandError(zh, en)


def codes_of(folder: Path) -> Codes:
    """Read the table of codes of a data folder: its own, or the one of the package."""
    own = folder / CODES_FILE
    return load_codes(own) if own.exists() else default_codes()


@contextmanager
def open_folder(arguments: argparse.Namespace) -> Iterator[KeptFolder]:
    """Open what `add_store_arguments` named; it is made at first use."""
    folder: Path = arguments.data
    url = arguments.store
    if url is None:
        make_folder(folder, PRIVATE_FOLDER_MODE)
        # Whatever mode the folder has: the store is for nobody else to read.
        (folder / STORE_FILE).touch(mode=PRIVATE_MODE)
        url = file_url(folder / STORE_FILE)
    codes = codes_of(folder)
    with closing(Store.open(url, *TABLES)) as store:
        protector = Protector.from_folder(store, folder / "keys")
        log = Audit(store, protector, writer=AUDIT_WRITER)
        yield KeptFolder(store, protector, SealRegistry(store, protector, log, codes=codes))


class _ApplicationFile(BaseModel):
    """One application as a TOML file; names of files are meant from its folder on."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    unit: str
    type: Annotated[int, Field(ge=0)]
    name: str
    picture: str
    picture_type: str | None = None
    size_mm: Annotated[list[int], Field(min_length=2, max_length=2)]
    signers: Annotated[list[str], Field(min_length=1, max_length=MAX_SIGNERS)]
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    applicant: str
    reference: str | None = None
    renews: str | None = None


def read_application(path: Path) -> Application:
    """Read an application's file; CommandError names what is wrong with it."""
    try:
        given = read_model(read_public_file(path, limit=MAX_APPLICATION_BYTES), _ApplicationFile)
    except EncodingRefused as error:
        raise _unusable(path, str(error)) from error
    folder = path.parent
    kind = given.picture_type or Path(given.picture).suffix.removeprefix(".").upper()
    data = read_input(str(folder / given.picture), limit=MAX_PICTURE_BYTES)
    reference = {} if given.reference is None else {"reference": given.reference}
    return Application(
        unit_code=given.unit,
        type=given.type,
        name=given.name,
        picture=SealPicture(kind, data, *given.size_mm),
        signers=tuple(read_certificate(str(folder / name)) for name in given.signers),
        valid_from=given.valid_from,
        valid_until=given.valid_until,
        applicant_name=given.applicant,
        renews=given.renews,
        **reference,
    )


def _unusable(path: Path, reason: str) -> CommandError:
    name = shown_name(str(path))
    return CommandError(f"{name} 不能使用", f"{name}: {reason}")
