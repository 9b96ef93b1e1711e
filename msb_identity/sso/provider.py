"""The OpenID Provider as plain functions: a `WebRequest` in, a `WebResponse` out.

It brings what stands behind the addresses of a provider; the application brings its pages. Where a
person must act first, an endpoint answers with a value instead of a response: `SignInNeeded` (show
the sign-in page, then send the browser to `return_to`) or `SignOutNeeded` (ask, then call again).
There is no page of consent: portals are the government's own, and what each may ask for is settled
when it is registered. OpenID Connect Core 1.0, OAuth 2.1 (draft), RFC 9700.

No request raises: what is wrong with one is its answer, and what is wrong with the store is a 503.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from msb_identity.errors import MsbError, OAuthRefused, StoreError
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware
from msb_identity.signin.stepup import ASSURANCE
from msb_identity.sso import authorize, grants, inspection, signout
from msb_identity.sso.addresses import check_address
from msb_identity.sso.authorize import CONTINUATION_DOMAIN, Reason, SignInNeeded
from msb_identity.sso.client_authentication import ClientAuthenticator
from msb_identity.sso.cutoff_list import CUT_OFF_LIST_TYPE, CutOffPublisher
from msb_identity.sso.discovery import metadata
from msb_identity.sso.http import JSON, NO_STORE, WebResponse, json_response, page
from msb_identity.sso.parts import Endpoint, Parts, Subjects
from msb_identity.sso.refresh import RefreshTokens
from msb_identity.sso.scopes import SCOPES
from msb_identity.sso.signout import SignOutNeeded
from msb_identity.sso.tokens import TokenIssuer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from msb_identity.foundation.audit import Audit
    from msb_identity.foundation.protect import Protector
    from msb_identity.foundation.store import Store
    from msb_identity.signin.stepup import Assurance
    from msb_identity.sso.clients import Clients
    from msb_identity.sso.cutoffs import CutOffs
    from msb_identity.sso.http import WebRequest
    from msb_identity.sso.keyring import Signers
    from msb_identity.sso.scopes import Scopes
    from msb_identity.sso.sessions import Session, Sessions

__all__ = ["Endpoint", "Provider", "Reason", "SignInNeeded", "SignOutNeeded", "Subjects"]
_PUBLISHED = (("Cache-Control", "public, max-age=60"),)
"""What is no secret may be kept a minute; a key is published an hour before it signs."""
_METHODS = {
    Endpoint.AUTHORIZE: ("GET", "POST"),
    Endpoint.END_SESSION: ("GET", "POST"),
    Endpoint.TOKEN: ("POST",),
    Endpoint.INTROSPECT: ("POST",),
    Endpoint.REVOKE: ("POST",),
    Endpoint.USERINFO: ("GET", "POST"),
    Endpoint.DISCOVERY: ("GET",),
    Endpoint.JWKS: ("GET",),
    Endpoint.CUTOFFS: ("GET",),
}
_PAGES = frozenset({Endpoint.AUTHORIZE, Endpoint.END_SESSION})
_OAUTH_METADATA = "/.well-known/oauth-authorization-server"  # RFC 8414 section 3.1
_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Provider:
    """The provider of one issuer."""

    def __init__(
        self,
        issuer: str,
        *,
        store: Store,
        protector: Protector,
        ring: Signers,
        clients: Clients,
        sessions: Sessions,
        cutoffs: CutOffs,
        subjects: Subjects,
        scopes: Scopes = SCOPES,
        assurance: Assurance = ASSURANCE,
        audit: Audit | None = None,
    ) -> None:
        """Take the issuer's address, without a slash at its end, and what the provider works with.

        issuer: https, or http on a loopback address; ClientRefused for any other. subjects: who
        people are. assurance: the authentication levels (认证等级). audit: where tokens and their
        ends are recorded.
        """
        check_address(f"{issuer}/")
        self._parts = Parts(
            issuer=issuer,
            store=store,
            ring=ring,
            clients=clients,
            authenticator=ClientAuthenticator(clients, store, issuer=issuer),
            sessions=sessions,
            cutoffs=cutoffs,
            cutoff_list=CutOffPublisher(cutoffs, ring, issuer=issuer),
            subjects=subjects,
            tokens=TokenIssuer(issuer, ring, audit=audit),
            refresh=RefreshTokens(protector),
            scopes=scopes,
            assurance=assurance,
            continuation_key=protector.derived_key(CONTINUATION_DOMAIN),
            audit=audit,
        )
        base = urlsplit(issuer).path
        self._paths = {f"{base}{endpoint}": endpoint for endpoint in Endpoint}
        # RFC 8414 section 3.1 puts the well-known part before the issuer's own path.
        self._paths[f"{_OAUTH_METADATA}{base}"] = Endpoint.DISCOVERY

    @property
    def issuer(self) -> str:
        """The issuer's address, as it stands in `iss`."""
        return self._parts.issuer

    def handle(
        self, request: WebRequest, session: Session | None, now: datetime | None = None
    ) -> WebResponse | SignInNeeded | SignOutNeeded:
        """Answer whatever request by its path; 404 for what is no endpoint.

        session: the browser's own, found by the application through its cookie.
        """
        endpoint = self._paths.get(request.path)
        if endpoint is None:
            return page(404, "没有此页面", "There is no such page.")
        if endpoint is Endpoint.AUTHORIZE:
            return self.authorize(request, session, now)
        if endpoint is Endpoint.END_SESSION:
            return self.end_session(request, session, now)
        answers: dict[Endpoint, Callable[[WebRequest, datetime | None], WebResponse]] = {
            Endpoint.DISCOVERY: self.discovery,
            Endpoint.JWKS: self.jwks,
            Endpoint.TOKEN: self.token,
            Endpoint.INTROSPECT: self.introspect,
            Endpoint.REVOKE: self.revoke,
            Endpoint.USERINFO: self.userinfo,
            Endpoint.CUTOFFS: self.cutoff_list,
        }
        return answers[endpoint](request, now)

    def discovery(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Say what this provider can do (OpenID Connect Discovery 1.0 section 3, RFC 8414)."""

        def answer(moment: datetime) -> WebResponse:
            return json_response(metadata(self._parts, now=moment), headers=_PUBLISHED)

        return _answer(Endpoint.DISCOVERY, request, now, answer)

    def jwks(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Give the public keys (RFC 7517 section 5)."""

        def answer(moment: datetime) -> WebResponse:
            keys = strict_json.load(self._parts.ring.key_set(moment).as_json())
            return json_response(keys, headers=_PUBLISHED)

        return _answer(Endpoint.JWKS, request, now, answer)

    def authorize(
        self, request: WebRequest, session: Session | None, now: datetime | None = None
    ) -> WebResponse | SignInNeeded:
        """Send the browser back to a portal with a code (OpenID Connect Core section 3.1.2)."""

        def answer(moment: datetime) -> WebResponse | SignInNeeded:
            return authorize.authorize(self._parts, request, session, now=moment)

        return _answer(Endpoint.AUTHORIZE, request, now, answer)

    def cancel(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Send the browser back with `access_denied`: the person did not sign in after all.

        request: a GET for the `return_to` of SignInNeeded.
        """
        return _answer(
            Endpoint.AUTHORIZE, request, now, lambda _: authorize.cancel(self._parts, request)
        )

    def token(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Exchange a code or a refresh token, or sign a system in (RFC 6749 section 3.2)."""
        return _answer(
            Endpoint.TOKEN, request, now, lambda at: grants.token(self._parts, request, now=at)
        )

    def introspect(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Tell a registered system about a token that is meant for it (RFC 7662)."""

        def answer(moment: datetime) -> WebResponse:
            return inspection.introspect(self._parts, request, now=moment)

        return _answer(Endpoint.INTROSPECT, request, now, answer)

    def revoke(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """End a token at its owner's wish (RFC 7009)."""

        def answer(moment: datetime) -> WebResponse:
            return inspection.revoke(self._parts, request, now=moment)

        return _answer(Endpoint.REVOKE, request, now, answer)

    def userinfo(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Give the claims that the access token's scope allows (OpenID Connect Core 5.3)."""

        def answer(moment: datetime) -> WebResponse:
            return inspection.userinfo(self._parts, request, now=moment)

        return _answer(Endpoint.USERINFO, request, now, answer)

    def end_session(
        self,
        request: WebRequest,
        session: Session | None,
        now: datetime | None = None,
        *,
        confirmed: bool = False,
    ) -> WebResponse | SignOutNeeded:
        """Sign out everywhere at a portal's wish (OpenID Connect RP-Initiated Logout 1.0)."""

        def answer(moment: datetime) -> WebResponse | SignOutNeeded:
            return signout.end_session(
                self._parts, request, session, confirmed=confirmed, now=moment
            )

        return _answer(Endpoint.END_SESSION, request, now, answer)

    def cutoff_list(self, request: WebRequest, now: datetime | None = None) -> WebResponse:
        """Give the signed list of cut-offs to verifiers that have no store."""

        def answer(moment: datetime) -> WebResponse:
            kind = (("Content-Type", f"application/{CUT_OFF_LIST_TYPE}"), *NO_STORE)
            return WebResponse(200, kind, self._parts.cutoff_list.document(moment).encode())

        return _answer(Endpoint.CUTOFFS, request, now, answer)


def _answer(
    endpoint: Endpoint,
    request: WebRequest,
    now: datetime | None,
    answer: Callable[[datetime], _Answer],
) -> _Answer | WebResponse:
    """Answer, or say why not, in the form that the endpoint's callers read."""
    methods = _METHODS[endpoint]
    if request.method not in methods:
        return WebResponse(405, (("Allow", ", ".join(methods)), *NO_STORE))
    try:
        return answer(aware(now))
    except OAuthRefused as refused:
        _log.info("%s: %s (%s)", endpoint, refused.code, refused.detail)
        return _refusal(endpoint, refused)
    except StoreError:
        _log.exception("%s: the store failed", endpoint)
        return _failure(endpoint, 503)
    except MsbError:
        _log.exception("%s: failed", endpoint)
        return _failure(endpoint, 500)


def _refusal(endpoint: Endpoint, refused: OAuthRefused) -> WebResponse:
    if endpoint in _PAGES:
        en = f"This request cannot be answered: {refused.description}"
        return page(400, "请求有误，请返回原网站重试", en)
    said = {"error": refused.code, "error_description": refused.description}
    challenge = (("WWW-Authenticate", refused.challenge),) if refused.challenge else ()
    return json_response(said, status=refused.status, headers=(*NO_STORE, *challenge))


def _failure(endpoint: Endpoint, status: int) -> WebResponse:
    if endpoint in _PAGES:
        return page(status, "服务暂不可用，请稍后重试", "The service is not available now.")
    code = "temporarily_unavailable" if status == 503 else "server_error"  # noqa: PLR2004 - HTTP
    headers = (*NO_STORE, ("Retry-After", "5"))
    return json_response({"error": code}, status=status, headers=headers, content_type=JSON)
