"""The command `msb-identity store migrate`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

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
    migrate.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"sqlite:///FILE | postgresql+psycopg://… (${STORE_VARIABLE})",
    )
    migrate.set_defaults(command=_migrate_store)


def _migrate_store(arguments: argparse.Namespace) -> int:
    """升级身份库的表（请先备份） / Bring the identity tables up to date; make a backup first."""
    from msb_identity.foundation import protect
    from msb_identity.foundation.store import migrate_store

    if not arguments.store:
        raise CommandError(*_NO_STORE)
    for name, revision in migrate_store(arguments.store, protect.metadata).items():
        write_out(f"{name}: {revision}")
    return 0
