"""What an access token says: its claims, strictly typed (RFC 9068 section 2.2, RFC 8693 4.1).

A token of a sign-in names its session (`sid`, `acr`, `amr`, `auth_time`); one that a client got for
itself (client credentials) has none of these, and its subject is the client. Who acts for a firm
stands in `act`: the subject is the firm, the actor the person, with the mandate that allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from msb_identity.sso.basis import Basis

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type (RFC 9068 section 2.1), not a secret
TOKEN_LIFE = timedelta(minutes=10)
MAX_TOKEN_LIFE = timedelta(hours=1)
"""No token lives longer: so long are cut-offs and retiring keys kept."""
CLOCK_TOLERANCE = timedelta(seconds=60)
MAX_AUDIENCES = 16
MAX_METHODS = 16
MAX_ROLES = 100
_OF_SIGN_IN = ("acr", "amr", "auth_time", "sid")
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

# A text that can be shown: no control characters, so that no terminal obeys it.
Text = Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Time = Annotated[int, Field(ge=0, le=_LAST_SECOND)]


_moment = partial(datetime.fromtimestamp, tz=UTC)  # what is a Time lies within its years


@dataclass(frozen=True, slots=True)
class Acting:
    """For whom a person acts (经办): the firm that a token is for, and by which mandate."""

    firm_id: str
    mandate_id: str


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token that was verified says.

    subject: the person, the member of staff, the client; or the firm that `actor` acts for.
    session_id, acr, amr, auth_time: of the sign-in; None and () where a client is on its own.
    actor, mandate: the person who acts for the subject, and what allows it; else None.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    client_id: str
    session_id: str | None
    acr: str | None
    amr: tuple[str, ...]
    auth_time: datetime | None
    issued_at: datetime
    expires_at: datetime
    token_id: str
    scope: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    actor: str | None = None
    mandate: str | None = None

    @property
    def person_id(self) -> str:
        """Who is there: the actor where one acts for the subject, else the subject."""
        return self.subject if self.actor is None else self.actor

    @property
    def session(self) -> tuple[str, str] | None:
        """The session's id and its person; None where nobody signed in."""
        return None if self.session_id is None else (self.session_id, self.person_id)


class StrictModel(BaseModel):
    """What comes from outside: of exactly these types; what is not named is let through unread."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class _Actor(StrictModel):
    """The claim `act`: one person under one mandate, not a chain of them."""

    model_config = ConfigDict(extra="forbid")

    sub: Text
    mandate: Text


class BaseClaims(StrictModel):
    """The claims that every JWT here has (RFC 7519 section 4.1)."""

    iss: Text
    aud: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_AUDIENCES)]
    exp: Time
    iat: Time
    nbf: Time = 0

    @property
    def audiences(self) -> tuple[str, ...]:
        """`aud` as a list, whichever form it has."""
        return (self.aud,) if isinstance(self.aud, str) else tuple(self.aud)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of claims that are not there, although the others ask for them."""
        return ()


class Claims(BaseClaims):
    """The claims of an access token."""

    sub: Text
    jti: Text
    client_id: Text
    sid: Text | None = None
    acr: Text | None = None
    amr: Annotated[list[Text], Field(min_length=1, max_length=MAX_METHODS)] | None = None
    auth_time: Time | None = None
    scope: Text | None = None
    roles: Annotated[list[Text], Field(max_length=MAX_ROLES)] = []
    act: _Actor | None = None
    # Says who may use the token: until that is checked here, one that has it is not taken for a
    # plain one (RFC 7800).
    cnf: None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of claims of a sign-in that are not there, although they must be."""
        if None not in (self.sid, self.acr, self.amr, self.auth_time):
            return ()
        missing = tuple(name for name in _OF_SIGN_IN if getattr(self, name) is None)
        alone = missing == _OF_SIGN_IN and self.act is None and self.sub == self.client_id
        return () if alone else missing

    @property
    def session(self) -> tuple[str, str] | None:
        """The session's id and its person; None where nobody signed in."""
        person = self.sub if self.act is None else self.act.sub
        return None if self.sid is None else (self.sid, person)

    @property
    def basis(self) -> Basis:
        """What must not have ended for the token to be good."""
        return Basis.of(
            iat=self.iat,
            sid=self.sid,
            sub=self.sub,
            client=self.client_id,
            mandate=None if self.act is None else self.act.mandate,
            actor=None if self.act is None else self.act.sub,
            token_id=self.jti,
        )

    def verified(self) -> VerifiedToken:
        """Give what they say, once they are verified."""
        return VerifiedToken(
            issuer=self.iss,
            subject=self.sub,
            audience=self.audiences,
            client_id=self.client_id,
            session_id=self.sid,
            acr=self.acr,
            amr=tuple(self.amr or ()),
            auth_time=None if self.auth_time is None else _moment(self.auth_time),
            issued_at=_moment(self.iat),
            expires_at=_moment(self.exp),
            token_id=self.jti,
            scope=tuple((self.scope or "").split()),
            roles=tuple(self.roles),
            actor=None if self.act is None else self.act.sub,
            mandate=None if self.act is None else self.act.mandate,
        )
