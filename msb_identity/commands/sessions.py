"""The commands `msb-identity session list` and `session end`: sign-ins of one account.

An account is named by its id, which says nothing about a person; a session's secret is never shown.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import add_store_argument, store_url
from msb_identity.foundation.commands import CommandError, count_up_to, write_out
from msb_identity.foundation.text import showable

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.store import Store
    from msb_identity.sso.sessions import Session

_MAX_PAGE = 200
_WRITER = "msb-identity"
_NOTHING = ("没有这样的有效会话", "no live session like that")


def add_session_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `session` to the areas of msb-identity."""
    actions = areas.add_parser("session", help="登录会话 / sessions").add_subparsers(
        metavar="ACTION", required=True
    )
    listing = actions.add_parser(
        "list", help="列出有效会话 / list live sessions", description=_list.__doc__
    )
    listing.add_argument("subject", metavar="ACCOUNT", help="账号编号 / the account's id")
    listing.add_argument("--after", metavar="SID", default="", help="从此会话之后 / from here on")
    listing.add_argument("--limit", type=count_up_to(_MAX_PAGE), default=_MAX_PAGE, metavar="N")
    listing.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    listing.set_defaults(command=_list)
    ending = actions.add_parser("end", help="结束会话 / end sessions", description=_end.__doc__)
    which = ending.add_mutually_exclusive_group(required=True)
    which.add_argument("--sid", help="一个会话 / one session")
    which.add_argument(
        "--all", dest="subject", metavar="ACCOUNT", help="账号的全部会话 / all of an account's"
    )
    ending.add_argument("--by", metavar="NAME", help="操作人，记入日志 / who does it, for the log")
    ending.set_defaults(command=_end)
    for command in (listing, ending):
        add_store_argument(command)
    ending.add_argument(
        "--keys",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="密钥文件所在目录，用于审计 / the folder of the store's key files, for the log",
    )


def _list(arguments: argparse.Namespace) -> int:
    """列出账号的有效会话 / List the live sessions of an account."""
    from msb_identity.sso.sessions import Sessions

    with closing(_open(arguments)) as store:
        page = Sessions(store).of(arguments.subject, after=arguments.after, limit=arguments.limit)
    if arguments.json:
        write_out(json.dumps([_as_json(one) for one in page], ensure_ascii=False, indent=2))
        return 0
    for one in page:
        shown = " ".join(filter(None, (one.place, one.device)))
        began = one.auth_time.isoformat()
        write_out(showable(f"{one.sid}  {began}  {one.acr}  {','.join(one.amr)}  {shown}"))
    return 0


def _end(arguments: argparse.Namespace) -> int:
    """结束会话及其令牌 / End sessions, and the tokens with them."""
    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import ENCRYPTION_FILE, Protector
    from msb_identity.sso.sessions import Sessions

    if not (arguments.keys / ENCRYPTION_FILE).is_file():
        zh, en = f"密钥目录中没有 {ENCRYPTION_FILE}", f"the key folder has no {ENCRYPTION_FILE}"
        raise CommandError(zh, en)
    with closing(_open(arguments)) as store:
        protector = Protector.from_folder(store, arguments.keys)
        sessions = Sessions(store, audit=Audit(store, protector, writer=_WRITER))
        by = arguments.by or _WRITER
        if arguments.sid is not None:
            count = int(sessions.end(arguments.sid, by=by))
        else:
            count = sessions.end_all(arguments.subject, by=by)
    if not count:
        raise CommandError(*_NOTHING)
    write_out(f"已结束 {count} 个会话 / {count} ended")
    return 0


def _open(arguments: argparse.Namespace) -> Store:
    from msb_identity.foundation.store import Store
    from msb_identity.tables import TABLES

    return Store.open(store_url(arguments), *TABLES, existing=True)


def _as_json(session: Session) -> dict[str, object]:
    return {
        "sid": session.sid,
        "subject": session.subject,
        "subject_kind": str(session.subject_kind),
        "level": session.level,
        "acr": session.acr,
        "amr": list(session.amr),
        "auth_time": session.auth_time.isoformat(),
        "expires_at": session.expires_at.isoformat(),
        "device": session.device,
        "place": session.place,
    }
