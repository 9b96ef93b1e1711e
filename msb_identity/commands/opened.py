"""What commands on an identity store share: store and keys opened, files read, rows printed.

Personal data comes in files or from stdin, never in arguments, which everybody on the machine can
read; it goes out masked, unless a reason is given, which the audit log keeps.
"""

from __future__ import annotations

import json
import os
import tomllib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from msb_identity.foundation.commands import (
    STORE_VARIABLE,
    CommandError,
    count_up_to,
    read_input,
    shown_name,
    write_out,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store

AUDIT_WRITER = "identity"
MAX_FILE_BYTES = 100_000
MAX_ROWS = 1_000
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Opened:
    """A store that is there, with its keys and its log."""

    store: Store
    protector: Protector
    audit: Audit


def add_store_argument(command: argparse.ArgumentParser) -> None:
    """Add --store."""
    command.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"sqlite:///FILE | postgresql+psycopg://… (${STORE_VARIABLE})",
    )


def add_keys_argument(command: argparse.ArgumentParser) -> None:
    """Add --keys."""
    command.add_argument(
        "--keys",
        required=True,
        metavar="FOLDER",
        type=Path,
        help="密钥文件所在目录 / the folder of the store's key files",
    )


def add_page_arguments(command: argparse.ArgumentParser) -> None:
    """Add --after and --limit."""
    command.add_argument("--after", metavar="ID", default="", help="从此之后 / after this one")
    command.add_argument(
        "--limit", metavar="N", type=count_up_to(MAX_ROWS), default=100, help="行数 / rows"
    )


def store_url(arguments: argparse.Namespace) -> str:
    """Give the URL that was named; CommandError where none was."""
    if not arguments.store:
        zh, en = "请用 --store 指定数据库", "name the store with --store"
        raise CommandError(zh, en)
    return str(arguments.store)


@contextmanager
def open_identity(arguments: argparse.Namespace) -> Iterator[Opened]:
    """Open the store and the keys that were named; neither is made here (`store init`)."""
    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import ENCRYPTION_FILE, Protector
    from msb_identity.foundation.store import Store
    from msb_identity.tables import TABLES

    url = store_url(arguments)
    if not (arguments.keys / ENCRYPTION_FILE).is_file():
        zh, en = f"密钥目录中没有 {ENCRYPTION_FILE}", f"the key folder has no {ENCRYPTION_FILE}"
        raise CommandError(zh, en)
    with closing(Store.open(url, *TABLES, existing=True)) as store:
        protector = Protector.from_folder(store, arguments.keys)
        yield Opened(store, protector, Audit(store, protector, writer=AUDIT_WRITER))


def read_toml(name: str, model: type[_Model]) -> _Model:
    """Read a TOML file, or stdin for "-", as a model; CommandError names what is wrong in it.

    What stands in it is never repeated, since it may be personal.
    """
    content = read_input(name, limit=MAX_FILE_BYTES)
    reason = "not TOML"
    try:
        if len(content) > MAX_FILE_BYTES:
            reason = f"more than {MAX_FILE_BYTES} bytes"
            raise ValueError
        return model.model_validate(tomllib.loads(content.decode("utf-8-sig")))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        reason = f"{'.'.join(str(part) for part in problem['loc'])}: {problem['type']}"
    except (ValueError, RecursionError):
        pass
    shown = shown_name(name)
    zh, en = f"{shown} 不能使用：{reason}", f"{shown} cannot be used: {reason}"
    raise CommandError(zh, en)


def print_rows(rows: Sequence[dict[str, Any]], *, as_json: bool) -> int:
    """Print one object for each row, as JSON or a line of `name: value` each."""
    if as_json:
        write_out(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        write_out("  ".join(f"{name}: {_shown(value)}" for name, value in row.items()))
    return 0


def _shown(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(str(one) for one in value) or "-"
    return "-" if value is None or value == "" else str(value)
