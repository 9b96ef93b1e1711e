"""The commands `msb-identity person …`: accounts, their identifiers, and what proves them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from msb_identity.commands.opened import (
    add_keys_argument,
    add_page_arguments,
    add_store_argument,
    open_identity,
    print_rows,
    read_toml,
)
from msb_identity.foundation.commands import CommandError
from msb_identity.foundation.protect import mask_name
from msb_identity.people.identifiers import Identifier, IdentifierKind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from msb_identity.commands.opened import Opened
    from msb_identity.people import Accounts, Person

    Rows = Sequence[dict[str, Any]]
    Command = Callable[[Opened, argparse.Namespace], Rows]

MAX_REASON_CHARS = 200
_NO_PERSON = ("没有此账号", "there is no such account")


class _Named(BaseModel):
    """Identifiers as a file gives them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    identity_number: str | None = None
    residence_permit: str | None = None
    passport: str | None = None
    mobile: str | None = None
    network_id: str | None = None

    def identifiers(self) -> list[Identifier]:
        """Give them, each checked."""
        given = {kind: getattr(self, kind, None) for kind in IdentifierKind}
        return [Identifier.of(kind, text) for kind, text in given.items() if text is not None]


class _PersonFile(_Named):
    name: str | None = None
    method: str = "self"
    source: str = ""


class _LinkFile(_Named):
    method: str | None = None


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `person` to the areas of msb-identity."""
    person = areas.add_parser("person", help="自然人账号 / accounts of natural persons")
    actions = person.add_subparsers(metavar="ACTION", required=True)
    add = add_action(actions, "add", _add, "开户 / make an account")
    add.add_argument("file", metavar="FILE|-", help="姓名、号码（TOML）/ name and numbers")
    show = add_action(actions, "show", _show, "查看账号 / show an account")
    show.add_argument("person", metavar="ID", nargs="?", help="账号标识 / the account's id")
    show.add_argument("--find", metavar="FILE|-", help="按号码查找（TOML）/ find it by a number")
    show.add_argument("--full", action="store_true", help="不遮盖 / unmasked")
    show.add_argument("--reason", metavar="TEXT", help="查看原因，记入审计 / why: it is recorded")
    show.add_argument("--by", metavar="ID", help="经办人 / who does it")
    listing = add_action(actions, "list", _list, "账号列表 / list accounts")
    add_page_arguments(listing)
    link = add_action(actions, "link", _link, "关联标识 / link identifiers")
    unlink = add_action(actions, "unlink", _unlink, "解除标识 / take identifiers away")
    for parser in (link, unlink):
        parser.add_argument("person", metavar="ID", help="账号标识 / the account's id")
        parser.add_argument("file", metavar="FILE|-", help="标识（TOML）/ the identifiers")
        add_by(parser)
    merge = add_action(actions, "merge", _merge, "合并同一人的账号 / merge one person's accounts")
    merge.add_argument("kept", metavar="KEPT", help="保留的账号 / the account that stays")
    merge.add_argument("dropped", metavar="DROPPED", help="并入的账号 / the one that goes in")
    attest = add_action(actions, "attest", _attest, "记录窗口核验 / record that an officer looked")
    attest.add_argument("person", metavar="ID", help="账号标识 / the account's id")
    attest.add_argument("--source", required=True, metavar="TEXT", help="窗口 / which office")
    for parser, default in ((merge, None), (attest, "counter")):
        parser.add_argument(
            "--method",
            required=default is None,
            default=default,
            metavar="CODE",
            help="核验方法 / how it was found out",
        )
        add_by(parser)


def add_action(actions: Any, name: str, command: Command, text: str) -> argparse.ArgumentParser:  # noqa: ANN401
    """Add an action that works on a store and gives rows to print."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    add_store_argument(parser)
    add_keys_argument(parser)
    parser.add_argument("--json", action="store_true", help="输出 JSON / print JSON")

    def run(arguments: argparse.Namespace) -> int:
        with open_identity(arguments) as opened, _as_refusal():
            return print_rows(command(opened, arguments), as_json=arguments.json)

    parser.set_defaults(command=run)
    return parser


def add_by(parser: argparse.ArgumentParser) -> None:
    """Add --by."""
    parser.add_argument("--by", required=True, metavar="ID", help="经办人 / who does it")


