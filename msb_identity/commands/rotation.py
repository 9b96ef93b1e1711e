"""The command `store rotate`, of msb-identity and of msb-wallet: keys of protection are replaced.

Everything goes on meanwhile. Stopped anywhere, it is run again with `--continue` and finds what is
left. What the steps are and why in this order: `foundation/rotation.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msb_identity.foundation.commands import CommandError, write_out
from msb_identity.foundation.progress import Progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from msb_identity.foundation import rotation
    from msb_identity.foundation.profile import Profile
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.rotation import SealedTable
    from msb_identity.foundation.store import Store


def add_rotate_command(actions: Any, run: Callable[[argparse.Namespace], int]) -> Any:  # noqa: ANN401
    """Add `rotate` to the actions of an area `store`; `run` opens store and keys, then `rotate`."""
    command = actions.add_parser(
        "rotate",
        help="更换保护密钥 / replace a key of protection",
        description="更换保护个人信息的密钥，期间照常工作 / Replace a key that protects personal"
        " data, while everything goes on",
    )
    command.add_argument(
        "secret",
        choices=sorted(_STEPS),
        help="data 数据密钥 the key of sealed fields；encryption 密钥加密密钥 the key around it；"
        "index 盲索引密钥 the key of blind indexes",
    )
    command.add_argument(
        "--continue",
        dest="again",
        action="store_true",
        help="续做上次中断的，不生成新密钥 / it was stopped: do what is left, with no new key",
    )
    command.set_defaults(command=run)
    return command


def rotate(
    arguments: argparse.Namespace, store: Store, keys: Path, tables: Sequence[SealedTable]
) -> int:
    """Replace the key that the arguments name, in all of these tables that the store has.

    keys: the folder of the store's key files. Sealed values of other tables stay readable.
    """
    from sqlalchemy import inspect

    from msb_identity.foundation.protect import ENCRYPTION_FILE, Protector

    if not (keys / ENCRYPTION_FILE).is_file():
        zh, en = f"密钥目录中没有 {ENCRYPTION_FILE}", f"the key folder has no {ENCRYPTION_FILE}"
        raise CommandError(zh, en)
    protector = Protector.from_folder(store, keys, profile=_profile(store))
    with store.read() as connection:
        there = inspect(connection).get_table_names()
    found = [sealed for sealed in tables if sealed.table.name in there]
    for line in _STEPS[arguments.secret](store, protector, found, again=arguments.again):
        write_out(line)
    return 0


def _profile(store: Store) -> Profile:
    """Give the profile of the newest data key: the new one follows it."""
    from sqlalchemy import select

    from msb_identity.foundation.ciphers import FIELD_CIPHER_OF
    from msb_identity.foundation.profile import Profile
    from msb_identity.foundation.protect import data_keys

    newest = select(data_keys.c.algorithm).order_by(data_keys.c.number.desc()).limit(1)
    with store.read() as connection:
        algorithm = connection.scalar(newest)
    named = (profile for profile in Profile if FIELD_CIPHER_OF[profile].name == algorithm)
    return next(named, Profile.INTERNATIONAL)


def _rotate_data(
    store: Store, protector: Protector, tables: Iterable[SealedTable], *, again: bool
) -> Iterator[str]:
    from msb_identity.foundation.rotation import reseal

    if not again:
        number = protector.rotate()
        yield f"数据密钥第 {number} 号已启用 / data key {number} seals from now on"
    for sealed in tables:
        yield _followed(sealed, reseal(store, protector, sealed))


def _rotate_encryption(
    _store: Store, protector: Protector, _tables: Iterable[SealedTable], *, again: bool
) -> Iterator[str]:
    ring = protector.encryption_ring
    version = ring.newest if again else ring.add()
    count = protector.rewrap()
    zh, en = (
        f"{count} 个数据密钥改由第 {version} 版加密",
        f"{count} data keys under version {version}",
    )
    yield f"{zh} / {en}"
    for old in ring.versions[:-1]:
        ring.drop(old)
        yield f"第 {old} 版已删除，备份中的也应销毁 / version {old} dropped: destroy its copies too"


def _rotate_index(
    store: Store, protector: Protector, tables: Iterable[SealedTable], *, again: bool
) -> Iterator[str]:
    from msb_identity.foundation.rotation import finish_rebuild, rebuild, start_rebuild

    with store.read() as connection:
        live = protector.indexes(connection)
    if not again or live.several or protector.index_ring.newest > live.version:
        version = start_rebuild(store, protector)
        yield f"盲索引密钥第 {version} 版已启用 / index key {version} is written from now on"
    for sealed in tables:
        if sealed.index is not None:
            yield _followed(sealed, rebuild(store, protector, sealed))
    for old in finish_rebuild(store, protector):
        yield f"第 {old} 版已删除 / version {old} dropped"


def _followed(sealed: SealedTable, pages: Iterable[rotation.Progress]) -> str:
    """Tell how far it has come, now and then; give the line that sums it up."""
    name, seen, changed = sealed.table.name, 0, 0
    with Progress(name, "rows") as shown:
        for page in pages:
            shown.advance(page.seen - seen)
            seen, changed = page.seen, page.changed
    return f"{name}：{seen} 行，更新 {changed} 行 / {name}: {seen} rows, {changed} changed"


_STEPS = {"data": _rotate_data, "encryption": _rotate_encryption, "index": _rotate_index}
