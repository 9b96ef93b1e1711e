"""The commands `msb-identity store migrate` and `store rotate`."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.rotation import add_rotate_command, rotate
from msb_identity.foundation.commands import STORE_VARIABLE, CommandError, write_out

if TYPE_CHECKING:
    import argparse

_NO_STORE = ("请用 --store 指定数据库", "name the store with --store")


def add_store_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `store` to the areas of msb-identity."""
    store = areas.add_parser("store", help="数据库 / the store").add_subparsers(
        metavar="ACTION", required=True
    )
    migrate = store.add_parser(
        "migrate", help="升级表结构 / bring tables up to date", description=_migrate_store.__doc__
    )
    _add_store(migrate)
    migrate.set_defaults(command=_migrate_store)
    rotation = add_rotate_command(store, _rotate)
    _add_store(rotation)
    rotation.add_argument(
        "--keys",
        required=True,
        metavar="FOLDER",
        type=Path,
        help="密钥文件所在目录 / the folder of the store's key files",
    )


def _add_store(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"sqlite:///FILE | postgresql+psycopg://… (${STORE_VARIABLE})",
    )


def _migrate_store(arguments: argparse.Namespace) -> int:
    """升级身份库的表（请先备份） / Bring the identity tables up to date; make a backup first."""
    from msb_identity.foundation.store import migrate_store
    from msb_identity.tables import TABLES

    if not arguments.store:
        raise CommandError(*_NO_STORE)
    for name, revision in migrate_store(arguments.store, *TABLES).items():
        write_out(f"{name}: {revision}")
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from msb_identity.foundation.store import Store
    from msb_identity.tables import SEALED, TABLES

    if not arguments.store:
        raise CommandError(*_NO_STORE)
    with closing(Store.open(arguments.store, *TABLES, existing=True)) as store:
        return rotate(arguments, store, arguments.keys, SEALED)
