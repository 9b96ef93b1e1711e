"""Access tokens: issued and verified against PyJWT and joserfc, and what is known again.

token_issue_ALG_vs_pyjwt, token_verify_ALG_vs_pyjwt: `TokenIssuer.issue` and a first sight by
`TokenVerifier.verify` over jwt.encode and jwt.decode with the same claims, key and header; theirs
check signature, exp, iat, iss, aud and that the claims are there. token_verify_sm2_vs_floor: over
the bare signature check. token_seen_vs_first: a token seen before over its first sight, ES256, with
cut-offs asked from a store. Rates "cutoff_check": the question whether a token was ended;
"refresh_exchange": a portal's request at the token endpoint, with its client secret, on SQLite on
disk: rotation, the person's level asked again, new access and ID tokens, the audit log.
Run: python benchmarks/tokens.py [--quick] [--json]
"""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from _measure import arguments, rates, report
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from msb_identity.envelopes.jose import KeySet, parse_jws, private_jwk
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.people.accounts import Accounts
from msb_identity.people.firms import Firms
from msb_identity.people.mandates import Mandates
from msb_identity.people.staff import Staff
from msb_identity.pki import KeyFormat, KeyKind, SigningKey, encode_key, generate_key
from msb_identity.pki.signatures import der_from_raw
from msb_identity.sso.basis import Basis
from msb_identity.sso.clients import Clients, Registration
from msb_identity.sso.codes import challenge_of
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.http import FORM, WebRequest, WebResponse
from msb_identity.sso.keyring import KeyRing
from msb_identity.sso.provider import Endpoint, Provider
from msb_identity.sso.refresh import GRACE
from msb_identity.sso.session import SessionRules
from msb_identity.sso.sessions import Session, Sessions
from msb_identity.sso.subjects import StoredSubjects
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KINDS = {
    "es256": KeyKind.P256,
    "rs256": KeyKind.RSA,
    "eddsa": KeyKind.ED25519,
    "sm2": KeyKind.SM2,
}
NAMES = {"es256": "ES256", "rs256": "RS256", "eddsa": "EdDSA"}
ISSUER, AUDIENCE, CLIENT = "https://id.example.gov.cn", "https://portal.example.gov.cn", "portal"
POOL, REMEMBERED = 64, 16  # tokens go round, and come back after they were forgotten
ENDED = 40_000  # cut-offs in force: ten minutes of a busy province's sign-outs
_NOW = datetime.now(UTC)
SESSION = Session(
    sid="s" * 22,
    subject="p" * 26,
    level=3,
    acr="urn:msb:aal:2",
    amr=("pwd", "sms"),
    auth_time=_NOW,
    expires_at=_NOW + timedelta(hours=12),
)
_ASKED: dict[str, Any] = {
    "audience": AUDIENCE,
    "client_id": CLIENT,
    "scope": "openid licence.read",
    "ttl": timedelta(hours=1),
}

Tasks = dict[str, "Callable[[], object]"]


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    tasks: Tasks = {}
    with ExitStack() as closing:
        for name, kind in KINDS.items():
            tasks |= _ours(name, generate_key(kind))
        tasks |= _seen(closing)
        tasks["refresh_exchange"] = _refreshing(closing)
        found = rates(tasks, quick=options.quick)
    ratios = {
        f"token_{action}_{name}_vs_{peer}": found[f"{name}_{action}"] / found[other]
        for name in NAMES
        for action in ("issue", "verify")
        for peer in ("pyjwt", "joserfc")
        if (other := f"{name}_{action}_{peer}") in found
    }
    ratios["token_verify_sm2_vs_floor"] = found["sm2_verify"] / found["sm2_signature_check"]
    ratios["token_issue_sm2_vs_floor"] = found["sm2_issue"] / found["sm2_signature"]
    ratios["token_seen_vs_first"] = found["es256_seen"] / found["es256_first_with_cutoffs"]
    report(found, ratios, as_json=options.json)


def _ours(name: str, key: SigningKey) -> Tasks:
    issuer = TokenIssuer(ISSUER, key)
    pool = [issuer.issue(SESSION, **_ASKED) for _ in range(POOL)]
    tokens = cycle(pool)
    verifier = TokenVerifier(
        issuer=ISSUER, audience=AUDIENCE, keys=KeySet([key.public]), remember=REMEMBERED
    )
    jws = parse_jws(pool[0])
    der = der_from_raw(jws.signature, key.kind.curve) if name in ("es256", "sm2") else jws.signature
    tasks: Tasks = {
        f"{name}_issue": lambda: issuer.issue(SESSION, **_ASKED),
        f"{name}_verify": lambda: verifier.verify(next(tokens)),
        f"{name}_signature": lambda: key.sign(jws.signing_input),
        f"{name}_signature_check": lambda: key.public.verify(jws.signing_input, der),
    }
    if name in NAMES:
        claims = jwt.decode(pool[0], options={"verify_signature": False})
        tasks |= _pyjwt(name, key, claims, cycle(pool)) | _joserfc(name, key, claims, cycle(pool))
    return tasks


def _pyjwt(name: str, key: SigningKey, claims: dict[str, Any], pool: Iterator[str]) -> Tasks:
    private: Any = load_der_private_key(encode_key(key, KeyFormat.DER), None)
    public, algorithm = private.public_key(), NAMES[name]
    headers = {"typ": "at+jwt", "kid": key.public.key_id_text}
    required = {"require": [name for name in claims if name != "scope"]}
    return {
        f"{name}_issue_pyjwt": lambda: jwt.encode(claims, private, algorithm, headers),
        f"{name}_verify_pyjwt": lambda: jwt.decode(
            next(pool),
            public,
            [algorithm],
            options=required,  # type: ignore[arg-type]
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=60,
        ),
    }


