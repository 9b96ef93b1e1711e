"""The OpenID Provider as plain functions: a `WebRequest` in, a `WebResponse` out.

It brings what stands behind the addresses of a provider; the application brings its pages. Where a
person must act first, an endpoint answers with a value instead of a response: `SignInNeeded` (show
the sign-in page, then send the browser to `return_to`) or `SignOutNeeded` (ask, then call again).
There is no page of consent: portals are the government's own, and what each may ask for is settled
when it is registered. OpenID Connect Core 1.0, OAuth 2.1 (draft), RFC 9700.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from msb_identity.sso.http import WebRequest, WebResponse
    from msb_identity.sso.sessions import Session


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


class Reason(StrEnum):
    """Why a person must act before a portal gets its answer."""

    NO_SESSION = "no-session"
    FRESH_SIGN_IN = "fresh-sign-in"
    STRONGER_SIGN_IN = "stronger-sign-in"
    HIGHER_LEVEL = "higher-level"


@dataclass(frozen=True, slots=True)
class SignInNeeded:
    """The application's own pages are to come first.

    reason: what is missing; `HIGHER_LEVEL` is a matter of the account (实名), not of this sign-in.
    return_to: path and query, below the issuer's host, to send the browser to afterwards.
    acr: the authentication level (认证等级) that will do, "" where any does. level: the real-name
    level (实名等级). max_age: how old the sign-in may be. login_hint: what the portal believes the
    person's identifier to be; only for filling in a field, and kept out of `return_to`.
    """

    reason: Reason
    client_id: str
    client_name: str
    return_to: str
    acr: str = ""
    level: int = 0
    max_age: timedelta | None = None
    login_hint: str = ""


@dataclass(frozen=True, slots=True)
class SignOutNeeded:
    """The person is to be asked whether to sign out, since no portal proved that it may ask.

    Call `end_session` again with `confirmed=True` and the same request after a yes.
    """

    client_name: str


class Provider:
    """The provider of one issuer."""

    def __init__(self, issuer: str) -> None:
        """Take the issuer's address: https, no query, no slash at the end."""
        self.issuer = issuer

    def handle(
        self, request: WebRequest, session: Session | None, now: datetime | None = None
    ) -> WebResponse | SignInNeeded | SignOutNeeded:
        """Answer whatever request by its path; 404 for what is no endpoint.

        session: the browser's own, found by the application through its cookie.
        """
        raise NotImplementedError

    def discovery(self, request: WebRequest) -> WebResponse:
        """Say what this provider can do (OpenID Connect Discovery 1.0 section 3, RFC 8414)."""
        raise NotImplementedError

    def jwks(self, request: WebRequest) -> WebResponse:
        """Give the public keys (RFC 7517 section 5)."""
        raise NotImplementedError

    def authorize(
        self, request: WebRequest, session: Session | None, now: datetime | None = None
    ) -> WebResponse | SignInNeeded:
        """Send the browser back to a portal with a code (OpenID Connect Core section 3.1.2)."""
        raise NotImplementedError

    def cancel(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Send the browser back with `access_denied`: the person did not sign in after all.

        request: a GET for the `return_to` of SignInNeeded.
        """
        raise NotImplementedError

    def token(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Exchange a code or a refresh token, or sign a system in (RFC 6749 section 3.2)."""
        raise NotImplementedError

    def introspect(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Tell a registered system about a token that is meant for it (RFC 7662)."""
        raise NotImplementedError

    def revoke(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """End a token at its owner's wish (RFC 7009)."""
        raise NotImplementedError

    def userinfo(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Give the claims that the access token's scope allows (OpenID Connect Core 5.3)."""
        raise NotImplementedError

    def end_session(
        self,
        request: WebRequest,
        session: Session | None,
        now: datetime | None = None,
        *,
        confirmed: bool = False,
    ) -> WebResponse | SignOutNeeded:
        """Sign out everywhere at a portal's wish (OpenID Connect RP-Initiated Logout 1.0)."""
        raise NotImplementedError

    def cutoff_list(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Give the signed list of cut-offs to verifiers that have no store."""
        raise NotImplementedError
