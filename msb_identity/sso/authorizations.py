"""What a sign-in authorised a client to: carried by its code, then by its refresh token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, String, Text

from msb_identity.foundation.clock import from_seconds, seconds
from msb_identity.sso.claims import Acting
from msb_identity.sso.clients import MAX_CLIENT_ID_CHARS

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Authorization:
    """One client, in one session, with a scope, towards some audiences; maybe for a firm.

    shown_since: where a fresh sign-in was asked for, since when a method must have been shown for
    tokens to tell of it; else None.
    """

    client_id: str
    sid: str
    subject: str
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    acting: Acting | None = None
    shown_since: datetime | None = None


def authorization_columns() -> list[Column[Any]]:
    """Give the columns in which a table keeps an authorisation."""
    return [
        Column("client_id", String(MAX_CLIENT_ID_CHARS), nullable=False),
        Column("sid", String(22), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("scope", Text, nullable=False),
        Column("audience", Text, nullable=False),
        Column("firm_id", String(26)),
        Column("mandate_id", String(26)),
        Column("shown_since", BigInteger),
    ]


def authorization_values(authorization: Authorization) -> dict[str, str | int | None]:
    """Give what these columns are written with."""
    acting, since = authorization.acting, authorization.shown_since
    return {
        "client_id": authorization.client_id,
        "sid": authorization.sid,
        "subject": authorization.subject,
        "scope": " ".join(authorization.scope),
        "audience": " ".join(authorization.audience),
        "firm_id": None if acting is None else acting.firm_id,
        "mandate_id": None if acting is None else acting.mandate_id,
        "shown_since": None if since is None else seconds(since),
    }


def read_authorization(row: Row[Any]) -> Authorization:
    """Read it back."""
    return Authorization(
        client_id=row.client_id,
        sid=row.sid,
        subject=row.subject,
        scope=tuple(row.scope.split()),
        audience=tuple(row.audience.split()),
        acting=None if row.firm_id is None else Acting(row.firm_id, row.mandate_id),
        shown_since=None if row.shown_since is None else from_seconds(row.shown_since),
    )
