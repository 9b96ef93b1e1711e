"""The commands `msb-identity store init`, `store migrate` and `store rotate`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import add_keys_argument, add_store_argument, store_url
from msb_identity.commands.rotation import add_rotate_command, rotate
from msb_identity.foundation.commands import write_out

if TYPE_CHECKING:
    import argparse


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `store` to the areas of msb-identity."""
    store = areas.add_parser("store", help="数据库 / the store").add_subparsers(
        metavar="ACTION", required=True
    )
    init = store.add_parser(
        "init", help="新建数据库和密钥 / make a store and its keys", description=_init.__doc__
    )
    add_store_argument(init)
    add_keys_argument(init)
    init.set_defaults(command=_init)
    migrate = store.add_parser(
        "migrate", help="升级表结构 / bring tables up to date", description=_migrate_store.__doc__
    )
    add_store_argument(migrate)
    migrate.set_defaults(command=_migrate_store)
    rotation = add_rotate_command(store, _rotate)
    add_store_argument(rotation)
    add_keys_argument(rotation)


def _init(arguments: argparse.Namespace) -> int:
    """新建数据库和密钥，已有的不变 / Make a store and its keys; what is there stays."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from msb_identity.foundation.files import PRIVATE_MODE
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.tables import TABLES

    url = store_url(arguments)
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None  # Store.open says what is wrong
    if parsed is not None and parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=PRIVATE_MODE)  # for nobody else to read
    with closing(Store.open(url, *TABLES)) as store:
        Protector.from_folder(store, arguments.keys)
    write_out(f"{arguments.keys}：密钥，请备份 / the keys: keep a backup, apart from the store")
    return 0


def _migrate_store(arguments: argparse.Namespace) -> int:
    """升级身份库的表（请先备份） / Bring the identity tables up to date; make a backup first."""
    from msb_identity.foundation.store import migrate_store
    from msb_identity.tables import TABLES

    for name, revision in migrate_store(store_url(arguments), *TABLES).items():
        write_out(f"{name}: {revision}")
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from msb_identity.foundation.store import Store
    from msb_identity.tables import SEALED, TABLES

    with closing(Store.open(store_url(arguments), *TABLES, existing=True)) as store:
        return rotate(arguments, store, arguments.keys, SEALED)
