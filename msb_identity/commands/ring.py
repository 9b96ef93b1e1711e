"""The commands `msb-identity key ring`, `key rotate`, `key withdraw`, and `jwks`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import (
    Opened,
    add_keys_argument,
    add_store_argument,
    open_identity,
    print_rows,
)
from msb_identity.foundation.commands import write_out
from msb_identity.pki.keys import KeyKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from msb_identity.sso.keyring import KeyRing, RingKey

KINDS = tuple(str(kind) for kind in KeyKind)


def add_ring_actions(actions: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the actions on the key ring to the area `key`."""
    show = actions.add_parser(
        "ring", help="令牌密钥环 / the ring of token keys", description=_ring.__doc__
    )
    show.set_defaults(command=_ring)
    rotate = actions.add_parser(
        "rotate", help="轮换令牌密钥 / rotate the token keys", description=_rotate.__doc__
    )
    rotate.add_argument(
        "--at-once",
        action="store_true",
        help="不等待预先公布（仅用于紧急情况）/ do not wait until it was published (emergencies)",
    )
    rotate.set_defaults(command=_rotate)
    withdraw = actions.add_parser(
        "withdraw", help="立即撤下一把密钥 / take a key out at once", description=_withdraw.__doc__
    )
    withdraw.add_argument("key_id", metavar="KEY_ID", help="密钥标识（kid）/ the key id (kid)")
    withdraw.set_defaults(command=_withdraw)
    for action in (show, rotate, withdraw):
        _add_ring_arguments(action)
        action.add_argument("--json", action="store_true", help="输出 JSON / print JSON")


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `jwks`."""
    jwks = areas.add_parser(
        "jwks", help="公布的公钥集 / the public keys to publish", description=_jwks.__doc__
    )
    _add_ring_arguments(jwks)
    jwks.set_defaults(command=_jwks)


def open_ring(arguments: argparse.Namespace, opened: Opened) -> KeyRing:
    """Give the ring of the store, with the kinds that were named and those that are there."""
    from sqlalchemy import select

    from msb_identity.sso.keyring import KeyRing, ring_keys

    with opened.store.read() as connection:
        there = connection.scalars(select(ring_keys.c.kind).distinct()).all()
    named = list(dict.fromkeys([*(arguments.kind or ()), *sorted(there)])) or [KeyKind.P256]
    kinds = tuple(KeyKind(kind) for kind in named)
    return KeyRing(opened.store, opened.protector, kinds=kinds)


def add_kind_argument(command: argparse.ArgumentParser) -> None:
    """Add --kind."""
    command.add_argument(
        "--kind",
        action="append",
        choices=KINDS,
        help="密钥种类，可重复；默认为已有的，没有时为 P-256"
        " / kind of key, repeatable; those there are, or P-256",
    )


def _add_ring_arguments(command: argparse.ArgumentParser) -> None:
    add_store_argument(command)
    add_keys_argument(command)
    add_kind_argument(command)


def _ring(arguments: argparse.Namespace) -> int:
    """显示令牌密钥环；空环生成首批密钥 / Show the ring of token keys; an empty one is begun."""
    with open_identity(arguments) as opened:
        return _print(open_ring(arguments, opened).keys(), as_json=arguments.json)


def _rotate(arguments: argparse.Namespace) -> int:
    """启用下一把密钥并公布新的 / Let the next key sign, and publish the one after it."""
    with open_identity(arguments) as opened:
        keys = open_ring(arguments, opened).rotate(at_once=arguments.at_once)
        current = [key.key_id for key in keys if key.state == "current"]
        opened.audit.record("key.rotated", details={"current": current})
        return _print(keys, as_json=arguments.json)


def _withdraw(arguments: argparse.Namespace) -> int:
    """撤下可能泄露的密钥，其签发的令牌随即失效 / Take out a key that others may have.

    What it signed is refused as soon as verifiers ask for the keys again.
    """
    with open_identity(arguments) as opened:
        ring = open_ring(arguments, opened)
        ring.withdraw(arguments.key_id)
        opened.audit.record("key.withdrawn", details={"key": arguments.key_id})
        return _print(ring.keys(), as_json=arguments.json)


def _jwks(arguments: argparse.Namespace) -> int:
    """输出公钥集（JWK Set）/ Print the public keys as a JWK set."""
    with open_identity(arguments) as opened:
        write_out(open_ring(arguments, opened).key_set().as_json().decode())
    return 0


def _print(keys: Iterable[RingKey], *, as_json: bool) -> int:
    rows = [
        {
            "key": key.key_id,
            "kind": str(key.kind),
            "state": str(key.state),
            "published": key.published_at.isoformat(),
            "used_from": None if key.used_from is None else key.used_from.isoformat(),
            "until": None if key.until is None else key.until.isoformat(),
        }
        for key in keys
    ]
    return print_rows(rows, as_json=as_json)
