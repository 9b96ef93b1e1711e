"""Scanning a shown licence (扫码): a text or a picture in, a Report out, never an exception.

`Verifier.from_trust(folder)` opens the trust list with the pinned key beside it and the published
status lists under it; with `store=` it also checks one-use codes and asks the store for states. The
steps are those of docs/formats.md, taken in their order; what cannot be checked is never "valid".
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msb_identity.errors import (
    AlgorithmRefused,
    EncodingRefused,
    SignatureRefused,
    StoreError,
)
from msb_identity.foundation.clock import CHINA_TIME, aware
from msb_identity.foundation.report import Outcome, Report, ReportBuilder
from msb_identity.foundation.store import Store, file_url
from msb_wallet.codes.payload import CodeKind, kind_of, read_code
from msb_wallet.codes.present import (
    FUTURE_TOLERANCE,
    LIFETIME,
    Presentation,
    check_audience,
    parse_presentation,
)
from msb_wallet.credentials.compact import Credential, parse_credential
from msb_wallet.errors import PictureRefused
from msb_wallet.licences import store as tables
from msb_wallet.licences.model import ELEMENTS
from msb_wallet.licences.status import read_status
from msb_wallet.licences.types import builtin_labels
from msb_wallet.scan import memory
from msb_wallet.scan.online import RecordChanged, ShownCode, consume_shown, find_shown
from msb_wallet.scan.regions import STATUS_FOLDER, TrustedIssuer, TrustList
from msb_wallet.scan.sentences import SENTENCES
from msb_wallet.scan.status_sources import PublishedStatus, StatusAnswer, StatusSource, StoreStatus
from msb_wallet.scan.trust_folder import TrustFolder, pinned_signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.foundation.audit import Audit

STEPS = (
    "format",
    "trust-list",
    "issuer",
    "authority",
    "signature-value",
    "validity",
    "holder-proof",
    "audience",
    "replay",
    "status",
)
_NEWER = ("MSB3:", "MSB4:", "MSB5:", "MSB6:", "MSB7:", "MSB8:", "MSB9:")


@dataclass(frozen=True, slots=True)
class _Shown:
    """A code taken apart: what kind it is, the credential in it, and how it was shown."""

    kind: CodeKind
    credential: Credential
    presentation: Presentation | None = None
    online: ShownCode | None = None

    @property
    def shown_at(self) -> datetime | None:
        if self.presentation is not None:
            return self.presentation.shown_at
        return self.online.shown_at if self.online is not None else None

    @property
    def audience(self) -> str | None:
        if self.presentation is not None:
            return self.presentation.audience
        return self.online.audience if self.online is not None else None


class Verifier:
    """Checks codes for one window; safe to keep for as long as the window is open."""

    def __init__(
        self,
        trust: TrustFolder,
        *,
        status: StatusSource,
        seen: Sequence[memory.Memory],
        store: Store | None = None,
        audience: str | None = None,
        require_holder: bool = False,
        audit: Audit | None = None,
        opened: ExitStack | None = None,
    ) -> None:
        """Use `from_trust` unless the parts come from elsewhere; `close` closes `opened`."""
        self._trust, self._status, self._seen, self._store = trust, status, seen, store
        self._audience = check_audience(audience) if audience is not None else None
        self._require_holder, self._audit = require_holder, audit
        self._opened = opened or ExitStack()

    @classmethod
    def from_trust(
        cls,
        folder: Path | str,
        *,
        store: Store | str | None = None,
        audience: str | None = None,
        require_holder: bool = False,
        status_max_age: timedelta | None = None,
        state: Path | None = None,
        audit: Audit | None = None,
    ) -> Self:
        """Open a folder with trust-list.jwt, list-signer.jwk (the pinned key) and status/.

        store: the wallet's store or its URL, to check online. Without it status comes from the
            published lists and one-use codes cannot be checked.
        audience: this window's own name; codes must then be meant for it.
        require_holder: do not accept a printed code, which anyone may carry.
        status_max_age: how old a published status list may be, though it has not expired.
        state: where to remember nonces and the newest list; default beside the trust list.
        audit: the store's audit log, where each use of a one-use code is recorded.

        Raises TrustRefused where the folder lacks the list or the key, StoreError where the store
        or the state file cannot be opened. A list that is bad or old raises nothing: every scan
        then says so.
        """
        place = Path(folder)
        signer = pinned_signer(place)
        with ExitStack() as opened:
            state_file = _open_state(state or place / memory.STATE_FILE)
            local = memory.Memory(opened.enter_context(closing(state_file)))
            if isinstance(store, str):
                found = Store.open(store, tables.metadata, memory.metadata, existing=True)
                store = opened.enter_context(closing(found))
            return cls(
                TrustFolder(place, signer, local),
                status=_status_source(place, store, status_max_age),
                # The shared one first: while it cannot be asked, nothing is used up here.
                seen=[local] if store is None else [memory.Memory(store), local],
                store=store,
                audience=audience,
                require_holder=require_holder,
                audit=audit,
                opened=opened.pop_all(),
            )

    def close(self) -> None:
        """Close the files that `from_trust` opened; a Store object that was passed stays open."""
        self._opened.close()

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def scan(self, code: str | bytes | Path, *, now: datetime | None = None) -> Report:
        """Check a code: its text, or a picture (bytes, or the path of a file) with one QR code.

        Never raises on bad input. OSError where a path cannot be read at all.
        """
        moment = aware(now)
        if isinstance(code, str):
            return self._scan_text(code.strip("\r\n\t "), moment)
        from msb_wallet.codes.qr import MAX_PICTURE_BYTES, read_picture

        if isinstance(code, Path):
            with code.open("rb") as file:
                code = file.read(MAX_PICTURE_BYTES + 1)
        try:
            texts = read_picture(code)
        except PictureRefused as refusal:
            return _unreadable(refusal.code, str(refusal))
        if len(texts) != 1:
            return _unreadable("several-codes" if texts else "no-code", f"{len(texts)} codes")
        return self._scan_text(texts[0], moment)

    def _scan_text(self, text: str, now: datetime) -> Report:
        if kind_of(text) is None:
            return _unreadable("unsupported" if text.startswith(_NEWER) else "not-ours")
        builder = ReportBuilder("licence-code", required=STEPS, sentences=SENTENCES)
        try:
            kind, data = read_code(text)
            shown = self._take_apart(kind, data, builder)
        except EncodingRefused as error:
            builder.failed("format", "malformed", str(error))
            return builder.conclude()
        if shown is not None:
            self._check(shown, builder, now)
        return builder.conclude()

    def _take_apart(self, kind: CodeKind, data: bytes, builder: ReportBuilder) -> _Shown | None:
        """Give the parts of a code; None where the builder already says why there are none."""
        if kind is CodeKind.ONLINE:
            return self._find_online(data, builder)
        if kind is CodeKind.PRINTED:
            shown = _Shown(kind, parse_credential(data))
        else:
            shown = _take_presentation(data)
        builder.ok("format")
        return shown

    def _find_online(self, secret: bytes, builder: ReportBuilder) -> _Shown | None:
        builder.ok("format")
        if self._store is None:
            builder.unknown("replay", "needs-store")
            return None
        try:
            found = find_shown(self._store, secret)
            if found is None:
                builder.failed("replay", "unknown-code")
                return None
            credential = parse_credential(found.credential)
            if credential.identifier.short != found.identifier:
                raise RecordChanged
        except StoreError as error:
            builder.unknown("replay", "no-memory", str(error))
            return None
        except (RecordChanged, EncodingRefused):
            builder.failed("holder-proof", "record-changed")
            return None
        return _Shown(CodeKind.ONLINE, credential, online=found)

    def _check(self, shown: _Shown, builder: ReportBuilder, now: datetime) -> None:
        """Take the steps from trust-list to status."""
        credential = shown.credential
        trust = self._check_trust(builder, now)
        issuer = trust.issuers.get(credential.issuer_code) if trust else None
        if trust is None:
            return
        if issuer is None:
            builder.unknown("issuer", "unknown", credential.issuer_code[:18])
            return
        if not _check_signature(credential, issuer, builder):
            return
        _check_validity(shown, builder, now)
        self._check_holder(shown, builder)
        self._check_audience(shown, builder)
        consumed = self._check_replay(shown, builder, now)
        self._check_status(credential, issuer, trust, builder, now)
        if shown.kind is not CodeKind.ONLINE or consumed:
            _disclose(shown, issuer, builder)

    def _check_trust(self, builder: ReportBuilder, now: datetime) -> TrustList | None:
        opened = self._trust.current(now)
        if opened.problem is None:
            builder.ok("trust-list", detail=opened.detail)
        else:
            builder.unknown("trust-list", opened.problem, opened.detail)
        return opened.trust

    def _check_holder(self, shown: _Shown, builder: ReportBuilder) -> None:
        if shown.kind is CodeKind.PRINTED:
            if shown.credential.holder_key is not None:
                # Taken out of a code that a device showed: it must not outlive that code.
                builder.failed("holder-proof", "missing")
            elif self._require_holder:
                builder.unknown("holder-proof", "holder-required")
            else:
                builder.warning("holder-proof", "printed")
        elif shown.kind is CodeKind.ONLINE:
            builder.ok("holder-proof", "online")
        elif shown.presentation is None:
            builder.failed("holder-proof", "missing")
        elif shown.credential.holder_key is None:
            builder.failed("holder-proof", "no-holder-key")
        else:
            try:
                shown.presentation.envelope.verify(shown.credential.holder_key)
                builder.ok("holder-proof")
            except (SignatureRefused, AlgorithmRefused) as error:
                builder.failed("holder-proof", "wrong-key", str(error))

    def _check_audience(self, shown: _Shown, builder: ReportBuilder) -> None:
        if shown.audience is not None:
            if shown.audience == self._audience:
                builder.ok("audience")
            else:
                builder.failed("audience", "for-another")
        elif self._audience is None:
            builder.skipped("audience", "not-asked")
        elif shown.kind is CodeKind.PRINTED:
            builder.unknown("audience", "for-no-one")
        else:
            builder.failed("audience", "for-no-one")

    def _check_replay(self, shown: _Shown, builder: ReportBuilder, now: datetime) -> bool:
        """Use the code up, if all before held; a code that failed earlier is left to its holder."""
        if shown.kind is CodeKind.PRINTED:
            builder.skipped("replay", "static")
            return False
        if not builder.good_so_far():
            return False
        try:
            first = self._use_up(shown, now)
        except StoreError as error:
            builder.unknown("replay", "no-memory", str(error))
            return False
        if first:
            where = "local" if self._store is None else "store"
            builder.ok("replay", detail=f"replay: {where}")
        else:
            builder.failed("replay", "used")
        return first

    def _use_up(self, shown: _Shown, now: datetime) -> bool:
        if shown.online is not None and self._store is not None:
            return consume_shown(
                self._store,
                shown.online.code_hash,
                now=now,
                identifier=shown.online.identifier,
                audit=self._audit,
            )
        if shown.presentation is None or shown.credential.holder_key is None:
            return False
        # Bound to the key, so that nobody can use up another holder's nonce.
        bound = shown.credential.holder_key.thumbprint + shown.presentation.nonce
        nonce = hashlib.sha256(bound).digest()
        # In every memory: a window that goes online must still know what it saw offline. Stops at
        # the first that knows it: of several counters at once, whoever won the first must not lose
        # the next to one that was refused.
        return all(memory.first_sight(nonce, now=now) for memory in self._seen)

    def _check_status(
        self,
        credential: Credential,
        issuer: TrustedIssuer,
        trust: TrustList,
        builder: ReportBuilder,
        now: datetime,
    ) -> None:
        if not issuer.covers(credential.status.uri):
            return  # refused at `authority` already
        try:
            found = self._status.look_up(credential, issuer, trust, now)
        except (StoreError, ValueError, TypeError) as error:
            # The last two: a row that holds what nobody here writes.
            detail = str(error) if isinstance(error, StoreError) else type(error).__name__
            found = StatusAnswer(Outcome.UNKNOWN, "no-store", detail)
        builder.add("status", found.outcome, found.code, found.detail)


def _open_state(path: Path) -> Store:
    try:
        return Store.open(file_url(path), memory.metadata)
    except StoreError as error:
        message = f"the state file {path.name} cannot be opened for writing: name another (--state)"
        raise StoreError(message) from error


def _status_source(place: Path, store: Store | None, max_age: timedelta | None) -> StatusSource:
    if store is None:
        return PublishedStatus(place / STATUS_FOLDER, max_age=max_age)
    opened = store
    return StoreStatus(lambda identifier: read_status(opened, identifier))


def _take_presentation(data: bytes) -> _Shown:
    try:
        presentation = parse_presentation(data)
    except EncodingRefused as error:
        try:
            # A bare credential under the prefix of a shown one: what is missing is the proof.
            return _Shown(CodeKind.OFFLINE, parse_credential(data))
        except EncodingRefused:
            raise error from None
    credential = parse_credential(presentation.credential)
    return _Shown(CodeKind.OFFLINE, credential, presentation)


def _check_signature(credential: Credential, issuer: TrustedIssuer, builder: ReportBuilder) -> bool:
    """Take the steps issuer, authority and signature-value; whether the signature held."""
    key = issuer.licence_keys.get(credential.key_id)
    if key is None:
        builder.unknown("issuer", "unknown-key", credential.issuer_code)
    else:
        builder.ok("issuer", detail=credential.issuer_code)
    if credential.identifier.issuer_code != issuer.code:
        builder.failed("authority", "other-issuer")
    elif credential.identifier.type_code not in issuer.types:
        builder.failed("authority", "not-authorised", credential.identifier.type_code)
    elif not issuer.covers(credential.status.uri):
        builder.failed("authority", "foreign-list")
    else:
        builder.ok("authority", detail=f"region {issuer.region}")
    if key is None:
        return False
    try:
        credential.envelope.verify(key)
    except AlgorithmRefused as error:
        builder.failed("signature-value", "algorithm", str(error))
        return False
    except SignatureRefused as error:
        builder.failed("signature-value", "bad", str(error))
        return False
    builder.ok("signature-value", detail=str(key.kind))
    return True


def _check_validity(shown: _Shown, builder: ReportBuilder, now: datetime) -> None:
    credential, at = shown.credential, shown.shown_at
    # Exact: a code 60 seconds old passes, anything older does not.
    checks = (
        ("not-yet-valid", now < credential.not_before),
        ("expired", now >= credential.expires_at),
        ("issued-in-future", credential.issued_at - now > FUTURE_TOLERANCE),
        ("too-old", at is not None and now - at > LIFETIME),
        ("too-old", shown.presentation is not None and now > shown.presentation.expires_at),
        ("from-future", at is not None and at - now > FUTURE_TOLERANCE),
    )
    for code, wrong in checks:
        if wrong:
            builder.failed("validity", code)
            return
    builder.ok("validity", detail=f"until {credential.expires_at:%Y-%m-%dT%H:%M:%SZ}")


def _disclose(shown: _Shown, issuer: TrustedIssuer, builder: ReportBuilder) -> None:
    """Give the reader what the code proved, under names that a clerk knows."""
    credential = shown.credential
    labels = {**ELEMENTS, **builtin_labels()}
    for name, value in credential.fields.items():
        builder.disclose(name, value, label=labels.get(name, ""))
    last_day = (credential.expires_at - timedelta(seconds=1)).astimezone(CHINA_TIME).date()
    builder.disclose("valid_until", last_day.isoformat(), label="有效期至 / valid through")
    builder.disclose("issuer", issuer.name, label="颁发机构 / issuer")
    builder.disclose("identifier", str(credential.identifier), label="电子证照标识 / identifier")


def _unreadable(code: str, detail: str = "") -> Report:
    """Give the report on what is not a code of ours, or no code that can be read."""
    builder = ReportBuilder("unknown", required=("format",), sentences=SENTENCES)
    builder.unknown("format", code, detail)
    return builder.conclude()
