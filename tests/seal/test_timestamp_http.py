# ruff: noqa: ANN401 - changes may be any argument
"""Asking an authority over HTTP, answering requests, and openssl as the other side."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.errors import FetchRefused
from msb_identity.foundation.report import Verdict
from msb_identity.pki.callback import CallbackKey
from msb_identity.pki.formats import encode_key
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import HttpFetcher, TrustStore, encode_pem
from msb_seal.errors import TimestampRefused
from msb_seal.timestamp import (
    HttpTimestampSource,
    TimestampAuthority,
    check_timestamp,
    messages,
    parse_timestamp,
    timestamp_server,
)
from msb_seal.timestamp.messages import TimestampRequest, read_request, token_of
from tests.identity.authorities import DAY, authority, trusting
from tests.seal import forging
from tests.seal.forging import Stamping, forged_token, oid, stamper, stamping, tst_info
from tests.support import element, integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = b"a signature value"
TODAY = datetime.now(UTC).replace(microsecond=0)
NEARBY = HttpFetcher(timeout=timedelta(seconds=5), allow_private=True)


def living(kind: KeyKind = KeyKind.P256) -> Stamping:
    """A root and an authority that are good today, whenever that is."""
    period = {"from_": TODAY - 9 * DAY, "until": TODAY + 9 * DAY, "kind": kind}
    root = authority(f"living root {kind}", **period)
    return Stamping(root, stamper(root, f"living stamper {kind}", **period))


WORLD = living()
SHA256_OF_DATA = forging.digest(KeyKind.P256, DATA)


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        (KeyKind.SM2, forging.SM3),
        (KeyKind.P256, forging.SHA256),
        (KeyKind.RSA, forging.SHA256),
        (KeyKind.SM2, forging.SHA256),
    ],
)
def test_a_token_is_had_over_http(kind: KeyKind, digest: str) -> None:
    world = living(kind)
    with timestamp_server(world.source(datetime.now(UTC))) as server:
        source = HttpTimestampSource(
            server.url, digest=digest, trust=trusting(world.root), fetcher=NEARBY
        )
        token = source.stamp(DATA)
    report = check_timestamp(token, covers=DATA, trust=trusting(world.root))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert parse_timestamp(token).imprint_algorithm.oid == digest


class Answering:
    """A fetcher whose other side answers whatever the test wants."""

    def __init__(self, answer: Callable[[TimestampRequest], bytes]) -> None:
        self.answer = answer

    def get(self, url: str, *, limit: int) -> bytes:
        pytest.fail(f"a time-stamp is asked for by POST, not by GET: {url}, {limit}")

    def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
        assert url == "http://stamps.example/"
        assert content_type == "application/timestamp-query"
        assert limit == messages.MAX_ANSWER_BYTES
        return self.answer(read_request(body))


def ask(answer: Callable[[TimestampRequest], bytes], **changes: Any) -> bytes:
    source = HttpTimestampSource(
        "http://stamps.example/", **{"fetcher": Answering(answer), **changes}
    )
    return source.stamp(DATA)


def answered(asked: TimestampRequest, *, time: datetime | None = None, **changes: Any) -> bytes:
    assert asked.nonce is not None
    nonce = changes.pop("nonce", integer(asked.nonce))
    info = tst_info(DATA, time=time or datetime.now(UTC), tail=nonce, **changes)
    return messages.granted(forged_token(WORLD.stamper, info).encoded())


def test_an_answer_to_what_was_asked_is_taken() -> None:
    assert ask(answered)
    assert ask(answered, policy=forging.POLICY, trust=trusting(WORLD.root))


WRONG_ANSWERS: dict[str, Callable[[TimestampRequest], bytes]] = {
    "no nonce": lambda asked: answered(asked, nonce=b""),
    "another nonce": lambda asked: answered(asked, nonce=integer((asked.nonce or 0) + 1)),
    "another digest": lambda asked: answered(asked, imprint=b"\0" * 32),
    "a digest of another name": lambda asked: answered(asked, algorithm=forging.SM3),
    "an old time": lambda asked: answered(asked, time=TODAY - timedelta(minutes=10)),
    "a time to come": lambda asked: answered(asked, time=TODAY + timedelta(minutes=20)),
    "a refusal": lambda _: messages.refused(messages.BAD_REQUEST),
    "a refusal with a token": lambda asked: element(
        0x30, element(0x30, integer(2)), answered(asked)[9:]
    ),
    "granted without a token": lambda _: element(0x30, element(0x30, integer(0))),
    "nothing": lambda _: b"",
    "no ASN.1": lambda _: b"<html>",
    "no token": lambda _: messages.granted(integer(1)),
    "a bad signature": lambda asked: answered(asked)[:-1] + b"\0",
    "a signer of another purpose": lambda asked: messages.granted(
        forged_token(
            WORLD.root, tst_info(DATA, time=TODAY, tail=integer(asked.nonce or 0))
        ).encoded()
    ),
    "no certificate": lambda asked: messages.granted(
        forged_token(
            WORLD.stamper,
            tst_info(DATA, time=TODAY, tail=integer(asked.nonce or 0)),
            certificates=[],
        ).encoded()
    ),
}


@pytest.mark.parametrize("wrong", WRONG_ANSWERS)
def test_an_answer_to_something_else_is_refused(wrong: str) -> None:
    with pytest.raises(TimestampRefused):
        ask(WRONG_ANSWERS[wrong])


def test_another_policy_than_the_one_asked_for_is_refused() -> None:
    with pytest.raises(TimestampRefused, match="policy"):
        ask(answered, policy="1.2.3")


def test_an_authority_under_no_anchor_of_ours_is_refused_where_anchors_are_given() -> None:
    with pytest.raises(TimestampRefused, match="chain"):
        ask(answered, trust=TrustStore())


def test_a_weak_digest_is_not_asked_with() -> None:
    with pytest.raises(TimestampRefused, match="digest"):
        ask(answered, digest=forging.SHA1)


def test_an_authority_that_is_not_there_is_told_so() -> None:
    def nobody(_: TimestampRequest) -> bytes:
        raise FetchRefused

    with pytest.raises(TimestampRefused, match="reached"):
        ask(nobody)
    with timestamp_server(WORLD.source(TODAY)) as server:
        url = server.url
        with pytest.raises(TimestampRefused, match="reached"):  # loopback is not public
            HttpTimestampSource(url).stamp(DATA)
    with pytest.raises(TimestampRefused, match="reached"):
        HttpTimestampSource(url, fetcher=NEARBY).stamp(DATA)


def request(**changes: Any) -> bytes:
    return TimestampRequest(
        **{"digest_oid": forging.SHA256, "imprint": SHA256_OF_DATA, **changes}
    ).encode()


def test_a_token_carries_certificates_only_for_who_asks() -> None:
    source = stamping().source(chain=(stamping().root.certificate,))
    with_them = parse_timestamp(token_of(source.answer(request(wants_certificates=True))))
    assert len(with_them.signature.certificates) == 2
    assert not parse_timestamp(token_of(source.answer(request()))).signature.certificates


BAD_REQUESTS = {
    "SHA-1": (request(digest_oid=forging.SHA1, imprint=b"\0" * 20), "badAlg"),
    "an unknown digest": (request(digest_oid="1.2.3"), "badAlg"),
    "a digest of another length": (request(imprint=b"\0" * 20), "badDataFormat"),
    "another policy": (request(policy="1.2.3"), "unacceptedPolicy"),
    "an extension": (
        element(
            0x30,
            request()[2:],
            element(0xA0, element(0x30, oid("1.2.3"), element(4, b""))),
        ),
        "unacceptedExtension",
    ),
    "nothing": (b"", "badDataFormat"),
    "no ASN.1": (b"GET / HTTP/1.1", "badDataFormat"),
    "another version": (
        element(0x30, integer(2), request()[5:]),
        "badDataFormat",
    ),
    "too much": (b"\x30" * 20_000, "badDataFormat"),
}


@pytest.mark.parametrize("bad", BAD_REQUESTS)
def test_a_bad_request_is_told_why(bad: str) -> None:
    data, reason = BAD_REQUESTS[bad]
    with pytest.raises(TimestampRefused, match=reason):
        token_of(stamping().source().answer(data))


def test_a_key_elsewhere_that_fails_is_told_as_such() -> None:
    def fails(_: bytes) -> bytes:
        raise OSError

    world = stamping()
    key = CallbackKey(world.stamper.key.public, fails)
    source = TimestampAuthority(world.stamper.certificate, key)
    with pytest.raises(TimestampRefused, match="systemFailure"):
        token_of(source.answer(request()))


def test_a_negative_nonce_comes_back_as_it_was() -> None:
    data = element(0x30, request()[2:], element(2, b"\xff\x01"))
    assert parse_timestamp(token_of(stamping().source().answer(data))).nonce == -255


OPENSSL_KINDS = (KeyKind.RSA, KeyKind.P256)


@pytest.mark.parametrize("kind", OPENSSL_KINDS)
def test_openssl_takes_our_answers(
    kind: KeyKind, tmp_path: Path, program: Callable[[str], str]
) -> None:
    world, run = living(kind), Openssl(program("openssl"), tmp_path)
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "root.pem").write_bytes(encode_pem(world.root.certificate))
    run("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "asked")
    answer = world.source(TODAY).answer((tmp_path / "asked").read_bytes())
    (tmp_path / "answer").write_bytes(answer)
    run("ts", "-verify", "-queryfile", "asked", "-in", "answer", "-CAfile", "root.pem")
    run("ts", "-verify", "-data", "data", "-in", "answer", "-CAfile", "root.pem")
    (tmp_path / "data").write_bytes(DATA + b"!")
    with pytest.raises(subprocess.CalledProcessError):
        run("ts", "-verify", "-data", "data", "-in", "answer", "-CAfile", "root.pem")


CONFIG = """
[tsa]
default_tsa = ours
[ours]
serial = serial
signer_cert = stamper.pem
signer_key = stamper.key
certs = root.pem
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
signer_digest = sha256
digests = sha256, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
ess_cert_id_alg = {ess}
"""


@pytest.mark.parametrize("kind", OPENSSL_KINDS)
@pytest.mark.parametrize("ess", ["sha256", "sha1", "sha512"])
def test_we_take_openssls_answers(
    kind: KeyKind, ess: str, tmp_path: Path, program: Callable[[str], str]
) -> None:
    world, run = living(kind), Openssl(program("openssl"), tmp_path)
    (tmp_path / "root.pem").write_bytes(encode_pem(world.root.certificate))
    (tmp_path / "stamper.pem").write_bytes(encode_pem(world.stamper.certificate))
    (tmp_path / "stamper.key").write_bytes(encode_key(world.stamper.key))
    (tmp_path / "ts.cnf").write_text(CONFIG.format(ess=ess))
    (tmp_path / "serial").write_text("01\n")

    def answer(asked: TimestampRequest) -> bytes:
        (tmp_path / "asked").write_bytes(asked.encode())
        run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "asked", "-out", "answer")
        return (tmp_path / "answer").read_bytes()

    token = ask(answer, policy="1.2.3.4.5", trust=trusting(world.root))
    report = check_timestamp(token, covers=DATA, trust=trusting(world.root))
    assert report.verdict is Verdict.VALID, report.as_text()
    assert [step.code for step in report.reservations] == ["signing-sha1"] * (ess == "sha1")


class Openssl:
    """Calls the program in a folder."""

    def __init__(self, path: str, folder: Path) -> None:
        self.path, self.folder = path, folder

    def __call__(self, *arguments: str) -> None:
        subprocess.run(
            [self.path, *arguments], cwd=self.folder, check=True, capture_output=True, timeout=60
        )
