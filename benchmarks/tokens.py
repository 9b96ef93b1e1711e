"""Access tokens: issued and verified against PyJWT and joserfc, and what is known again.

token_issue_ALG_vs_pyjwt, token_verify_ALG_vs_pyjwt: `TokenIssuer.issue` and a first sight by
`TokenVerifier.verify` over jwt.encode and jwt.decode with the same claims, key and header; theirs
check signature, exp, iat, iss, aud and that the claims are there. token_verify_sm2_vs_floor: over
the bare signature check. token_seen_vs_first: a token seen before over its first sight, ES256, with
cut-offs asked from a store. Rates "cutoff_check": the question whether a token was ended.
Run: python benchmarks/tokens.py [--quick] [--json]
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
from _measure import arguments, rates, report
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from msb_identity.envelopes.jose import KeySet, parse_jws, private_jwk
from msb_identity.foundation.store import Store, file_url
from msb_identity.pki import KeyFormat, KeyKind, SigningKey, encode_key, generate_key
from msb_identity.pki.signatures import der_from_raw
from msb_identity.sso.basis import Basis
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.sessions import Session
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from msb_identity.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    registry = joserfc_jwt.JWTClaimsRegistry(
        leeway=60,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
        iat={"essential": True},
    )

    def verify() -> None:
        registry.validate(joserfc_jwt.decode(next(pool), private, [algorithm]).claims)

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


if __name__ == "__main__":
    main()
