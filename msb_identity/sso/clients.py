"""Clients: the portals, apps and systems that may use the provider, each registered beforehand.

A registration says all that a client may do; nothing is taken from a request that is not in it.
Secrets are made here, 256 random bits each, shown once and kept as a SHA-256: a slow hash protects
what people choose, and would let anybody load the token endpoint by guessing. A client proves
itself in exactly the one way it is registered with (RFC 6749 section 2.3, OAuth 2.1 section 2.4).
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text, insert, select, update
from sqlalchemy.exc import IntegrityError

from msb_identity.envelopes.jose import KeySet
from msb_identity.errors import EncodingRefused, KeyRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware, from_seconds, seconds
from msb_identity.foundation.schema import IDENTITY
from msb_identity.foundation.text import is_showable
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.stepup import ASSURANCE
from msb_identity.sso.addresses import check_address
from msb_identity.sso.client_sentences import client_refused, fields_refused
from msb_identity.sso.keyring import ring_keys

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.signin.stepup import Assurance
    from msb_identity.sso.cutoffs import CutOffs

MAX_CLIENT_ID_CHARS = 64
MAX_NAME_CHARS = 100
MAX_ADDRESSES = 20
MAX_SCOPES = 50
MAX_AUDIENCES = 16
MAX_SCOPE_CHARS = 60
MAX_PAGE = 500
_REMEMBERED = 1_000
_SECRET_BYTES = 32
_ID_BYTES = 12

metadata = IDENTITY.tables()
clients = Table(
    "clients",
    metadata,
    Column("id", String(MAX_CLIENT_ID_CHARS), primary_key=True),
    Column("registration", Text, nullable=False),
    Column("secret_hash", LargeBinary(32)),
    Column("registered_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)

# A person's id is 26 characters of base32. A client that bore one would be that person to whoever
# reads only `sub` of a token that it got for itself (RFC 9700 section 4.15).
_PERSON_LIKE = re.compile(r"[a-z2-7]{26}")
_CLIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# RFC 6749 section 3.3: scope-token
_ScopeName = Annotated[
    str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$", max_length=MAX_SCOPE_CHARS)
]
_Matter = Annotated[str, Field(pattern=r"^[a-z0-9]+(?:[.:_-][a-z0-9]+)*$", max_length=60)]
_Audience = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=500)]
_Address = Annotated[str, Field(max_length=2_000)]


class Authentication(StrEnum):
    """How a client proves itself at the token endpoint (OpenID Connect Core section 9)."""

    SECRET_BASIC = "client_secret_basic"  # noqa: S105 - a name (RFC 7591 section 2)
    SECRET_POST = "client_secret_post"  # noqa: S105 - the same
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


SECRETS = frozenset({Authentication.SECRET_BASIC, Authentication.SECRET_POST})


class Grant(StrEnum):
    """What a client may exchange for tokens (RFC 6749); implicit and password are no more."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name (RFC 6749 section 6)
    CLIENT_CREDENTIALS = "client_credentials"


