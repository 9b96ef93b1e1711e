"""Scopes (授权范围): what a portal may ask for, what it then sees, and what a person needs for it.

Names of claims: docs/formats.md, "claims". A scope that a client is registered for and that is not
in the table is a service's own: it stands in the access token and shows nothing of the person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPENID = "openid"


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: the claims it opens at userinfo, and the real-name level (实名等级) it needs."""

    name: str
    claims: tuple[str, ...] = ()
    level: int = 0


Scopes = Mapping[str, Scope]


def scope_table(*scopes: Scope) -> Scopes:
    """Give the table of these scopes."""
    return {scope.name: scope for scope in scopes}


SCOPES = scope_table(
    Scope(OPENID),
    # What can be shown on a page, masked as on any display: 张*三.
    Scope("profile", ("name", "real_name_level")),
    # What a service needs to find somebody in its own registers.
    Scope("realname", ("real_name", "identity_number"), level=2),
    Scope("phone", ("phone_number", "phone_number_verified")),
    Scope("organization", ("organization_name", "credit_code")),
)
"""The scopes used where no table is given."""