def _joserfc(name: str, key: SigningKey, claims: dict[str, Any], pool: Iterator[str]) -> Tasks:
    algorithm = NAMES[name]
    private = joserfc_jwk.import_key({**private_jwk(key)})
    headers = {"alg": algorithm, "typ": "at+jwt", "kid": key.public.key_id_text}
    checks = joserfc_jwt.JWTClaimsRegistry(
        leeway=60,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
        iat={"essential": True},
    )

    def verify() -> None:
        checks.validate(joserfc_jwt.decode(next(pool), private, [algorithm]).claims)

    return {
        f"{name}_issue_joserfc": lambda: joserfc_jwt.encode(headers, claims, private, [algorithm]),
        f"{name}_verify_joserfc": verify,
    }


def _seen(closing: ExitStack) -> Tasks:
    """A verifier with a store, in which many sessions were ended."""
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
    store = Store.open(file_url(folder / "store.sqlite"), *TABLES)
    closing.callback(store.close)
    cutoffs = CutOffs(store)
    with store.write() as connection:
        for number in range(ENDED):
            cutoffs.end_session(connection, f"{number:022}")
    key = generate_key(KeyKind.P256)
    issuer, keys = TokenIssuer(ISSUER, key), KeySet([key.public])
    expected: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": keys}
    first = TokenVerifier(**expected, cutoffs=cutoffs, remember=REMEMBERED)
    seen = TokenVerifier(**expected, cutoffs=cutoffs)
    pool = [issuer.issue(SESSION, **_ASKED) for _ in range(POOL)]
    new, known = cycle(pool), cycle(pool)
    basis = Basis.of(iat=0, sid="s", sub="p", client="c", token_id="t")
    return {
        "es256_first_with_cutoffs": lambda: first.verify(next(new)),
        "es256_seen": lambda: seen.verify(next(known)),
        "cutoff_check": lambda: cutoffs.is_cut(basis),
    }


def _refreshing(closing: ExitStack) -> Callable[[], object]:
    """One person signed in at one portal, which refreshes its tokens without end."""
    provider, sessions, person_id, secret = _provider(closing)
    began = datetime.now(UTC)
    session = sessions.start(person_id, level=1, acr="urn:msb:aal:1", amr=("sms",), now=began)
    verifier, back = "v" * 43, f"{AUDIENCE}/back"
    asked = {
        "client_id": CLIENT,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    answer = provider.authorize(_request("GET", Endpoint.AUTHORIZE, query=asked), session, began)
    location = answer.header("location") if isinstance(answer, WebResponse) else None
    code = dict(parse_qsl(urlsplit(location or "").query))["code"]
    pair = b64encode(f"{CLIENT}:{secret}".encode()).decode()
    headers = (("Authorization", f"Basic {pair}"), ("Content-Type", FORM))

    def exchange(now: datetime, **form: str) -> str:
        request = _request("POST", Endpoint.TOKEN, headers=headers, form=form)
        answer = provider.token(request, now)
        token: str = json.loads(answer.body)["refresh_token"]
        return token

    code_form = {"code": code, "redirect_uri": back, "code_verifier": verifier}
    held = [exchange(began, grant_type="authorization_code", **code_form)]

    # A family goes on once in GRACE: time passes so fast that each exchange is one of those.
    moments = (began + turn * 2 * GRACE for turn in count(1))

    def refresh() -> None:
        held[0] = exchange(next(moments), grant_type="refresh_token", refresh_token=held[0])

    return refresh


def _provider(closing: ExitStack) -> tuple[Provider, Sessions, str, str | None]:
    """A provider on a store, with a person's id and the secret of its one portal."""
    folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
    store = Store.open(file_url(folder / "store.sqlite"), *TABLES)
    closing.callback(store.close)
    protector = Protector.from_folder(store, folder / "keys")
    audit = Audit(store, protector, writer="provider")
    accounts, clients = Accounts(store, protector), Clients(store)
    sessions = Sessions(store, rules=SessionRules(life=timedelta(days=10_000)))
    provider = Provider(
        ISSUER,
        store=store,
        protector=protector,
        ring=KeyRing(store, protector, kinds=(KeyKind.P256,)),
        clients=clients,
        sessions=sessions,
        cutoffs=CutOffs(store),
        subjects=StoredSubjects(
            accounts,
            firms=Firms(store, accounts, audit=audit),
            mandates=Mandates(store, accounts, audit=audit),
            staff=Staff(store, protector, audit=audit),
        ),
        audit=audit,
    )
    portal = {"id": CLIENT, "name": "政务服务网", "redirect_addresses": [f"{AUDIENCE}/back"]}
    _, secret = clients.register(Registration.read(portal | {"audience": AUDIENCE}))
    person = accounts.register(name="张三", mobile="13800138000")
    return provider, sessions, person.id, secret


def _request(
    method: str,
    endpoint: Endpoint,
    *,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> WebRequest:
    return WebRequest.of(
        method,
        urlsplit(f"{ISSUER}{endpoint}").path,
        query_string=urlencode(query or {}),
        headers=headers,
        body=urlencode(form or {}).encode(),
    )


if __name__ == "__main__":
    main()
