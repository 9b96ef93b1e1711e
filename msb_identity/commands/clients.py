"""The commands `msb-identity client …`: the portals, apps and systems that may use the provider.

A registration is a TOML file (docs/formats.md, "client registration"). A secret is written once, to
a new file of mode 0600, and to no terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import (
    add_keys_argument,
    add_page_arguments,
    add_store_argument,
    open_identity,
    print_rows,
    read_toml,
)
from msb_identity.errors import ClientRefused
from msb_identity.foundation.commands import CommandError, check_new_files, shown_name, write_out
from msb_identity.foundation.files import new_private_file

if TYPE_CHECKING:
    import argparse

    from msb_identity.sso.clients import Client

_NO_CLIENT = ("没有此客户端", "there is no such client")


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `client` to the areas of msb-identity."""
    actions = areas.add_parser(
        "client", help="接入的门户与系统 / portals and systems that use the provider"
    ).add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="登记 / register one", description=_add.__doc__)
    add.add_argument("file", metavar="FILE|-", help="登记内容（TOML）/ the registration, TOML")
    add.add_argument(
        "--secret",
        metavar="FILE",
        type=Path,
        help="客户端密钥写入此新文件（0600）/ the new file that its secret is written to (0600)",
    )
    add.set_defaults(command=_add)
    change = actions.add_parser("change", help="变更 / change one", description=_change.__doc__)
    change.add_argument("client", metavar="ID", help="客户端编号 / the client's id")
    change.add_argument("file", metavar="FILE|-", help="新的登记内容 / its new registration, TOML")
    change.add_argument(
        "--secret",
        metavar="FILE",
        type=Path,
        help="换发新密钥，写入此新文件（0600）/ give it a new secret, written to this new file",
    )
    change.set_defaults(command=_change)
    show = actions.add_parser("show", help="显示 / show one", description=_show.__doc__)
    show.set_defaults(command=_show)
    listing = actions.add_parser("list", help="列出 / list them", description=_list.__doc__)
    add_page_arguments(listing)
    listing.set_defaults(command=_list)
    end = actions.add_parser("end", help="停用 / end one", description=_end.__doc__)
    end.set_defaults(command=_end)
    for action in (show, end):
        action.add_argument("client", metavar="ID", help="客户端编号 / the client's id")
    for action in (add, change, show, listing, end):
        add_store_argument(action)
        add_keys_argument(action)
        action.add_argument("--json", action="store_true", help="输出 JSON / print JSON")


def _add(arguments: argparse.Namespace) -> int:
    """登记客户端 / Register a client; its secret goes to a new file and is never shown again."""
    from msb_identity.sso.clients import SECRETS, Clients, Registration

    try:
        registration = read_toml(arguments.file, Registration)
        needs_file = registration.authentication in SECRETS
        if needs_file != (arguments.secret is not None):
            way = registration.authentication.value
            zh = f"{way} {'需要' if needs_file else '不使用'} --secret FILE"
            en = f"{way} {'needs' if needs_file else 'has no use for'} --secret FILE"
            raise CommandError(zh, en)
        if arguments.secret is not None:
            check_new_files(arguments.secret)
        with open_identity(arguments) as opened:
            clients = Clients(opened.store, audit=opened.audit)
            made = clients.new_secret(registration)
            if made is None:
                client = clients.register(registration)[0]
            else:
                # The file first: a secret that was registered and then lost would open nothing.
                with new_private_file(arguments.secret, made.encode() + b"\n"):
                    client = clients.register(registration, secret=made)[0]
    except ClientRefused as refused:
        raise CommandError(refused.zh, refused.en) from refused
    if made is not None and not arguments.json:
        name = shown_name(str(arguments.secret))
        write_out(f"密钥已写入 {name}，不再显示 / the secret is in {name} and shown nowhere else")
    return print_rows([_row(client)], as_json=arguments.json)


def _change(arguments: argparse.Namespace) -> int:
    """变更客户端的登记内容 / Register a client anew; what it was given before goes on.

    With --secret the old secret opens nothing from now on.
    """
    from msb_identity.sso.clients import Clients, Registration

    try:
        registration = read_toml(arguments.file, Registration)
        if registration.id != arguments.client:
            zh, en = "文件中的 id 与所给编号不同", "the file is of another id"
            raise CommandError(zh, en)
        made = None
        if arguments.secret is not None:
            check_new_files(arguments.secret)
            made = Clients.new_secret(registration)
            if made is None:
                way = registration.authentication.value
                zh, en = f"{way} 不使用 --secret FILE", f"{way} has no use for --secret FILE"
                raise CommandError(zh, en)
        with open_identity(arguments) as opened:
            clients = Clients(opened.store, audit=opened.audit)
            if made is None:
                client = clients.change(registration)
            else:
                with new_private_file(arguments.secret, made.encode() + b"\n"):
                    client = clients.change(registration, secret=made)
    except ClientRefused as refused:
        raise CommandError(refused.zh, refused.en) from refused
    return print_rows([_row(client)], as_json=arguments.json)


def _show(arguments: argparse.Namespace) -> int:
    """显示客户端的登记内容 / Show what a client is registered with; never its secret."""
    from msb_identity.sso.clients import Clients

    with open_identity(arguments) as opened:
        client = Clients(opened.store).get(arguments.client)
    if client is None:
        raise CommandError(*_NO_CLIENT)
    said = client.registration.model_dump(mode="json", exclude_none=True, exclude={"keys"})
    keys = [key.key_id_text for key in client.key_set]
    return print_rows([{**_row(client), **said, "keys": keys}], as_json=arguments.json)


def _list(arguments: argparse.Namespace) -> int:
    """列出客户端 / List clients, in order of their ids."""
    from msb_identity.sso.clients import Clients

    with open_identity(arguments) as opened:
        found = Clients(opened.store).page(after=arguments.after, limit=arguments.limit)
    return print_rows([_row(client) for client in found], as_json=arguments.json)


def _end(arguments: argparse.Namespace) -> int:
    """停用客户端，其全部令牌立即失效 / End a client for good, and every token that it holds."""
    from msb_identity.sso.clients import Clients
    from msb_identity.sso.cutoffs import CutOffs

    with open_identity(arguments) as opened:
        clients = Clients(opened.store, audit=opened.audit)
        if not clients.end(arguments.client, CutOffs(opened.store)):
            raise CommandError(*_NO_CLIENT)
        client = clients.get(arguments.client)
    return print_rows([] if client is None else [_row(client)], as_json=arguments.json)


def _row(client: Client) -> dict[str, Any]:
    ended = client.ended_at
    return {
        "id": client.id,
        "name": client.registration.name,
        "authentication": client.registration.authentication.value,
        "registered_at": client.registered_at.isoformat(),
        "ended_at": None if ended is None else ended.isoformat(),
    }
