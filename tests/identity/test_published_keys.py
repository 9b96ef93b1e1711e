"""A portal takes its issuer's keys over HTTP, and stands whatever the issuer does."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from msb_identity.envelopes.jose import KeySet, private_jwk, public_jwk
from msb_identity.errors import FetchRefused
from msb_identity.foundation.report import Verdict
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.keysets import DISCOVERY_PATH, issuer_fetcher
from msb_identity.sso.tokens import TokenIssuer, TokenVerifier
from tests.identity.issuer_server import (
    JWKS_PATH,
    PACE,
    Clock,
    body,
    eventually,
    issuer_server,
    json_of,
    published,
)
from tests.identity.token_world import AUDIENCE, BOTH, KEYS, NOW, P256, SESSION, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from msb_identity.pki.keys import SigningKey
    from msb_identity.sso.refreshed import Pace
    from tests.identity.issuer_server import Answer, IssuerServer

    Lie = Callable[[IssuerServer], tuple[str, Answer]]

OTHER = generate_key(KeyKind.P256)


@pytest.fixture
def issuer() -> Iterator[IssuerServer]:
    with issuer_server() as server:
        yield server


def token_of(issuer: IssuerServer, key: SigningKey = P256, **options: Any) -> str:  # noqa: ANN401
    asked: dict[str, Any] = {"audience": AUDIENCE, "client_id": "portal", "now": NOW} | options
    return TokenIssuer(issuer.address, key).issue(SESSION, **asked)


def portal(issuer: IssuerServer, clock: Callable[[], float], pace: Pace = PACE) -> TokenVerifier:
    keys = published(issuer, clock, pace)
    return TokenVerifier(issuer=issuer.address, audience=AUDIENCE, keys=keys)


@BOTH
def test_an_address_is_all_a_portal_needs(issuer: IssuerServer, kind: KeyKind) -> None:
    issuer.publish(*KEYS.values())
    verifier = TokenVerifier.from_issuer(issuer.address, audience=AUDIENCE, allow_http=True)
    assert not issuer.asked
    for _ in range(5):
        verified = verifier.verify(token_of(issuer, KEYS[kind]), now=NOW)
        assert verified.subject == SESSION.subject
    assert issuer.asked == {DISCOVERY_PATH: 1, JWKS_PATH: 1}


def test_a_key_that_is_not_known_is_looked_for_once_per_cool_down(issuer: IssuerServer) -> None:
    issuer.publish(P256)
    clock = Clock()
    verifier = portal(issuer, clock)
    assert verifier.check(token_of(issuer), now=NOW).verdict is Verdict.VALID
    for _ in range(20):
        report = verifier.check(token_of(issuer, OTHER), now=NOW)
        assert found(report, "key") == ("unknown", "unknown-key")
    assert issuer.asked[JWKS_PATH] == 1
    clock.at += 31
    issuer.publish(P256, OTHER)
    assert verifier.check(token_of(issuer, OTHER), now=NOW).verdict is Verdict.VALID
    assert issuer.asked[JWKS_PATH] == 2


def test_a_withdrawn_key_verifies_nothing_after_the_next_refresh_not_even_what_was_seen(
    issuer: IssuerServer,
) -> None:
    issuer.publish(P256, OTHER)
    clock = Clock()
    verifier = portal(issuer, clock)
    token = token_of(issuer, OTHER)
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID
    issuer.publish(P256)
    clock.at += 299
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID
    clock.at += 2  # now it is asked for in the background, and who asks is not held up
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID
    eventually(lambda: verifier.check(token, now=NOW).verdict is Verdict.INDETERMINATE)
    assert found(verifier.check(token, now=NOW), "key") == ("unknown", "unknown-key")


def test_keys_serve_for_an_hour_while_the_issuer_is_away_and_no_longer(
    issuer: IssuerServer,
) -> None:
    issuer.publish(P256)
    clock = Clock()
    verifier = portal(issuer, clock)
    token = token_of(issuer)
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID
    issuer.answers.clear()
    clock.at += 3_600
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID
    clock.at += 1
    report = verifier.check(token, now=NOW)
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "key") == ("unknown", "keys-unavailable")
    issuer.publish(P256)
    clock.at += 6
    assert verifier.check(token, now=NOW).verdict is Verdict.VALID


GOOD_SET = KeySet([P256.public]).as_json()
TWICE = [{**public_jwk(P256.public), "kid": "a"}, {**public_jwk(OTHER.public), "kid": "a"}]


def redirects(issuer: IssuerServer) -> tuple[str, Answer]:
    """To where good keys are."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "/other")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    issuer.answers["/other"] = body(GOOD_SET)
    return JWKS_PATH, answer


