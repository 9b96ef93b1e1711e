"""The commands `msb-identity audit verify` and `audit checkpoint`.

Light to import: what needs the database is loaded when a command runs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.errors import EncodingRefused, KeyRefused, Refused
from msb_identity.foundation.commands import (
    STORE_VARIABLE,
    CommandError,
    check_new_files,
    print_reports,
    read_input,
    shown_name,
    write_out,
)
from msb_identity.foundation.files import read_private, write_whole
from msb_identity.foundation.progress import Progress
from msb_identity.pki.formats import load_key, load_public_key

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.store import Store


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse keeps its type to itself
    """Add the area `audit` to a command's areas."""
    area = areas.add_parser("audit", help="审计日志 / the audit log")
    actions = area.add_subparsers(metavar="ACTION", required=True)
    verify = actions.add_parser(
        "verify",
        help="核验审计日志 / verify the audit log",
        description=_verify.__doc__,
    )
    _add_store(verify)
    verify.add_argument(
        "--key",
        metavar="FILE",
        type=Path,
        help="检查点签名者的公钥，PEM、DER 或 JWK"
        " / the public key of who signs checkpoints, PEM, DER or JWK",
    )
    verify.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    verify.set_defaults(command=_verify)

    checkpoint = actions.add_parser(
        "checkpoint",
        help="签发检查点 / sign a checkpoint",
        description=_checkpoint.__doc__,
    )
    _add_store(checkpoint)
    checkpoint.add_argument(
        "--key",
        required=True,
        metavar="FILE",
        type=Path,
        help="签名私钥，权限 0600，不加密 / the private key that signs, mode 0600, not encrypted",
    )
    checkpoint.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        type=Path,
        help="检查点文件，不覆盖 / the checkpoint, never overwritten",
    )
    checkpoint.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    checkpoint.set_defaults(command=_checkpoint)


def _add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="URL",
        default=os.environ.get(STORE_VARIABLE),
        help=f"数据库地址，缺省为 {STORE_VARIABLE} / the store, default {STORE_VARIABLE}",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        action="append",
        default=[],
        help="库外保存的检查点，可多次给出 / a checkpoint kept outside the store, repeatable",
    )


def _verify(arguments: argparse.Namespace) -> int:
    """核验审计日志 / Verify the audit log of a store against checkpoints kept outside it."""
    from msb_identity.foundation.audit.verify import check_audit

    key = None
    if arguments.key is not None:
        try:
            key = load_public_key(arguments.key)
        except KeyRefused as error:
            name = shown_name(str(arguments.key))
            zh, en = f"{name} 不是公钥", f"{name} is not a public key: {error}"
            raise CommandError(zh, en) from error
    held = _held(arguments)
    store, name = _open_store(arguments)
    try:
        with Progress("已核验", "entries verified:") as progress:
            report = check_audit(store, checkpoints=held, key=key, progress=progress.advance)
    finally:
        store.close()
    return print_reports([(name, report)], as_json=arguments.json)


def _checkpoint(arguments: argparse.Namespace) -> int:
    """签发检查点 / Verify what came since the newest held checkpoint, and sign where chains end.

    Where the log shows a change, nothing is signed; the exit status is then as of verifying.
    """
    from msb_identity.foundation.audit.checkpoint import make_checkpoint, newest, parse_checkpoint

    out: Path = arguments.out
    name = shown_name(str(out))
    check_new_files(out)
    key = load_key(read_private(arguments.key))
    held = _held(arguments)
    for given, data in zip(arguments.checkpoint, held, strict=True):
        try:
            parse_checkpoint(data)
        except EncodingRefused as error:
            zh, en = f"{shown_name(given)} 不是检查点", f"{shown_name(given)} is not a checkpoint"
            raise CommandError(zh, en) from error
    store, store_name = _open_store(arguments)
    try:
        made = make_checkpoint(store, key, previous=newest(held) if held else None)
    except Refused as refused:
        return print_reports([(store_name, refused.report)], as_json=arguments.json)
    finally:
        store.close()
    write_whole(out, made)
    _, checkpoint = parse_checkpoint(made)
    if arguments.json:
        said = {"file": str(out), "time": checkpoint.time.isoformat(), "count": checkpoint.count}
        write_out(json.dumps(said, ensure_ascii=False))
    else:
        write_out(f"检查点已写入 {name}，请保存在库外 / {name} written: keep it outside the store")
    return 0


def _open_store(arguments: argparse.Namespace) -> tuple[Store, str]:
    """Open the store that must be there; its name for display has no password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from msb_identity.foundation.store import Store

    if not arguments.store:
        zh, en = "请用 --store 指定数据库", f"name the store with --store or {STORE_VARIABLE}"
        raise CommandError(zh, en)
    store = Store.open(arguments.store, read_only=True)
    try:
        return store, make_url(arguments.store).render_as_string(hide_password=True)
    except ArgumentError:  # which Store.open has refused already
        return store, "STORE"


def _held(arguments: argparse.Namespace) -> list[bytes]:
    from msb_identity.foundation.audit.checkpoint import MAX_CHECKPOINT_BYTES

    return [read_input(name, limit=MAX_CHECKPOINT_BYTES) for name in arguments.checkpoint]
