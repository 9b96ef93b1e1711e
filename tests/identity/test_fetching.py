"""Lists and answers over real HTTP: what is fetched, from where, and how much of it."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import FetchRefused
from msb_identity.foundation.report import Outcome, Verdict
from msb_identity.pki.keys import KeyKind
from msb_identity.x509 import (
    HttpFetcher,
    TrustStore,
    verify_chain,
)
from msb_identity.x509.authority import CertificateAuthority
from msb_identity.x509.fetch import is_public
from msb_identity.x509.ocsp import make_ocsp_request
from msb_identity.x509.responder import OcspResponder, PublicationServer
from msb_identity.x509.roles import Role
from msb_identity.x509.subjects import Subject
from tests.identity.authorities import (
    NOW,
    authority,
    crl_point,
    entity,
    key,
    ocsp_access,
    trusting,
)
from tests.identity.revoking import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def raw_server(answer: bytes, *, slowly: bool = False) -> Iterator[str]:
    """Answer every connection with these bytes, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65_536)
                        if not slowly:
                            connection.sendall(answer)
                            continue
                        for byte in answer:
                            connection.sendall(bytes((byte,)))
                            time.sleep(0.05)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


LOCAL = HttpFetcher(allow_private=True, timeout=timedelta(seconds=2))


def test_lists_and_answers_are_fetched_over_real_http(tmp_path: Path) -> None:
    with PublicationServer({}) as nowhere:
        dead = nowhere.url
    root = CertificateAuthority.create(tmp_path / "root", Subject.of("R"), kind=KeyKind.SM2)
    authorities = [root]
    with PublicationServer(
        {"/crl": lambda: authorities[0].make_crl().encoded},
        lambda asked: OcspResponder.of(authorities[0]).answer(asked),
    ) as server:
        crl, ocsp = f"{server.url}/crl", f"{server.url}/ocsp"
        for crl_url, ocsp_url in ((crl, None), (None, ocsp), (crl, f"{dead}/ocsp")):
            name = f"S{len(list(tmp_path.iterdir()))}"
            sub = CertificateAuthority.create(
                tmp_path / name, Subject.of(name), issuer=root, crl_url=crl_url, ocsp_url=ocsp_url
            )
            authorities[0] = sub
            public = key("fetched", KeyKind.SM2).public
            leaf = sub.issue(Subject.of("leaf"), public, role=Role.PERSON)
            trust = TrustStore((root.certificate,), (sub.certificate,))
            offline = verify_chain(leaf, trust=trust)
            assert offline.step("revocation").code == "not-available"
            assert verify_chain(leaf, trust=trust, fetch=LOCAL).verdict is Verdict.VALID
            private = verify_chain(leaf, trust=trust, fetch=HttpFetcher())
            assert private.step("revocation").code == "unreachable"
            sub.revoke(leaf.serial, reason="key-compromise")
            report = verify_chain(leaf, trust=trust, fetch=LOCAL)
            assert report.step("revocation").code == "revoked", report.as_text()


def test_nothing_is_fetched_for_a_chain_that_is_not_proven() -> None:
    class Never:
        def get(self, url: str, *, limit: int) -> bytes:
            raise AssertionError((url, limit))

        def post(self, url: str, body: bytes, *, content_type: str, limit: int) -> bytes:
            raise AssertionError((url, body, content_type, limit))

    points = [crl_point("http://attacker.example/"), ocsp_access("http://attacker.example/")]
    stranger = authority("stranger").issue("x", extensions=points)
    person = ROOT.issue("person")
    for leaf, between in (
        (stranger, ()),
        (entity("forged", issuer=ROOT, signer=key("stranger"), extensions=points), ()),
        (person.issue("issued by a person", extensions=points), (person.certificate,)),
    ):
        report = verify_chain(
            leaf.certificate, trust=trusting(ROOT), intermediates=between, fetch=Never(), at=NOW
        )
        assert report.verdict is not Verdict.VALID


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",  # noqa: S104 - nothing listens

        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "not an address",
    ],
)  # fmt: skip
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert is_public("8.8.8.8")
    assert is_public("2400:3200::1")
    assert is_public("::ffff:8.8.8.8")


@pytest.mark.parametrize(
    "url",
    [
        "", "https://example/", "ftp://example/", "file:///etc/passwd", "ldap://example/",
        "http://", "http://user:secret@127.0.0.1/", "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://[::1/", "http://例/",
        "http://127.0.0.1/" + "a" * 3000,
    ],
)  # fmt: skip
def test_only_plain_http_urls_are_fetched(url: str) -> None:
    with pytest.raises(FetchRefused):
        LOCAL.get(url, limit=10)


@pytest.mark.parametrize(
    "answer",
    [
        http(b"x" * 1001),
        http(b"", "404 Not Found"),
        http(b"", "302 Found", "Location: https://127.0.0.1/"),
        http(b"short").replace(b"Content-Length: 5", b"Content-Length: 50"),
        b"garbage\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
)
def test_what_a_server_answers_is_bounded(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(FetchRefused):
        LOCAL.get(url, limit=1000)


def test_redirects_end_and_are_checked_each() -> None:
    with raw_server(http(b"here")) as url:
        assert LOCAL.get(url, limit=1000) == b"here"
        with raw_server(http(b"", "302 Found", f"Location: {url}/x")) as first:
            assert LOCAL.get(first, limit=1000) == b"here"
            with pytest.raises(FetchRefused, match="302"):
                LOCAL.post(first, b"x", content_type="a/b", limit=1000)
    with (
        raw_server(http(b"", "301 Moved", "Location: /again")) as url,
        pytest.raises(FetchRefused, match="redirects"),
    ):
        LOCAL.get(url, limit=1000)
    with raw_server(http(b"inside")) as url, pytest.raises(FetchRefused, match="public"):
        HttpFetcher().get(url, limit=1000)


def test_a_slow_server_is_cut_off() -> None:
    hurried = HttpFetcher(allow_private=True, timeout=timedelta(seconds=0.5))
    began = time.monotonic()
    with raw_server(http(b"x" * 1000), slowly=True) as url, pytest.raises(FetchRefused):
        hurried.get(url, limit=2000)
    assert time.monotonic() - began < 20


def test_an_answer_with_another_nonce_is_not_ours(tmp_path: Path) -> None:
    root = CertificateAuthority.create(tmp_path / "r", Subject.of("R"), kind=KeyKind.P256)
    issued = root.issue(Subject.of("x"), key("x").public, role=Role.PERSON)
    replayed = OcspResponder.of(root).answer(
        make_ocsp_request(issued, root.certificate, nonce=b"another nonce 16")
    )
    with raw_server(http(replayed)) as url:
        asks = CertificateAuthority.open(root.folder)
        object.__setattr__(asks, "ocsp_url", url)
        leaf = asks.issue(Subject.of("y"), key("y").public, role=Role.PERSON)
        report = verify_chain(leaf, trust=TrustStore((root.certificate,)), fetch=LOCAL)
    assert report.step("revocation").code == "ocsp-nonce"
    assert report.step("revocation").outcome is Outcome.UNKNOWN
