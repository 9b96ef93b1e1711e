"""CertificateAuthority: a small CA for departments, tests and the demo, kept in one folder.

authority.key      the CA's key (PKCS#8 in PEM, 0600)
certificate.pem    its certificate, and above it those of its issuers, up to the root
settings.json      where its CRL and its OCSP responder are reached
issued/SERIAL.pem  every certificate that it issued, there before anybody gets it
revoked/SERIAL.json, crl-number (of the last CRL; 0 at first)

Every file is written whole, and what must be one of its kind is made once; so processes may share
the folder. The certificate comes last: a folder without it has no authority yet. What an authority
gives out goes elsewhere (publishing.py). Serial numbers are 127 random bits.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msb_identity.envelopes.keyfiles import read_public_file
from msb_identity.errors import AuthorityRefused, EncodingRefused
from msb_identity.foundation import strict_json
from msb_identity.foundation.clock import aware
from msb_identity.foundation.files import (
    folder_lock,
    read_private,
    write_private_once,
    write_whole,
)
from msb_identity.pki import der
from msb_identity.pki.formats import encode_key, load_key
from msb_identity.pki.keys import KeyKind, SigningKey, VerifyingKey, generate_key
from msb_identity.x509.crl import REASONS, RevocationList, Revoked
from msb_identity.x509.files import MAX_BUNDLE_BYTES, encode_pem, load_certificates
from msb_identity.x509.making import key_identifier, make_certificate, make_name
from msb_identity.x509.names import read_name
from msb_identity.x509.publishing import check_place
from msb_identity.x509.roles import MAX_PATH_LENGTH, Particulars, Role, role_extensions
from msb_identity.x509.statements import make_crl
from msb_identity.x509.subjects import check_attributes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from msb_identity.x509.certificate import Certificate
    from msb_identity.x509.requests import CertificateRequest
    from msb_identity.x509.subjects import Subject

ROOT_LIFE, AUTHORITY_LIFE = timedelta(days=20 * 365), timedelta(days=10 * 365)
CERTIFICATE_LIFE, CRL_LIFE = timedelta(days=2 * 365), timedelta(days=1)
SERIAL_BITS = 127
_KEY, _CERTIFICATE, _SETTINGS = "authority.key", "certificate.pem", "settings.json"
_ISSUED, _REVOKED, _CRL_NUMBER = "issued", "revoked", "crl-number"
_MAX_STATE_BYTES = 65_536
_NUMBER = re.compile(rb"[0-9]{1,50}\s*")
_MAX_CRL_NUMBER = (1 << 159) - 1  # 20 octets (RFC 5280 section 5.2.3)
_URL = re.compile(r"https?://[!-~]{1,2000}")
_BACKDATED = timedelta(minutes=1)  # clocks of those who check are not all alike


@dataclass(frozen=True)
class CertificateAuthority:
    """A CA that is open; `chain` begins with its own certificate and ends with the root."""

    folder: Path
    key: SigningKey
    chain: tuple[Certificate, ...]
    crl_url: str | None = None
    ocsp_url: str | None = None

    @classmethod
    def create(
        cls,
        folder: Path,
        subject: Subject,
        *,
        issuer: CertificateAuthority | None = None,
        kind: KeyKind = KeyKind.SM2,
        life: timedelta | None = None,
        path_length: int | None = None,
        crl_url: str | None = None,
        ocsp_url: str | None = None,
        now: datetime | None = None,
    ) -> CertificateAuthority:
        """Make a root in `folder`, or an authority below `issuer`.

        crl_url, ocsp_url: where what this CA says of revocation will be; certificates name it.
        AuthorityRefused where the folder has an authority already. What an interrupted call left
        is taken up again, with the key that is there.
        """
        _check_urls(crl_url, ocsp_url)
        _check_free(folder)
        key = _left_key(folder, kind) or generate_key(kind)
        particulars = Particulars(path_length=path_length)
        if issuer is None:
            own = _make_root(key, subject, particulars, life=life or ROOT_LIFE, now=now)
        else:
            own = issuer.issue(
                subject,
                key.public,
                role=Role.AUTHORITY,
                particulars=particulars,
                life=life or AUTHORITY_LIFE,
                now=now,
            )
        chain = (own,) if issuer is None else (own, *issuer.chain)
        made = cls(folder, key, chain, crl_url, ocsp_url)
        made._write()
        return made

    @classmethod
    def open(cls, folder: Path) -> CertificateAuthority:
        """Open the authority in `folder`; AuthorityRefused where there is none that is whole."""
        if not (folder / _CERTIFICATE).is_file():
            begun = " yet: its init was interrupted" if (folder / _KEY).exists() else ""
            message = f"{folder.name} has no authority{begun}"
            raise AuthorityRefused(message)
        chain = load_certificates(read_public_file(folder / _CERTIFICATE, limit=MAX_BUNDLE_BYTES))
        settings = strict_json.load_object(read_public_file(folder / _SETTINGS))
        key = load_key(read_private(folder / _KEY))
        if key.public != chain[0].key or settings.get("format") != 1:
            message = f"key, certificate and settings in {folder.name} do not belong together"
            raise AuthorityRefused(message)
        return cls(folder, key, chain, settings.get("crl_url"), settings.get("ocsp_url"))

    @property
    def certificate(self) -> Certificate:
        """The CA's own certificate."""
        return self.chain[0]

    def issue(
        self,
        subject: Subject,
        public: VerifyingKey,
        *,
        role: Role,
        particulars: Particulars | None = None,
        life: timedelta = CERTIFICATE_LIFE,
        now: datetime | None = None,
    ) -> Certificate:
        """Issue a certificate, which ends with the CA's own at the latest."""
        return self._issue(
            make_name(subject), public, role, particulars or Particulars(), life=life, now=now
        )

    def issue_for(
        self,
        request: CertificateRequest,
        *,
        role: Role,
        particulars: Particulars | None = None,
        life: timedelta = CERTIFICATE_LIFE,
        now: datetime | None = None,
    ) -> Certificate:
        """Issue what a request asks for: its subject, its key, its DNS names (to a server).

        AuthorityRefused for a subject that is empty, or that could not be read on a screen.
        """
        check_attributes(request.subject.attributes)
        wanted = particulars or Particulars()
        if role is Role.SERVER and not wanted.dns_names:
            wanted = replace(wanted, dns_names=request.dns_names)
        return self._issue(request.subject.encoded, request.key, role, wanted, life=life, now=now)

    def revoke(
        self, serial: int, *, reason: str = "unspecified", now: datetime | None = None
    ) -> None:
        """Revoke from now on; AuthorityRefused for what was not issued here, or is revoked."""
        if reason not in REASONS or reason == "remove-from-crl":
            message = (
                f"reasons are {', '.join(name for name in REASONS if name != 'remove-from-crl')}"
            )
            raise AuthorityRefused(message)
        if not self.has_issued(serial):
            message = "this authority issued no certificate of that serial number"
            raise AuthorityRefused(message)
        since = aware(now).replace(microsecond=0)
        content = strict_json.dump({"reason": reason, "since": since.isoformat()})
        try:
            write_private_once(self.folder / _REVOKED / f"{serial:x}.json", content)
        except FileExistsError:
            message = "the certificate is revoked already"
            raise AuthorityRefused(message) from None

    def has_issued(self, serial: int) -> bool:
        """Whether this CA issued a certificate of that number."""
        return serial > 0 and (self.folder / _ISSUED / f"{serial:x}.pem").is_file()

    def revoked(self, serial: int) -> Revoked | None:
        """Say since when that number is revoked, or None."""
        path = self.folder / _REVOKED / f"{serial:x}.json"
        return _read_revoked(path) if serial > 0 and path.is_file() else None

    def make_crl(
        self, *, life: timedelta = CRL_LIFE, now: datetime | None = None
    ) -> RevocationList:
        """Make the next CRL: all that is revoked, under a number that no other CRL has."""
        with folder_lock(self.folder):
            return self._next_crl(self._crl_number() + 1, life, aware(now))

    def publish_crl(
        self, place: Path, *, life: timedelta = CRL_LIFE, now: datetime | None = None
    ) -> RevocationList:
        """Make the next CRL and put it at `place`, over nothing but an earlier one of this CA."""
        with folder_lock(self.folder):
            number = self._crl_number()
            earlier = check_place(place, self)
            if earlier is not None and (earlier.number or 0) > number:
                message = (
                    f"{_CRL_NUMBER} says {number}, but {place.name} is number {earlier.number}"
                )
                raise AuthorityRefused(message)
            crl = self._next_crl(number + 1, life, aware(now))
            write_whole(place, encode_pem(crl))
        return crl

    def _write(self) -> None:
        """Make the folder's files, the certificate last."""
        settings = {"crl_url": self.crl_url, "format": 1, "ocsp_url": self.ocsp_url}
        with folder_lock(self.folder):
            _check_free(self.folder)
            left = _left_key(self.folder, self.key.kind)
            if left is None:
                write_private_once(self.folder / _KEY, encode_key(self.key))
            elif left.public != self.key.public:  # another process is at it
                message = f"{self.folder.name} has the key of another init"
                raise AuthorityRefused(message)
            if not (self.folder / _CRL_NUMBER).exists():
                write_whole(self.folder / _CRL_NUMBER, b"0\n")
            write_whole(self.folder / _SETTINGS, strict_json.dump(settings) + b"\n")
            write_whole(self.folder / _CERTIFICATE, encode_pem(*self.chain))

    def _next_crl(self, number: int, life: timedelta, moment: datetime) -> RevocationList:
        """Take that number and make the CRL; the caller holds the folder's lock."""
        revoked = sorted(self._all_revoked())
        write_whole(self.folder / _CRL_NUMBER, f"{number}\n".encode())
        return make_crl(
            self.key,
            self.certificate,
            revoked,
            number=number,
            this_update=moment,
            next_update=moment + life,
        )

    def _issue(
        self,
        subject: bytes,
        public: VerifyingKey,
        role: Role,
        particulars: Particulars,
        *,
        life: timedelta,
        now: datetime | None,
    ) -> Certificate:
        moment = aware(now)
        if moment > self.certificate.not_after or life <= timedelta():
            message = "the authority's own certificate has ended, or the life asked for is none"
            raise AuthorityRefused(message)
        if read_name(der.read_der(subject)).matches(self.certificate.subject):
            message = "the subject is the authority's own name"
            raise AuthorityRefused(message)
        if role is Role.AUTHORITY and not self._levels_below():
            message = "its path length allows no authority below this one"
            raise AuthorityRefused(message)
        if public.weak:
            message = "a key too short to be given a certificate"
            raise AuthorityRefused(message)
        wanted = replace(particulars, crl_url=self.crl_url, ocsp_url=self.ocsp_url)
        certificate = make_certificate(
            self.key,
            serial=_new_serial(),
            issuer=self.certificate.subject.encoded,
            subject=subject,
            public=public,
            not_before=max(moment - _BACKDATED, self.certificate.not_before),
            not_after=min(moment + life, self.certificate.not_after),
            extensions=role_extensions(
                role,
                public,
                issuer_key_id=self.certificate.facts.subject_key_id,
                particulars=wanted,
            ),
        )
        path = self.folder / _ISSUED / f"{certificate.serial:x}.pem"
        write_private_once(path, encode_pem(certificate))
        return certificate

    def _levels_below(self) -> int:
        """Count the levels of authorities that its own path length, and those above, leave."""
        limits = [one.facts.path_length for one in self.chain]
        left = [limit - above for above, limit in enumerate(limits) if limit is not None]
        return max(0, min(left, default=MAX_PATH_LENGTH))

    def _crl_number(self) -> int:
        """Give the number of the last CRL; it is never begun again where it was lost."""
        path = self.folder / _CRL_NUMBER
        content = read_public_file(path, limit=_MAX_STATE_BYTES) if path.exists() else b""
        number = int(content) if _NUMBER.fullmatch(content) else _MAX_CRL_NUMBER
        if number >= _MAX_CRL_NUMBER:
            message = (
                f"{_CRL_NUMBER} is missing or holds no number: write that of the last CRL there"
            )
            raise AuthorityRefused(message)
        return number

    def _all_revoked(self) -> Iterator[tuple[int, Revoked]]:
        folder = self.folder / _REVOKED
        for path in folder.glob("[0-9a-f]*.json") if folder.is_dir() else ():
            yield int(path.stem, 16), _read_revoked(path)