class Registration(BaseModel):
    """What a client is registered with; docs/formats.md, "client registration".

    id: default random. audience: what this client's own tokens are for, and what it may introspect.
    audiences: further ones that it may ask for with `resource` (RFC 8707). level: the lowest
    real-name level (实名等级) of who comes to it; acr: the weakest sign-in (认证等级) it takes.
    logout_address: where it is told that a session has ended. token_key: the kind of key that signs
    its tokens, default the ring's first. mandate_scope: the matter (事项) that who acts for a firm
    must be mandated for; without it nobody acts for a firm here. keys: a JWK set, for
    private_key_jwt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str = Field(default_factory=lambda: secrets.token_hex(_ID_BYTES))
    name: str
    authentication: Authentication = Authentication.SECRET_BASIC
    grants: Annotated[tuple[Grant, ...], Field(min_length=1)] = (
        Grant.AUTHORIZATION_CODE,
        Grant.REFRESH_TOKEN,
    )
    redirect_addresses: Annotated[tuple[_Address, ...], Field(max_length=MAX_ADDRESSES)] = ()
    signed_out_addresses: Annotated[tuple[_Address, ...], Field(max_length=MAX_ADDRESSES)] = ()
    logout_address: _Address | None = None
    scopes: Annotated[tuple[_ScopeName, ...], Field(max_length=MAX_SCOPES)] = ("openid",)
    audience: _Audience
    audiences: Annotated[tuple[_Audience, ...], Field(max_length=MAX_AUDIENCES)] = ()
    level: Annotated[int, Field(ge=0, le=100)] = 0
    acr: Annotated[str, Field(pattern=r"^[\x21-\x7e]*$", max_length=64)] = ""
    token_key: KeyKind | None = None
    mandate_scope: _Matter | None = None
    keys: dict[str, Any] | None = None

    @field_validator("name")
    @classmethod
    def _is_shown(cls, name: str) -> str:
        if not 0 < len(name.strip()) <= MAX_NAME_CHARS or not is_showable(name):
            message = f"a name is 1 to {MAX_NAME_CHARS} characters that can be shown"
            raise ValueError(message)
        return name.strip()

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, id_: str) -> str:
        if not _CLIENT_ID.fullmatch(id_) or _PERSON_LIKE.fullmatch(id_):
            message = "a client's id is short and plain, and does not look like a person's"
            raise ValueError(message)
        return id_

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for address in (*self.redirect_addresses, *self.signed_out_addresses):
            check_address(address)
        if self.logout_address is not None:  # an empty one is refused, not taken for none
            check_address(self.logout_address)
        with_code = Grant.AUTHORIZATION_CODE in self.grants
        rules = {
            "redirect-needed": not with_code or self.redirect_addresses,
            "refresh-without-code": with_code or Grant.REFRESH_TOKEN not in self.grants,
            # RFC 6749 section 4.4: only who can keep a secret signs in as itself.
            "public-credentials": self.authentication is not Authentication.NONE
            or Grant.CLIENT_CREDENTIALS not in self.grants,
            "keys-needed": (self.authentication is Authentication.PRIVATE_KEY_JWT)
            == (self.keys is not None),
        }
        for code, holds in rules.items():
            if not holds:
                raise client_refused(code)
        if self.keys is not None:
            _key_set(self.keys)
        return self

    @classmethod
    def read(cls, values: object) -> Registration:
        """Take what was read from a file; ClientRefused names the fields that cannot be."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            named = sorted({".".join(map(str, fault["loc"])) or "?" for fault in faults})
            raise fields_refused(", ".join(named)) from None


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client."""

    registration: Registration
    registered_at: datetime
    ended_at: datetime | None
    _secret_hash: bytes | None

    @property
    def id(self) -> str:
        """The name that it goes by in requests and tokens."""
        return self.registration.id

    @property
    def key_set(self) -> KeySet:
        """The keys it signs assertions with."""
        keys = self.registration.keys
        return KeySet(()) if keys is None else _key_set(keys)

    def has_secret(self, secret: str) -> bool:
        """Whether this is the client's secret; takes the same time whether or not it has one."""
        given = hash_secret(secret)
        return hmac.compare_digest(given, self._secret_hash or bytes(len(given)))


