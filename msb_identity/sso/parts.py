"""What the provider's endpoints work with: one value, made once by `Provider`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.store import Store
    from msb_identity.signin.stepup import Assurance
    from msb_identity.sso.claims import Acting, VerifiedToken
    from msb_identity.sso.client_authentication import ClientAuthenticator
    from msb_identity.sso.clients import Clients
    from msb_identity.sso.cutoff_list import CutOffPublisher
    from msb_identity.sso.cutoffs import CutOffs
    from msb_identity.sso.keyring import Signers
    from msb_identity.sso.refresh import RefreshTokens
    from msb_identity.sso.scopes import Scopes
    from msb_identity.sso.sessions import Session, Sessions
    from msb_identity.sso.tokens import TokenIssuer


class Endpoint(StrEnum):
    """What each endpoint's path ends in, below the issuer's address."""

    DISCOVERY = "/.well-known/openid-configuration"
    JWKS = "/jwks"
    AUTHORIZE = "/authorize"
    TOKEN = "/token"  # noqa: S105 - a path
    INTROSPECT = "/introspect"
    REVOKE = "/revoke"
    USERINFO = "/userinfo"
    END_SESSION = "/logout"
    CUTOFFS = "/cutoffs"


@dataclass(frozen=True, slots=True)
class Standing:
    """By what mandate somebody acts for a firm, and until when; None: until it is ended."""

    acting: Acting
    until: datetime | None


class Subjects(Protocol):
    """Who people are, as far as the provider asks; `subjects.StoredSubjects` knows it of a store.

    Each method is asked anew at every sign-in and refresh, so that what ended counts at once.
    """

    def level(self, session: Session, *, now: datetime) -> int:
        """Give the real-name level (实名等级) of the session's owner now."""

    def roles(self, session: Session, *, now: datetime) -> tuple[str, ...]:
        """Give the roles of a member of staff; () of anybody else."""

    def acting(
        self,
        session: Session,
        firm_id: str,
        *,
        scope: str,
        now: datetime,
        mandate_id: str | None = None,
    ) -> Standing | None:
        """Give by what mandate the session's owner acts for a firm in a matter; None: by none.

        mandate_id: the one that it must be; default whichever serves.
        """

    def claims(self, token: VerifiedToken, *, now: datetime) -> Mapping[str, object]:
        """Give all that userinfo may say of a token's subject; its scope chooses among it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one provider."""

    issuer: str
    store: Store
    ring: Signers
    clients: Clients
    authenticator: ClientAuthenticator
    sessions: Sessions
    cutoffs: CutOffs
    cutoff_list: CutOffPublisher
    subjects: Subjects
    tokens: TokenIssuer
    refresh: RefreshTokens
    scopes: Scopes
    assurance: Assurance
    continuation_key: bytes
    audit: Audit | None

    def address(self, endpoint: Endpoint) -> str:
        """Give the address of an endpoint."""
        return f"{self.issuer}{endpoint}"
