"""What an issuer does after issuing: `revoke`, `status publish`, `trust make`, and the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.commands.rotation import add_rotate_command, rotate
from msb_identity.foundation.commands import (
    STORE_VARIABLE,
    CommandError,
    CommandParser,
    complain,
    count_up_to,
    write_out,
)
from msb_identity.foundation.store import migrate_store
from msb_wallet.commands.inputs import find_by_text, read_path
from msb_wallet.folder import STORE_FILE, TABLES, DataFolder
from msb_wallet.licences.identifier import LicenceIdentifier
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status

if TYPE_CHECKING:
    import argparse

MAX_DAYS = 1_000_000


def add_commands(commands: argparse._SubParsersAction[CommandParser]) -> None:
    """Add `revoke`, `status`, `trust` and `store` to the commands of msb-wallet."""
    _add_revoke(commands)
    _add_status(commands)
    _add_trust(commands)
    _add_store(commands)


def _add_revoke(commands: argparse._SubParsersAction[CommandParser]) -> None:
    revoke = commands.add_parser("revoke", help="注销、暂扣、恢复 / revoke, suspend, restore")
    revoke.add_argument("identifier", help="电子证照标识 / licence identifier")
    what = revoke.add_mutually_exclusive_group(required=True)
    final = [str(r) for r in Reason if r not in (Reason.UNDER_REVIEW, Reason.REVIEW_CLOSED)]
    what.add_argument("--reason", choices=final, help="注销原因 / why it is revoked for good")
    what.add_argument("--suspend", action="store_true", help="暂扣 / suspend")
    what.add_argument("--restore", action="store_true", help="解除暂扣 / lift a suspension")
    revoke.set_defaults(command=_revoke)


def _add_status(commands: argparse._SubParsersAction[CommandParser]) -> None:
    status = commands.add_parser("status", help="状态列表 / status lists")
    inner = status.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    publish = inner.add_parser("publish", help="发布有变化的列表 / sign the lists that changed")
    publish.add_argument("--issuer", metavar="CODE", help="颁发机构代码 / one issuer only")
    publish.add_argument("--every", action="store_true", help="全部重签 / sign all of them")
    publish.set_defaults(command=_publish)


def _add_trust(commands: argparse._SubParsersAction[CommandParser]) -> None:
    trust = commands.add_parser("trust", help="信任清单 / trust lists")
    inner = trust.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    make = inner.add_parser("make", help="签发下一版信任清单 / sign the next version")
    make.add_argument(
        "--issuers", type=read_path, metavar="FILE", help="机构清单 / issuers.toml (kept in DATA)"
    )
    make.add_argument(
        "--days", type=count_up_to(MAX_DAYS), metavar="N", help="有效天数 / valid for N days"
    )
    make.set_defaults(command=_make_trust)


def _add_store(commands: argparse._SubParsersAction[CommandParser]) -> None:
    store = commands.add_parser("store", help="数据库 / the store")
    actions = store.add_subparsers(required=True, metavar="ACTION", parser_class=CommandParser)
    migrate = actions.add_parser(
        "migrate", help="升级表结构（请先备份） / bring its tables up to date; make a backup first"
    )
    migrate.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"${STORE_VARIABLE}；缺省为数据目录的 / the store's URL (default: the data folder's)",
    )
    migrate.set_defaults(command=_migrate)
    add_rotate_command(actions, _rotate)


def _revoke(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    licence = find_by_text(folder, arguments.identifier)
    register = folder.issuer_of(licence.issuer_code, licence.type_code).status
    if arguments.suspend:
        status, reason = Status.SUSPENDED, Reason.UNDER_REVIEW
    elif arguments.restore:
        status, reason = Status.VALID, Reason.REVIEW_CLOSED
    else:
        status, reason = Status.REVOKED, Reason(arguments.reason)
    entry = register.change(licence.identifier, status, reason)
    whole = LicenceIdentifier.parse(licence.identifier)
    write_out(f"{whole}: {entry.status.name.lower()} ({entry.reason})")
    complain(
        "联网核验即时生效；离线核验须运行 status publish",
        "online checks know it from now on; for offline ones run: status publish",
    )
    return 0


def _publish(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    written = folder.publish_status(arguments.issuer, every=arguments.every)
    for path in written:
        write_out(str(path))
    complain(f"已发布 {len(written)} 个状态列表", f"published {len(written)} status lists")
    return 0


def _make_trust(arguments: argparse.Namespace) -> int:
    folder = DataFolder(Path(arguments.data))
    version = folder.make_trust(days=arguments.days, issuers=arguments.issuers)
    write_out(f"{folder.trust}  (第 {version} 版 / version {version})")
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    url = arguments.store or DataFolder(Path(arguments.data)).store_url
    for name, revision in migrate_store(url, *TABLES).items():
        write_out(f"{name}: {revision}")
    return 0


def _rotate(arguments: argparse.Namespace) -> int:
    from msb_identity.tables import SEALED
    from msb_seal.lifecycle import applications, grants, records
    from msb_wallet.licences import issue

    folder = DataFolder(Path(arguments.data))
    if not (folder.path / STORE_FILE).is_file():
        zh, en = "数据目录中没有数据库", "the data folder has no store"
        raise CommandError(zh, en)
    of_seals = (applications.SEALED, grants.SEALED, records.SEALED)
    sealed = [*SEALED, issue.SEALED, *of_seals]
    return rotate(arguments, folder.store, folder.keys, sealed)
