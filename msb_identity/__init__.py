"""MSB identity (身份): who. Keys, people, sign-in and single sign-on tokens.

`import msb_identity` is light: rooms are loaded when a name of theirs is first used. What stands in
`__all__` is stable; everything else may change between versions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from msb_identity.errors import MsbError, Refused
    from msb_identity.foundation.report import Outcome, Report, Step, Verdict
    from msb_identity.pki.formats import load_key, load_public_key
    from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey, generate_key
    from msb_identity.sso.tokens import TokenIssuer, TokenVerifier, VerifiedToken

_HOMES = {
    "KeyKind": "msb_identity.pki.keys",
    "MsbError": "msb_identity.errors",
    "Outcome": "msb_identity.foundation.report",
    "Refused": "msb_identity.errors",
    "Report": "msb_identity.foundation.report",
    "SigningKey": "msb_identity.pki.keys",
    "Step": "msb_identity.foundation.report",
    "TokenIssuer": "msb_identity.sso.tokens",
    "TokenVerifier": "msb_identity.sso.tokens",
    "Verdict": "msb_identity.foundation.report",
    "VerifiedToken": "msb_identity.sso.tokens",
    "VerifyingKey": "msb_identity.pki.keys",
    "generate_key": "msb_identity.pki.keys",
    "load_key": "msb_identity.pki.formats",
    "load_public_key": "msb_identity.pki.formats",
}

__all__ = [
    "KeyKind",
    "MsbError",
    "Outcome",
    "Refused",
    "Report",
    "SigningKey",
    "Step",
    "TokenIssuer",
    "TokenVerifier",
    "Verdict",
    "VerifiedToken",
    "VerifyingKey",
    "generate_key",
    "load_key",
    "load_public_key",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the room holds
    """Load the room that holds `name`."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
