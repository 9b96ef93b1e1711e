"""The command `msb-seal batch`: put a seal on the PDFs and OFDs of a folder, or of a CSV's rows.

Thin over `seal_many`. Each worker process opens key and seal itself, by the names of their files.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.errors import WrongPassword
from msb_identity.foundation.commands import (
    CommandError,
    count_up_to,
    read_input,
    shown_name,
    write_out,
)
from msb_identity.foundation.progress import Progress
from msb_identity.foundation.tables import TableRefused
from msb_identity.pki.formats import MAX_KEY_BYTES, open_key_file
from msb_identity.x509.files import MAX_BUNDLE_BYTES, load_certificates
from msb_seal.batch import CsvListing, DocumentBatch, FolderListing, Outcome, seal_many
from msb_seal.batch.folder import RESULTS
from msb_seal.commands.inputs import (
    add_key_arguments,
    add_timestamp_argument,
    read_key,
    timestamps_of,
)
from msb_seal.commands.places import PLACE_FORMS, read_place
from msb_seal.commands.sealers import add_sealer_arguments, names_a_seal, open_sealer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from msb_identity.foundation.commands import CommandParser
    from msb_identity.pki.keys import SigningKey
    from msb_seal.lifecycle import RegisteredSealer
    from msb_seal.seals.sealer import Sealer

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
MAX_JOBS = 256
_LOOK_SECONDS = 0.2
_TOLD = {
    Outcome.SEALED: "已盖章 sealed",
    Outcome.FAILED: "未盖章 failed",
    Outcome.SKIPPED: "跳过 skipped",
    Outcome.PRESENT: "此前已完成 done before",
}


def add_commands(commands: _Actions) -> None:
    """Add `batch` to the commands of msb-seal."""
    batch = commands.add_parser(
        "batch", help="批量盖章 / seal a whole folder", description=_batch.__doc__
    )
    batch.add_argument(
        "input",
        metavar="INPUT",
        type=Path,
        help="文件夹，或含 file[,output,places,reason] 列的 CSV / a folder, or a CSV of files",
    )
    batch.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="输出文件夹，含 results.csv；再次运行则接着做 / run again, it goes on where it ended",
    )
    add_sealer_arguments(batch)
    add_key_arguments(batch)
    batch.add_argument(
        "--place",
        metavar="PLACE",
        type=read_place,
        action="append",
        required=True,
        help=f"盖章位置，可多次 / where the seal goes (repeatable): {PLACE_FORMS}",
    )
    batch.add_argument("--final", action="store_true", help="锁定 / allow no further signature")
    batch.add_argument("--reason", metavar="TEXT", help="签名原因，用于 PDF / the reason, in PDFs")
    batch.add_argument(
        "--jobs",
        metavar="N",
        type=count_up_to(MAX_JOBS),
        default=1,
        help="进程数，默认 1 / worker processes",
    )
    add_timestamp_argument(batch)
    batch.set_defaults(command=_batch)


def _batch(arguments: argparse.Namespace) -> int:
    """批量盖章，逐个文件记录结果 / Put one seal on many files; none stops the others."""
    if not names_a_seal(arguments):
        zh, en = "请用 --seal 或 --record 指定印章", "name a seal with --seal or --record"
        raise CommandError(zh, en)
    if arguments.jobs > 1:
        _check_openable(arguments)
    listing = _listing(arguments)
    counts: Counter[Outcome] = Counter()
    try:
        with ExitStack() as stack:
            total = sum(1 for _ in listing)
            kept = None
            if arguments.record is not None:
                kept = stack.enter_context(_registered(arguments))
            executor = stack.enter_context(_workers(arguments.jobs))
            progress = stack.enter_context(Progress("盖章", "sealing", total=total))
            for result in seal_many(
                listing,
                output=arguments.output,
                open_batch=_Opening(arguments),
                registered=kept,
                executor=executor,
                label=_label(arguments),
            ):
                counts[result.outcome] += 1
                progress.advance()
    except TableRefused as error:
        zh, en = f"CSV：{error.zh}", f"CSV: {error.en}"
        raise CommandError(zh, en) from error
    except BrokenExecutor as error:
        zh, en = "工作进程意外结束，再次运行即可接着做", "a worker process ended: run it again"
        raise CommandError(zh, en) from error
    told = ", ".join(f"{_TOLD[one]} {counts[one]}" for one in Outcome)
    write_out(f"{told}: {shown_name(str(arguments.output / RESULTS))}")
    return 1 if counts[Outcome.FAILED] else 0


@dataclass(frozen=True, slots=True)
class _Opening:
    """Opens the batch in any process, by what the arguments name."""

    arguments: argparse.Namespace

    @contextmanager
    def __call__(self, reservation: str, /) -> Iterator[DocumentBatch]:
        from msb_seal.ofd.stamps import picture_as_png
        from msb_seal.pdf.sign import PdfOptions, Remarks

        given = self.arguments
        certificate, *chain = load_certificates(read_input(given.cert, limit=MAX_BUNDLE_BYTES))
        options = PdfOptions(chain=chain, remarks=Remarks(given.reason or ""))
        with ExitStack() as stack:
            sealer: Sealer
            if reservation:
                sealer = stack.enter_context(_registered(given)).resume(reservation)
            else:
                key = _key(given)
                sealer = stack.enter_context(open_sealer(given, certificate, key))
            yield DocumentBatch(
                sealer,
                tuple(given.place),
                options,
                final=given.final,
                picture=picture_as_png(sealer.seal.picture),
                timestamps=timestamps_of(given),
            )


@contextmanager
def _registered(arguments: argparse.Namespace) -> Iterator[RegisteredSealer]:
    from msb_seal.lifecycle import RegisteredSealer

    certificate = load_certificates(read_input(arguments.cert, limit=MAX_BUNDLE_BYTES))[0]
    key = _key(arguments)
    with open_sealer(arguments, certificate, key) as sealer:
        if not isinstance(sealer, RegisteredSealer):  # as --record always is
            raise TypeError(sealer)
        yield sealer


def _key(arguments: argparse.Namespace) -> SigningKey:
    where = arguments.key if arguments.key == "-" else str(Path(arguments.key).absolute())
    return _read_key(where, arguments.password_file)


@lru_cache(maxsize=1)
def _read_key(name: str, password_file: str | None) -> SigningKey:
    """Read the key once in each process: it may come through a pipe, or be asked for."""
    return read_key(name, password_file)


def _check_openable(arguments: argparse.Namespace) -> None:
    """Raise CommandError for what only one process can read."""
    if "-" in (arguments.key, arguments.password_file):
        zh, en = "--jobs 须用文件，不能用“-”", "with --jobs, name files and not -"
        raise CommandError(zh, en)
    if arguments.password_file is None:
        try:
            open_key_file(read_input(arguments.key, limit=MAX_KEY_BYTES))
        except WrongPassword as error:
            zh, en = "--jobs 须用 --password-file", "with --jobs, give --password-file"
            raise CommandError(zh, en) from error


def _listing(arguments: argparse.Namespace) -> FolderListing | CsvListing:
    source, output = arguments.input, arguments.output
    name = shown_name(str(source))
    if source.is_dir():
        if output.exists() and output.samefile(source):
            zh, en = "输出不能是输入文件夹", "the output cannot be the input folder"
            raise CommandError(zh, en)
        return FolderListing(source, output)
    if not source.is_file():
        zh, en = f"没有 {name}", f"there is no {name}"
        raise CommandError(zh, en)
    return CsvListing(source, output, read_place)


def _label(arguments: argparse.Namespace) -> str:
    """Say what makes this batch the same one when it is run again."""
    seal = arguments.record
    if seal is None:
        seal = str(Path(arguments.seal).resolve())
    places = [repr(place) for place in arguments.place]
    return json.dumps([str(arguments.input.resolve()), seal, places, arguments.final])


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    if jobs == 1:
        yield None
        return
    # Not forked: a forked process would share the parent's open databases.
    context = get_context("spawn")
    with ProcessPoolExecutor(
        jobs, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(),)
    ) as executor:
        yield executor


def _begin_worker(parent: int) -> None:
    """Leave interrupts to the parent, and end soon after it, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
