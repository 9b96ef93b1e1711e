"""A small OCSP responder and CRL publisher over HTTP, for tests, the demo and a closed network.

It answers for one authority, afresh each time: who needs a busy responder puts a server in front.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from msb_identity.errors import EncodingRefused
from msb_identity.foundation.clock import aware
from msb_identity.pki import der
from msb_identity.x509 import oids
from msb_identity.x509.algorithms import digest, read_algorithm
from msb_identity.x509.ocsp import CertificateId, key_bits
from msb_identity.x509.statements import Answer, make_ocsp_answer, refused_answer
from msb_identity.x509.values import context, read_extensions, read_integer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from msb_identity.pki.keys import SigningKey
    from msb_identity.x509.authority import CertificateAuthority
    from msb_identity.x509.certificate import Certificate

ANSWER_LIFE = timedelta(hours=1)
MAX_REQUEST_BYTES = 16_384
MAX_ASKED = 32
MALFORMED, UNAUTHORIZED = 1, 6


@dataclass(frozen=True)
class OcspResponder:
    """Answers for one authority, by its own key or by a certificate of the role `ocsp`."""

    authority: CertificateAuthority
    key: SigningKey
    certificate: Certificate

    @classmethod
    def of(cls, authority: CertificateAuthority) -> OcspResponder:
        """Answer with the authority's own key."""
        return cls(authority, authority.key, authority.certificate)

    def answer(self, request: bytes, *, now: datetime | None = None) -> bytes:
        """Answer an OCSPRequest; a bad one, or one for others' certificates, is told so."""
        try:
            asked, nonce = read_request(request)
        except EncodingRefused:
            return refused_answer(MALFORMED)
        if not all(self._is_ours(names) for names in asked):
            return refused_answer(UNAUTHORIZED)
        moment = aware(now)
        return make_ocsp_answer(
            self.key,
            self.certificate,
            [
                Answer(
                    names,
                    known=self.authority.has_issued(names.serial),
                    revoked=self.authority.revoked(names.serial),
                )
                for names in asked
            ],
            this_update=moment,
            next_update=moment + ANSWER_LIFE,
            nonce=nonce,
            delegated=self.certificate != self.authority.certificate,
        )

    def _is_ours(self, names: CertificateId) -> bool:
        own = self.authority.certificate
        return names.issuer_name == digest(
            names.digest_oid, own.subject.encoded
        ) and names.issuer_key == digest(names.digest_oid, key_bits(own))


def read_request(data: bytes) -> tuple[tuple[CertificateId, ...], bytes | None]:
    """Read an OCSPRequest: which certificates it asks about, and its nonce."""
    outer = der.read_ber(data, limit=MAX_REQUEST_BYTES).sequence()
    if not outer:
        message = "an empty OCSP request"
        raise EncodingRefused(message)
    parts = [part for part in outer[0].sequence() if part.tag not in (context(0), context(1))]
    if not parts or not 1 <= len(parts[0].sequence()) <= MAX_ASKED:
        message = "an OCSP request that asks nothing, or too much"
        raise EncodingRefused(message)
    asked = []
    for one in parts[0].sequence():
        names = one.sequence()[0].sequence() if one.sequence() else ()
        if len(names) != 4:  # noqa: PLR2004 - digest, name, key, number
            message = "a certificate that is not named as one"
            raise EncodingRefused(message)
        oid, serial = read_algorithm(names[0]).oid, read_integer(names[3])
        asked.append(CertificateId(oid, names[1].octets(), names[2].octets(), serial))
    nonce = None
    if len(parts) > 1 and parts[1].tag == context(2) and parts[1].children:
        extension = read_extensions(parts[1].children[0]).get(oids.OCSP_NONCE)
        nonce = der.read_ber(extension.value).octets() if extension else None
    return tuple(asked), nonce


class PublicationServer:
    """Serves CRLs (GET) and answers OCSP (POST) on a loopback port, in a thread; a context manager.

    pages: path to what makes the body, asked anew each time.
    answer: what answers requests, as `OcspResponder.answer`; answer_type: what its answers are
    called, where they are another protocol's (as time-stamps are).
    """

    def __init__(
        self,
        pages: dict[str, Callable[[], bytes]],
        answer: Callable[[bytes], bytes] | None = None,
        *,
        answer_type: str = "application/ocsp-response",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Take the port at once, so that `url` is known before anything is served."""
        self._server = ThreadingHTTPServer((host, port), _handler(pages, answer, answer_type))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(
    pages: dict[str, Callable[[], bytes]],
    answer: Callable[[bytes], bytes] | None,
    answer_type: str,
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            if page is None:
                self.send_error(404)
            else:
                self._send(page(), "application/pkix-crl")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if answer is None or not 0 < length <= MAX_REQUEST_BYTES:
                self.send_error(400)
                return
            self._send(answer(self.rfile.read(length)), answer_type)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Write nothing: serial numbers are whose certificate was asked about."""

        def _send(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
