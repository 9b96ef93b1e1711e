"""The commands `msb-identity session list` and `session end`: who is signed in on an account.

An account is named by its id, which says nothing of a person; a session's secret is never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msb_identity.commands.opened import add_page_arguments
from msb_identity.commands.people import add_action, add_by
from msb_identity.foundation.commands import CommandError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from msb_identity.commands.opened import Opened

    Rows = Sequence[dict[str, Any]]

_NOTHING = ("没有这样的会话，或已结束", "no session like that, or it was ended already")


def add_commands(areas: Any) -> None:  # noqa: ANN401 - argparse's own type is private
    """Add the area `session` to the areas of msb-identity."""
    session = areas.add_parser("session", help="登录会话 / sessions")
    actions = session.add_subparsers(metavar="ACTION", required=True)
    listing = add_action(actions, "list", _list, "账号的有效会话 / an account's live sessions")
    listing.add_argument("account", metavar="ID", help="账号标识 / the account's id")
    add_page_arguments(listing)
    end = add_action(actions, "end", _end, "结束会话及其令牌 / end sessions and their tokens")
    which = end.add_mutually_exclusive_group(required=True)
    which.add_argument("--session", metavar="SID", help="一个会话 / one session")
    which.add_argument("--all", metavar="ID", help="账号的全部会话 / all of an account's")
    add_by(end)


def _list(opened: Opened, arguments: argparse.Namespace) -> Rows:
    from msb_identity.sso.sessions import MAX_PAGE, Sessions

    limit = min(arguments.limit, MAX_PAGE)
    page = Sessions(opened.store).of(arguments.account, after=arguments.after, limit=limit)
    return [
        {
            "session": one.sid,
            "kind": str(one.subject_kind),
            "level": one.level,
            "acr": one.acr,
            "amr": list(one.amr),
            "since": one.auth_time.isoformat(),
            "until": one.ends_at.isoformat(),
            "place": one.place,
            "device": one.device,
        }
        for one in page
    ]


def _end(opened: Opened, arguments: argparse.Namespace) -> Rows:
    from msb_identity.sso.sessions import Sessions

    sessions = Sessions(opened.store, audit=opened.audit)
    if arguments.session is not None:
        count = int(sessions.end(arguments.session, by=arguments.by))
    else:
        count = sessions.end_all(arguments.all, by=arguments.by)
    if not count:
        raise CommandError(*_NOTHING)
    return [{"ended": count}]
