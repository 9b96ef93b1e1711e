"""What the provider says of itself, and nothing that it does not do.

OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2, RFC 9207 section 3, Back-Channel Logout
section 2.1, RP-Initiated Logout section 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.envelopes.algorithms import JOSE_ALGORITHM
from msb_identity.sso.clients import Authentication, Grant
from msb_identity.sso.cutoff_list import CUT_OFF_LIST_MEMBER
from msb_identity.sso.parts import Endpoint

if TYPE_CHECKING:
    from datetime import datetime

    from msb_identity.sso.parts import Parts


def metadata(parts: Parts, *, now: datetime) -> dict[str, object]:
    """Give the metadata of this provider."""
    ways = sorted(Authentication)
    proving = [way for way in ways if way is not Authentication.NONE]
    algorithms = list(JOSE_ALGORITHM.values())
    return {
        "issuer": parts.issuer,
        "authorization_endpoint": parts.address(Endpoint.AUTHORIZE),
        "token_endpoint": parts.address(Endpoint.TOKEN),
        "userinfo_endpoint": parts.address(Endpoint.USERINFO),
        "jwks_uri": parts.address(Endpoint.JWKS),
        "introspection_endpoint": parts.address(Endpoint.INTROSPECT),
        "revocation_endpoint": parts.address(Endpoint.REVOKE),
        "end_session_endpoint": parts.address(Endpoint.END_SESSION),
        CUT_OFF_LIST_MEMBER: parts.address(Endpoint.CUTOFFS),
        "scopes_supported": sorted(parts.scopes),
        "claims_supported": _claims(parts),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": sorted(Grant),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "acr_values_supported": list(parts.assurance.levels),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": _signing(parts, now=now),
        "token_endpoint_auth_methods_supported": ways,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": proving,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": ways,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "ui_locales_supported": ["zh-CN", "en"],
    }


def _signing(parts: Parts, *, now: datetime) -> list[str]:
    """Give the algorithms of the keys that are published now."""
    return sorted({JOSE_ALGORITHM[key.kind] for key in parts.ring.key_set(now)})


def _claims(parts: Parts) -> list[str]:
    """Give the claims of ID tokens and of userinfo."""
    always = {"sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "act", "nonce"}
    return sorted(always.union(*(scope.claims for scope in parts.scopes.values())))