def _make_root(
    key: SigningKey,
    subject: Subject,
    particulars: Particulars,
    *,
    life: timedelta,
    now: datetime | None,
) -> Certificate:
    name, moment = make_name(subject), aware(now)
    return make_certificate(
        key,
        serial=_new_serial(),
        issuer=name,
        subject=name,
        public=key.public,
        not_before=moment - _BACKDATED,
        not_after=moment + life,
        extensions=role_extensions(
            Role.AUTHORITY,
            key.public,
            issuer_key_id=key_identifier(key.public),
            particulars=particulars,
        ),
    )


def _check_free(folder: Path) -> None:
    """Refuse a folder that has an authority, or had one."""
    if (folder / _CERTIFICATE).exists():
        message = f"{folder.name} has an authority already"
        raise AuthorityRefused(message)
    if any((folder / name).exists() for name in (_ISSUED, _REVOKED)):
        message = f"{folder.name} has an authority that lost {_CERTIFICATE}: put that back"
        raise AuthorityRefused(message)


def _left_key(folder: Path, kind: KeyKind) -> SigningKey | None:
    """Give the key that an interrupted init left, since no key is ever overwritten."""
    if not (folder / _KEY).exists():
        return None
    key = load_key(read_private(folder / _KEY))
    if key.kind is not kind:
        message = f"{folder.name} has an {key.kind} key of an interrupted init: ask for that kind"
        raise AuthorityRefused(message)
    return key


def _check_urls(*urls: str | None) -> None:
    for url in urls:
        if url is not None and not _URL.fullmatch(url):
            message = "where revocation is published is an http or https URL"
            raise AuthorityRefused(message)


def _new_serial() -> int:
    """Make a number of 127 random bits, its first one set: 16 bytes, positive, never short."""
    return secrets.randbits(SERIAL_BITS - 1) | 1 << (SERIAL_BITS - 1)


def _read_revoked(path: Path) -> Revoked:
    try:
        found = strict_json.load_object(read_public_file(path, limit=_MAX_STATE_BYTES))
        since, reason = datetime.fromisoformat(found["since"]), found["reason"]
        if since.tzinfo is None or reason not in REASONS:
            raise ValueError
    except (EncodingRefused, KeyError, TypeError, ValueError) as error:
        message = f"{path.name} does not say since when and why"
        raise AuthorityRefused(message) from error
    return Revoked(since, reason)