def _cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(GOOD_SET)


def keys_are(answer: Answer) -> Lie:
    return lambda _: (JWKS_PATH, answer)


def metadata_is(**changes: object) -> Lie:
    """None takes a member away."""

    def lie(issuer: IssuerServer) -> tuple[str, Answer]:
        said = {"issuer": issuer.address, "jwks_uri": issuer.address + JWKS_PATH} | changes
        told = {name: value for name, value in said.items() if value is not None}
        return DISCOVERY_PATH, json_of(told)

    return lie


LIES: Mapping[str, Lie] = {
    "hangs": lambda issuer: (JWKS_PATH, issuer.hang),
    "drips": lambda issuer: (JWKS_PATH, issuer.drip),
    "hangs at discovery": lambda issuer: (DISCOVERY_PATH, issuer.hang),
    "10 MB": keys_are(body(b'{"keys":[' + b" " * 10_000_000 + b"]}")),
    "10 MB of metadata": lambda _: (DISCOVERY_PATH, body(b" " * 10_000_000)),
    "HTML": keys_are(body("<!doctype html><html><body>Welcome</body></html>")),
    "HTML at discovery": lambda _: (DISCOVERY_PATH, body("<html></html>")),
    "an error": keys_are(body(GOOD_SET, status=500)),
    "not found": keys_are(body("no", status=404)),
    "a redirect": redirects,
    "cut short": keys_are(_cut_short),
    "another issuer": metadata_is(issuer="https://other.example"),
    "no issuer": metadata_is(issuer=None),
    "keys elsewhere": metadata_is(jwks_uri="https://attacker.example/jwks"),
    "keys at another port": metadata_is(jwks_uri="http://127.0.0.1:1/jwks"),
    "keys at no address": metadata_is(jwks_uri=7),
    "no address of keys": metadata_is(jwks_uri=None),
    "an odd address": metadata_is(jwks_uri="http://[/"),
    "two keys of one name": keys_are(json_of({"keys": TWICE})),
    "a name twice": keys_are(body('{"keys":[],"keys":[]}')),
    "no set": keys_are(json_of({"keys": {}})),
    "a list": keys_are(json_of([])),
    "nothing": keys_are(body(b"")),
    "deep": keys_are(body(b"[" * 100_000)),
    "not text": keys_are(body(b"\xff" * 1_000)),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_issuer_that_fails_or_lies_leaves_tokens_indeterminate_and_soon(
    issuer: IssuerServer, lie: str
) -> None:
    issuer.publish(P256)
    path, answer = LIES[lie](issuer)
    issuer.answers[path] = answer
    clock = Clock()
    verifier = portal(issuer, clock, replace(PACE, patience=timedelta(seconds=0.3)))
    token = token_of(issuer)
    began = time.monotonic()
    report = verifier.check(token, now=NOW)
    assert time.monotonic() - began < 1
    assert report.verdict is Verdict.INDETERMINATE
    assert found(report, "key") == ("unknown", "keys-unavailable")
    # And whatever it was, it is over when the issuer is well again.
    issuer.publish(P256)
    clock.at += 61
    eventually(lambda: verifier.check(token, now=NOW).verdict is Verdict.VALID)


@pytest.mark.parametrize("lie", LIES)
def test_an_issuer_that_fails_later_takes_nothing_away(issuer: IssuerServer, lie: str) -> None:
    issuer.publish(P256)
    clock = Clock()
    verifier = portal(issuer, clock, replace(PACE, patience=timedelta(seconds=0.3)))
    assert verifier.check(token_of(issuer), now=NOW).verdict is Verdict.VALID
    path, answer = LIES[lie](issuer)
    issuer.answers[path] = answer
    clock.at += 301
    before = issuer.asked[path]
    for _ in range(3):
        assert verifier.check(token_of(issuer), now=NOW).verdict is Verdict.VALID
    eventually(lambda: issuer.asked[path] > before)
    assert verifier.check(token_of(issuer), now=NOW).verdict is Verdict.VALID


def test_a_set_with_keys_for_others_and_broken_ones_serves_all_the_same(
    issuer: IssuerServer,
) -> None:
    issuer.publish(P256)
    bad = [
        {**private_jwk(OTHER), "kid": "private"},
        {**public_jwk(OTHER.public), "kid": "enc", "use": "enc"},
        {"kty": "oct", "k": "AAAA", "kid": "oct"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "broken"},
    ]
    issuer.answers[JWKS_PATH] = json_of({"keys": [*bad, public_jwk(P256.public)]})
    verifier = portal(issuer, Clock())
    assert verifier.check(token_of(issuer), now=NOW).verdict is Verdict.VALID
    report = verifier.check(token_of(issuer, OTHER), now=NOW)
    assert found(report, "key") == ("unknown", "unknown-key")


def test_a_fetch_that_hangs_holds_up_nobody_but_the_one_who_began_it(issuer: IssuerServer) -> None:
    issuer.publish(P256)
    clock = Clock()
    verifier = portal(issuer, clock)
    known, unknown = token_of(issuer), token_of(issuer, OTHER)
    assert verifier.check(known, now=NOW).verdict is Verdict.VALID
    issuer.answers[JWKS_PATH] = issuer.hang
    clock.at += 31
    first = threading.Thread(target=verifier.check, args=(unknown,), kwargs={"now": NOW})
    first.start()
    eventually(lambda: issuer.asked[JWKS_PATH] == 2)
    began = time.monotonic()
    for _ in range(10):
        fresh = token_of(issuer, now=NOW + timedelta(seconds=1))
        assert verifier.check(fresh, now=NOW).verdict is Verdict.VALID
        assert verifier.check(known, now=NOW).verdict is Verdict.VALID
        assert found(verifier.check(unknown, now=NOW), "key") == ("unknown", "unknown-key")
    assert time.monotonic() - began < 0.5
    assert issuer.asked[JWKS_PATH] == 2
    first.join()


def test_many_threads_at_the_start_make_one_fetch(issuer: IssuerServer) -> None:
    issuer.publish(P256)
    verifier = portal(issuer, Clock())
    token, verdicts = token_of(issuer), []
    threads = [
        threading.Thread(target=lambda: verdicts.append(verifier.check(token, now=NOW).verdict))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verdicts == [Verdict.VALID] * 10
    assert issuer.asked == {DISCOVERY_PATH: 1, JWKS_PATH: 1}


def test_a_token_of_another_issuer_is_not_verified_by_a_key_of_the_same_name(
    issuer: IssuerServer,
) -> None:
    issuer.publish(P256)
    with issuer_server() as other:
        other.publish(OTHER)
        other.answers[JWKS_PATH] = json_of(
            {"keys": [{**public_jwk(OTHER.public), "kid": P256.public.key_id_text}]}
        )
        verifier = portal(other, Clock())
        report = verifier.check(token_of(issuer), now=NOW)
    assert found(report, "signature-value") == ("failed", "bad-signature")
    assert found(report, "issuer") == ("failed", "other-issuer")


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.gov.cn",
        "http://127.0.0.1.example",
        "http://10.0.0.1",
        "http://127.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "https://",
        "https://id.example/?a=1",
        "https://id.example/#a",
        "https://name@id.example",
        "",
        "id.example",
    ],
)
def test_what_is_no_https_address_is_a_mistake(url: str) -> None:
    for allow_http in (True, False):
        with pytest.raises(ValueError, match="issuer"):
            issuer_fetcher(url, allow_http=allow_http)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:80"])
def test_http_is_for_this_machine_and_only_when_asked_for(url: str) -> None:
    assert issuer_fetcher(url, allow_http=True).schemes == {"http"}
    with pytest.raises(ValueError, match="https"):
        issuer_fetcher(url)


def test_https_is_believed_by_its_certificate_only(tmp_path: Path) -> None:
    server, client = _tls(tmp_path)
    with issuer_server(server) as issuer:
        issuer.publish(P256)
        token = token_of(issuer)
        good = TokenVerifier.from_issuer(issuer.address, audience=AUDIENCE, tls=client)
        assert good.verify(token, now=NOW).subject == SESSION.subject
        stranger = TokenVerifier.from_issuer(issuer.address, audience=AUDIENCE)
        assert found(stranger.check(token, now=NOW), "key") == ("unknown", "keys-unavailable")
        with pytest.raises(FetchRefused, match="only https"):
            issuer_fetcher(issuer.address).get("http://127.0.0.1/", limit=10)


def _tls(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS with a certificate of its own for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "server.pem").write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem")
    return server, ssl.create_default_context(cadata=pem.decode())