class Clients:
    """The clients of one store."""

    def __init__(
        self, store: Store, *, assurance: Assurance = ASSURANCE, audit: Audit | None = None
    ) -> None:
        """Use the store that was opened with `msb_identity.tables.TABLES`.

        assurance: the provider's authentication levels; audit: where to record.
        """
        self._store, self._assurance = store, assurance
        self._audit = audit

    def register(
        self,
        registration: Registration,
        *,
        secret: str | None = None,
        now: datetime | None = None,
    ) -> tuple[Client, str | None]:
        """Register a client; give it, and its secret, which nobody can find out again.

        secret: one from `new_secret` that was written down beforehand; default a new one.
        ClientRefused where there is, or was, a client of that id (`known`), and for a level that is
        not on the scale (`acr`) or a kind of key that is not in the store's ring (`token-key`).
        """
        moment = aware(now)
        given = self.new_secret(registration) if secret is None else secret
        kept = None if given is None else hash_secret(given)
        row = {
            "id": registration.id,
            "registration": registration.model_dump_json(exclude_none=True),
            "secret_hash": kept,
            "registered_at": seconds(moment),
        }
        try:
            with self._store.write(locks=()) as connection:
                self._check_fits(connection, registration)
                connection.execute(insert(clients).values(row))
                self._record(connection, "client.registered", registration.id, moment)
        except IntegrityError:
            raise client_refused("known") from None
        client = Client(registration, from_seconds(seconds(moment)), None, kept)
        return client, given

    def change(
        self,
        registration: Registration,
        *,
        secret: str | None = None,
        now: datetime | None = None,
    ) -> Client:
        """Register a live client of this id anew; what it was given before goes on.

        secret: a new one from `new_secret`, instead of the one it has; default that one.
        ClientRefused as `register` does, where there is no such client (`unknown`), and where it
        needs a secret and has none (`secret-needed`).
        """
        moment, client = aware(now), self.live(registration.id)
        if client is None:
            raise client_refused("unknown")
        kept = client._secret_hash if secret is None else hash_secret(secret)  # noqa: SLF001 - ours
        if registration.authentication not in SECRETS:
            kept = None
        elif kept is None:
            raise client_refused("secret-needed")
        changed = {
            "registration": registration.model_dump_json(exclude_none=True),
            "secret_hash": kept,
        }
        this = (clients.c.id == registration.id) & clients.c.ended_at.is_(None)
        with self._store.write(locks=()) as connection:
            self._check_fits(connection, registration)
            if connection.execute(update(clients).where(this).values(changed)).rowcount == 0:
                raise client_refused("unknown")
            self._record(connection, "client.changed", registration.id, moment)
        return Client(registration, client.registered_at, None, kept)

    @staticmethod
    def new_secret(registration: Registration) -> str | None:
        """Make a secret for a client that proves itself by one; None for any other."""
        if registration.authentication not in SECRETS:
            return None
        return secrets.token_urlsafe(_SECRET_BYTES)

    def get(self, client_id: str) -> Client | None:
        """Find a client, ended or not."""
        if not _CLIENT_ID.fullmatch(client_id):  # no database is asked for what it cannot hold
            return None
        with self._store.read() as connection:
            row = connection.execute(select(clients).where(clients.c.id == client_id)).one_or_none()
        return None if row is None else _open(row)

    def live(self, client_id: str) -> Client | None:
        """Find a client that has not been ended."""
        client = self.get(client_id)
        return None if client is None or client.ended_at is not None else client

    def page(self, *, after: str = "", limit: int = 100) -> list[Client]:
        """List clients by id, those behind `after`, at most `limit` (up to 500)."""
        query = select(clients).where(clients.c.id > after).order_by(clients.c.id)
        with self._store.read() as connection:
            return [_open(row) for row in connection.execute(query.limit(min(limit, MAX_PAGE)))]

    def end(self, client_id: str, cutoffs: CutOffs, *, now: datetime | None = None) -> bool:
        """End a client for good, with every token it was given; whether there was such a one."""
        moment = aware(now)
        live = (clients.c.id == client_id) & clients.c.ended_at.is_(None)
        with self._store.write(locks=()) as connection:
            ended = update(clients).where(live).values(ended_at=seconds(moment))
            if connection.execute(ended).rowcount == 0:
                return False
            cutoffs.end_client(connection, client_id, moment)
            self._record(connection, "client.ended", client_id, moment)
        return True

    def _check_fits(self, connection: Connection, registration: Registration) -> None:
        """Refuse what this provider could not keep to: a level misspelt would demand nothing."""
        if registration.acr and self._assurance.rank(registration.acr) < 0:
            raise client_refused("acr")
        if registration.token_key is not None:
            kinds = connection.scalars(select(ring_keys.c.kind).distinct()).all()
            if kinds and registration.token_key not in kinds:  # an empty ring begins with any
                raise client_refused("token-key")

    def _record(self, connection: Connection, event: str, client_id: str, now: datetime) -> None:
        if self._audit is not None:
            self._audit.record(event, object_=client_id, now=now, connection=connection)


def hash_secret(secret: str) -> bytes:
    """Give what is kept of a secret that has 256 random bits of its own."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _open(row: Row[Any]) -> Client:
    return Client(
        registration=_read(row.registration),
        registered_at=from_seconds(row.registered_at),
        ended_at=None if row.ended_at is None else from_seconds(row.ended_at),
        _secret_hash=row.secret_hash,
    )


@lru_cache(maxsize=_REMEMBERED)
def _read(registration: str) -> Registration:
    """Read what the store holds; the same text gives the same, so busy clients are read once."""
    return Registration.model_validate_json(registration)


def _key_set(keys: dict[str, Any]) -> KeySet:
    try:
        found = KeySet.from_json(strict_json.dump(keys))
    except (EncodingRefused, KeyRefused):
        raise client_refused("keys") from None
    if found.skipped or not any(found):
        raise client_refused("keys")
    return found