@contextmanager
def _as_refusal() -> Iterator[None]:
    """A word that a scale or a room does not know was typed wrongly, not programmed wrongly."""
    try:
        yield
    except ValueError as error:
        zh = "参数不被接受"
        raise CommandError(zh, str(error)) from error


def _accounts(opened: Opened) -> Accounts:
    from msb_identity.people import Accounts

    return Accounts(opened.store, opened.protector, audit=opened.audit)


def _add(opened: Opened, arguments: argparse.Namespace) -> Rows:
    given = read_toml(arguments.file, _PersonFile)
    person = _accounts(opened).register(
        name=given.name,
        identifiers=given.identifiers(),
        method=given.method,
        source=given.source,
    )
    return [_row(person)]


def _show(opened: Opened, arguments: argparse.Namespace) -> Rows:
    person = _wanted(_accounts(opened), arguments)
    if not arguments.full:
        return [_row(person)]
    reason = arguments.reason or ""
    if not 0 < len(reason) <= MAX_REASON_CHARS or not arguments.by:
        zh = "--full 需要 --reason（1 至 200 个字符）和 --by"
        raise CommandError(zh, "--full takes --reason (1 … 200 characters) and --by")
    # Before it is shown: nobody sees what the log does not know.
    opened.audit.record(
        "person.shown", actor=arguments.by, subject=person.id, personal={"reason": reason}
    )
    shown = {held.identifier.kind.value: held.identifier.value for held in person.identifiers}
    return [{**_row(person), "name": person.name, "identifiers": [], **shown}]


def _wanted(accounts: Accounts, arguments: argparse.Namespace) -> Person:
    if (arguments.person is None) == (arguments.find is None):
        zh, en = "请给出账号标识或 --find 之一", "name the account by its id, or by --find"
        raise CommandError(zh, en)
    if arguments.find is None:
        person = accounts.get(arguments.person)
    else:
        given = read_toml(arguments.find, _Named).identifiers()
        person = next((found for found in map(accounts.find, given) if found), None)
    if person is None:
        raise CommandError(*_NO_PERSON)
    return person


def _list(opened: Opened, arguments: argparse.Namespace) -> Rows:
    found = _accounts(opened).page(after=arguments.after, limit=arguments.limit)
    return [_row(person) for person in found]


def _link(opened: Opened, arguments: argparse.Namespace) -> Rows:
    given = read_toml(arguments.file, _LinkFile)
    accounts = _accounts(opened)
    for one in given.identifiers():
        accounts.link(arguments.person, one, method=given.method, by=arguments.by)
    return _after(accounts, arguments.person)


def _unlink(opened: Opened, arguments: argparse.Namespace) -> Rows:
    accounts = _accounts(opened)
    for one in read_toml(arguments.file, _Named).identifiers():
        accounts.unlink(arguments.person, one, by=arguments.by)
    return _after(accounts, arguments.person)


def _merge(opened: Opened, arguments: argparse.Namespace) -> Rows:
    merged = _accounts(opened).merge(
        arguments.kept, arguments.dropped, by=arguments.by, method=arguments.method
    )
    return [_row(merged)]


def _attest(opened: Opened, arguments: argparse.Namespace) -> Rows:
    from msb_identity.people import Attestation, Proofing

    proofing = Proofing(opened.store, opened.protector, _accounts(opened), audit=opened.audit)
    seen = Attestation(arguments.source, arguments.method)
    return [_row(proofing.check(arguments.person, seen, by=arguments.by).person)]


def _after(accounts: Accounts, person_id: str) -> Rows:
    person = accounts.get(person_id)
    if person is None:
        raise CommandError(*_NO_PERSON)
    return [_row(person)]


def _row(person: Person) -> dict[str, Any]:
    """What may be seen of an account by whoever works with it: masked."""
    ends = person.level_expires
    return {
        "id": person.id,
        "name": mask_name(person.name),
        "identifiers": [
            f"{held.identifier.kind}={held.identifier.masked}{'' if held.is_verified else '?'}"
            for held in person.identifiers
        ],
        "level": person.level,
        "method": person.level_method,
        "expires": None if ends is None else ends.isoformat(),
    }
