"""The token endpoint: each grant once, for its own client, while all behind it holds."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from msb_identity.foundation.audit.tables import entries
from msb_identity.sso.codes import codes
from msb_identity.sso.provider import Endpoint
from msb_identity.sso.refresh import GRACE, IDLE, families
from msb_identity.sso.tokens import TokenVerifier
from tests.identity.provider.world import (
    FIRM,
    ISSUER,
    MANDATE,
    NONCE,
    NOW,
    PERSON,
    PORTAL,
    SECOND,
    ProviderWorld,
    claims_of,
    error,
    good,
)

if TYPE_CHECKING:
    from msb_identity.sso.claims import VerifiedToken


def _read(sso: ProviderWorld, token: str, audience: str = PORTAL) -> VerifiedToken:
    verifier = TokenVerifier(issuer=ISSUER, audience=audience, keys=sso.ring, cutoffs=sso.cutoffs)
    return verifier.verify(token, now=NOW)


def _events(sso: ProviderWorld) -> list[str]:
    with sso.store.read() as connection:
        return list(connection.scalars(select(entries.c.event)))


def test_a_code_is_good_once_and_used_again_ends_what_came_of_it(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    code = both.code(session)
    tokens = good(both.exchange(portal, code))
    assert both.is_active(portal, tokens["access_token"])
    assert error(both.exchange(portal, code, NOW + SECOND)) == "invalid_grant"
    assert not both.is_active(portal, tokens["access_token"], NOW + SECOND)
    assert error(both.refresh(portal, tokens["refresh_token"], NOW + SECOND)) == "invalid_grant"
    assert _events(both).count("grant.reused") == 1
    # The session itself goes on, and so may the portal.
    assert both.is_active(
        portal,
        both.tokens(portal, session, NOW + 2 * SECOND)["access_token"],
        NOW + 2 * SECOND,
    )


def test_a_code_lives_a_minute(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    good(sso.exchange(portal, sso.code(session), NOW + timedelta(seconds=59)))
    late = sso.exchange(portal, sso.code(session), NOW + timedelta(seconds=60))
    assert error(late) == "invalid_grant"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": "v" * 42},
        {"code_verifier": None},
        {"redirect_uri": f"{PORTAL}/other"},
        {"code": "x" * 43},
        {"code": "x" * 5_000},
        {"code": None},
    ],
    ids=str,
)
def test_a_code_needs_its_verifier_and_address_and_is_not_used_up_by_others(
    sso: ProviderWorld, changed: dict[str, str | None]
) -> None:
    portal, session = sso.register(), sso.sign_in()
    code = sso.code(session)
    assert error(sso.exchange(portal, code, **changed)) == "invalid_grant"
    good(sso.exchange(portal, code))


def test_a_code_is_its_own_clients(sso: ProviderWorld) -> None:
    portal, other = sso.register(), sso.register(id="other", audience="https://other.example")
    code = sso.code(sso.sign_in())
    assert error(sso.exchange(other, code)) == "invalid_grant"
    good(sso.exchange(portal, code))


def test_the_id_token_is_for_this_client_and_this_request(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    tokens = sso.tokens(portal, session)
    claims = claims_of(tokens["id_token"])
    assert claims["aud"] == "portal"
    assert claims["nonce"] == NONCE
    assert claims["sid"] == session.sid
    assert claims["acr"] == "urn:msb:aal:1"
    assert "at_hash" in claims
    assert not {"name", "identity_number", "phone_number"} & set(claims)
    again = good(sso.refresh(portal, tokens["refresh_token"], NOW + SECOND))
    # OpenID Connect Core 12.2: the sign-in is the old one, the nonce is not repeated.
    refreshed = claims_of(again["id_token"])
    assert refreshed["auth_time"] == claims["auth_time"]
    assert "nonce" not in refreshed


def test_without_openid_there_is_no_id_token_and_no_userinfo(sso: ProviderWorld) -> None:
    portal = sso.register()
    tokens = sso.tokens(portal, sso.sign_in(), scope="licence.read")
    assert "id_token" not in tokens
    assert sso.userinfo(tokens["access_token"]).status == 401


def test_a_client_without_the_refresh_grant_gets_no_refresh_token(sso: ProviderWorld) -> None:
    portal = sso.register(grants=["authorization_code"])
    assert "refresh_token" not in sso.tokens(portal, sso.sign_in())


def test_a_resource_can_be_asked_for_that_is_registered(sso: ProviderWorld) -> None:
    portal = sso.register(audiences=["https://api.example.gov.cn"])
    tokens = sso.tokens(portal, sso.sign_in(), resource="https://api.example.gov.cn")
    assert _read(sso, tokens["access_token"], "https://api.example.gov.cn").client_id == "portal"


def test_each_refresh_gives_the_next_token_and_the_last_one_is_over(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    token = both.tokens(portal, session)["refresh_token"]
    seen = {token}
    for minute in range(1, 5):
        token = good(both.refresh(portal, token, NOW + timedelta(minutes=minute)))["refresh_token"]
        assert token not in seen
        seen.add(token)


def test_within_the_grace_a_token_brought_twice_gives_the_very_same_next_one(
    both: ProviderWorld,
) -> None:
    portal, session = both.register(), both.sign_in()
    token = both.tokens(portal, session)["refresh_token"]
    first = good(both.refresh(portal, token, NOW + SECOND))
    second = good(both.refresh(portal, token, NOW + timedelta(seconds=31)))
    assert first["refresh_token"] == second["refresh_token"]
    assert first["access_token"] != second["access_token"]
    good(both.refresh(portal, first["refresh_token"], NOW + timedelta(seconds=32)))


def test_no_token_that_was_good_within_the_grace_is_taken_for_a_stolen_one(
    both: ProviderWorld,
) -> None:
    portal, session = both.register(), both.sign_in()
    # Each token, and the last second of which it is known that it was the current one.
    current = {both.tokens(portal, session)["refresh_token"]: 0}
    for second in range(1, 100, 3):
        for token in [one for one, last in current.items() if second - last <= GRACE.seconds]:
            answer = good(both.refresh(portal, token, NOW + second * SECOND))
            current[answer["refresh_token"]] = second
    assert len(current) == 4  # it goes on at once, and afterwards once in GRACE at most


def test_a_straggler_behind_two_refreshes_gets_the_current_token(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    first = both.tokens(portal, session)["refresh_token"]
    second = good(both.refresh(portal, first, NOW + SECOND))["refresh_token"]
    third = good(both.refresh(portal, second, NOW + 2 * SECOND))["refresh_token"]
    straggler = good(both.refresh(portal, first, NOW + 30 * SECOND))["refresh_token"]
    assert straggler == third
    good(both.refresh(portal, straggler, NOW + 60 * SECOND))
    assert error(both.refresh(portal, first, NOW + 61 * SECOND)) == "invalid_grant"


def test_an_old_token_ends_the_family_and_its_access_tokens_and_nothing_else(
    both: ProviderWorld,
) -> None:
    portal, session = both.register(), both.sign_in()
    other = both.register(id="other", audience="https://other.example")
    theirs = both.tokens(other, session)
    stolen = both.tokens(portal, session)["refresh_token"]
    mine = good(both.refresh(portal, stolen, NOW + SECOND))
    late = NOW + timedelta(seconds=32)
    assert error(both.refresh(portal, stolen, late)) == "invalid_grant"
    assert error(both.refresh(portal, mine["refresh_token"], late)) == "invalid_grant"
    assert not both.is_active(portal, mine["access_token"], late)
    assert both.is_active(other, theirs["access_token"], late)
    assert both.sessions.is_live(session.sid, late)
    good(both.refresh(other, theirs["refresh_token"], late))


def test_a_made_up_secret_of_a_known_family_ends_it(sso: ProviderWorld) -> None:
    portal = sso.register()
    token = sso.tokens(portal, sso.sign_in())["refresh_token"]
    made_up = f"{token.partition('.')[0]}.{'x' * 43}"
    assert error(sso.refresh(portal, made_up)) == "invalid_grant"
    assert error(sso.refresh(portal, token)) == "invalid_grant"


@pytest.mark.parametrize(
    "token", ["", "x", "x.y", "x" * 22 + "." + "y" * 43, "é.ü", "x" * 9_000], ids=len
)
def test_what_is_no_refresh_token_is_refused(sso: ProviderWorld, token: str) -> None:
    portal = sso.register()
    assert error(sso.refresh(portal, token)) in {"invalid_grant", "invalid_request"}


def test_a_refresh_token_is_its_own_clients(sso: ProviderWorld) -> None:
    portal, other = sso.register(), sso.register(id="other", audience="https://other.example")
    token = sso.tokens(portal, sso.sign_in())["refresh_token"]
    assert error(sso.refresh(other, token)) == "invalid_grant"
    good(sso.refresh(portal, token))


def test_a_refresh_may_ask_for_less_and_never_for_more(sso: ProviderWorld) -> None:
    portal = sso.register()
    token = sso.tokens(portal, sso.sign_in())["refresh_token"]
    assert error(sso.refresh(portal, token, scope="openid licence.read")) == "invalid_scope"
    less = good(sso.refresh(portal, token, scope="openid"))
    assert less["scope"] == "openid"
    whole = good(sso.refresh(portal, less["refresh_token"], NOW + SECOND))
    assert whole["scope"] == "openid profile"


def test_refresh_tokens_end_with_the_session(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    tokens = both.tokens(portal, session)
    assert both.sessions.end(session.sid, NOW)
    assert error(both.refresh(portal, tokens["refresh_token"], NOW + SECOND)) == "invalid_grant"


def test_no_refresh_outlives_the_session(sso: ProviderWorld) -> None:
    portal, session = sso.register(), sso.sign_in()
    answer = sso.tokens(portal, session)
    token, now = answer["refresh_token"], NOW
    while now + timedelta(minutes=50) < session.expires_at:
        now += timedelta(minutes=50)
        answer = good(sso.refresh(portal, token, now))
        token = answer["refresh_token"]
    assert answer["expires_in"] <= (session.expires_at - now).total_seconds()
    assert error(sso.refresh(portal, token, session.expires_at)) == "invalid_grant"


def test_a_refresh_token_that_lay_unused_for_longer_than_cut_offs_are_kept_is_over(
    sso: ProviderWorld,
) -> None:
    portal = sso.register()
    token = sso.tokens(portal, sso.sign_in())["refresh_token"]
    assert error(sso.refresh(portal, token, NOW + IDLE)) == "invalid_grant"


def test_a_cut_off_of_the_person_ends_refresh_tokens_too(both: ProviderWorld) -> None:
    portal = both.register()
    token = both.tokens(portal, both.sign_in())["refresh_token"]
    with both.store.write(locks=()) as connection:
        both.cutoffs.end_subject(connection, PERSON, NOW + SECOND)
    for minutes in (1, 30, 55, 58):
        answer = both.refresh(portal, token, NOW + timedelta(minutes=minutes))
        assert error(answer) == "invalid_grant"


def test_a_cut_off_between_code_and_exchange_counts(sso: ProviderWorld) -> None:
    portal = sso.register()
    code = sso.code(sso.sign_in())
    with sso.store.write(locks=()) as connection:
        sso.cutoffs.end_subject(connection, PERSON, NOW + SECOND)
    assert error(sso.exchange(portal, code, NOW + 2 * SECOND)) == "invalid_grant"


def test_who_acts_for_a_firm_does_so_only_while_mandated(sso: ProviderWorld) -> None:
    portal = sso.register()
    tokens = sso.tokens(portal, sso.sign_in(), acting_for=FIRM)
    verified = _read(sso, tokens["access_token"])
    assert (verified.subject, verified.actor, verified.mandate) == (FIRM, PERSON, MANDATE)
    assert claims_of(tokens["id_token"])["act"] == {"sub": PERSON, "mandate": MANDATE}
    token = good(sso.refresh(portal, tokens["refresh_token"], NOW + SECOND))["refresh_token"]
    sso.subjects.mandates[FIRM] = ("n" * 26, MANDATE)  # a second one, which would be taken first
    again = good(sso.refresh(portal, token, NOW + 2 * SECOND))
    assert _read(sso, again["access_token"]).mandate == MANDATE
    token = again["refresh_token"]
    sso.subjects.mandates[FIRM] = ("n" * 26,)  # the first is withdrawn
    assert error(sso.refresh(portal, token, NOW + 2 * SECOND)) == "invalid_grant"
    sso.subjects.mandates.clear()
    assert error(sso.refresh(portal, token, NOW + 2 * SECOND)) == "invalid_grant"


def test_no_token_outlives_its_mandate(sso: ProviderWorld) -> None:
    portal = sso.register()
    sso.subjects.until = NOW + timedelta(minutes=3)
    tokens = sso.tokens(portal, sso.sign_in(), acting_for=FIRM)
    assert tokens["expires_in"] == 180
    assert _read(sso, tokens["access_token"]).expires_at == sso.subjects.until
    late = sso.refresh(portal, tokens["refresh_token"], sso.subjects.until)
    assert error(late) == "invalid_grant"


def test_a_mandate_withdrawn_before_the_exchange_gives_no_token(sso: ProviderWorld) -> None:
    portal = sso.register()
    code = sso.code(sso.sign_in(), acting_for=FIRM)
    sso.subjects.mandates.clear()
    assert error(sso.exchange(portal, code)) == "invalid_grant"


def test_a_level_that_has_run_out_ends_refreshing(sso: ProviderWorld) -> None:
    portal = sso.register(level=3)
    token = sso.tokens(portal, sso.sign_in())["refresh_token"]
    sso.subjects.levels = 2
    assert error(sso.refresh(portal, token)) == "invalid_grant"


def test_a_system_signs_itself_in(sso: ProviderWorld) -> None:
    system = sso.register(
        id="tax-office",
        grants=["client_credentials"],
        redirect_addresses=[],
        scopes=["licence.read", "openid"],
        audience="https://tax.example",
        audiences=["https://api.example"],
    )
    form = {"grant_type": "client_credentials", "resource": "https://api.example"}
    answer = good(sso.post(Endpoint.TOKEN, form, system.headers))
    verified = _read(sso, answer["access_token"], "https://api.example")
    assert (verified.subject, verified.client_id) == ("tax-office", "tax-office")
    assert verified.session_id is None
    assert verified.scope == ("licence.read",)
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    form["scope"] = "openid"
    assert error(sso.post(Endpoint.TOKEN, form, system.headers)) == "invalid_scope"
    assert sso.userinfo(answer["access_token"]).status == 401


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        ("client_credentials", "unauthorized_client"),
        ("password", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:token-exchange", "unsupported_grant_type"),
        ("", "unsupported_grant_type"),
        ("AUTHORIZATION_CODE", "unsupported_grant_type"),
    ],
)
def test_grants_that_are_not_the_clients_are_refused(
    sso: ProviderWorld, grant: str, code: str
) -> None:
    portal = sso.register()
    assert error(sso.post(Endpoint.TOKEN, {"grant_type": grant}, portal.headers)) == code


def test_the_store_holds_no_code_and_no_refresh_token(both: ProviderWorld) -> None:
    portal, session = both.register(), both.sign_in()
    code = both.code(session)
    tokens = good(both.exchange(portal, code))
    good(both.refresh(portal, tokens["refresh_token"], NOW + SECOND))
    with both.store.read() as connection:
        rows = [*connection.execute(select(codes)), *connection.execute(select(families))]
    assert len(rows) == 2
    secret = tokens["refresh_token"].partition(".")[2]
    for text in (code, secret, portal.secret or ""):
        assert text not in str(rows)


def test_expired_rows_are_removed_as_new_ones_come(sso: ProviderWorld) -> None:
    portal, later = sso.register(), NOW + timedelta(days=1)
    for _ in range(3):
        sso.tokens(portal, sso.sign_in())
    sso.tokens(portal, sso.sign_in(now=later), later)
    with sso.store.read() as connection:
        for table in (codes, families):
            assert connection.scalar(select(func.count()).select_from(table)) == 1
