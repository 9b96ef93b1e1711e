"""What a sign-in authorised a client to: carried by its code, then by its refresh token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, String, Text

from msb_identity.sso.claims import Acting
from msb_identity.sso.clients import MAX_CLIENT_ID_CHARS

if TYPE_CHECKING:
    from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Authorization:
    """One client, in one session, with a scope, towards some audiences; maybe for a firm."""

    client_id: str
    sid: str
    subject: str
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    acting: Acting | None = None


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
    ]


def authorization_values(authorization: Authorization) -> dict[str, str | None]:
    """Give what these columns are written with."""
    acting = authorization.acting
    return {
        "client_id": authorization.client_id,
        "sid": authorization.sid,
        "subject": authorization.subject,
        "scope": " ".join(authorization.scope),
        "audience": " ".join(authorization.audience),
        "firm_id": None if acting is None else acting.firm_id,
        "mandate_id": None if acting is None else acting.mandate_id,
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
    )
