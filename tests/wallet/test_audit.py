"""What the story does stands in the audit log, in the same commit as the act itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.envelopes.keyfiles import ensure_signing_key
from msb_identity.errors import SignInRefused, StoreError
from msb_identity.foundation.audit import AuditReader, check_audit, make_checkpoint
from msb_identity.people.accounts import Accounts
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.sms import SmsSignIn
from msb_identity.sso.tokens import TokenIssuer
from msb_wallet.cards.pack import CardPack
from msb_wallet.errors import StatusRefused
from msb_wallet.folder import DataFolder
from msb_wallet.licences.rows import NumberedRow
from msb_wallet.licences.status import Reason
from msb_wallet.licences.store import Status, list_by_holder
from msb_wallet.scan.verifier import Verifier
from tests.wallet.conftest import CODES, ISSUERS, MOBILE, NAME, NOW, NUMBER, TYPE, row

if TYPE_CHECKING:
    from pathlib import Path

    from msb_identity.foundation.audit import Entry


class Telephone:
    def __init__(self) -> None:
        self.code = ""

    def send(self, mobile: str, text: str) -> None:
        del mobile
        self.code = "".join(c for c in text if c.isdigit())[:6]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.configuration_file.parent.mkdir()
    made.configuration_file.write_text(ISSUERS, encoding="utf-8")
    return made


def entries(folder: DataFolder, event: str) -> tuple[Entry, ...]:
    return AuditReader(folder.store, folder.protector).entries(event=event).entries


def test_a_person_s_way_is_recorded_and_theirs_to_see(folder: DataFolder) -> None:
    accounts, telephone = (
        Accounts(folder.store, folder.protector, audit=folder.audit),
        Telephone(),
    )
    person = accounts.register(
        name=NAME, identity_number=NUMBER, mobile=MOBILE, level=3, method="counter"
    )
    sms = SmsSignIn(folder.store, folder.protector, accounts, telephone, audit=folder.audit)
    sms.request_code(MOBILE, address="203.0.113.7")
    with pytest.raises(SignInRefused):
        sms.sign_in(MOBILE, "wrong", address="203.0.113.66")
    session = sms.sign_in(MOBILE, telephone.code, address="203.0.113.7")
    key = ensure_signing_key(folder.keys / "token.jwk", KeyKind.SM2)
    tokens = TokenIssuer("https://id.example", key, audit=folder.audit)
    token = tokens.issue(session, audience="wallet", client_id="wallet")
    reader = AuditReader(folder.store, folder.protector)
    own, _ = reader.own(person.id, NUMBER, MOBILE)
    assert [(entry.event, entry.outcome) for entry in reversed(own)] == [
        ("person.registered", "ok"),
        ("sign-in", "code-refused"),
        ("sign-in", "ok"),
        ("token.issued", "ok"),
    ]
    assert [entry.personal.fields.get("address") for entry in own] == [
        None,
        "203.0.113.7",
        "203.0.113.66",
        None,
    ]
    found = b"".join(path.read_bytes() for path in folder.path.glob("store.sqlite*"))
    for secret in (NAME, NUMBER, MOBILE, "203.0.113", token, telephone.code):
        assert secret.encode() not in found


def test_a_licence_s_life_is_recorded(folder: DataFolder, tmp_path: Path) -> None:
    folder.make_trust(now=NOW)
    issuer = folder.issuer(TYPE, CODES[KeyKind.SM2])
    rows = [NumberedRow(i, row(f"蒙K01202600000{i}"), ()) for i in range(1, 4)]
    bad = NumberedRow(4, row("蒙K012026000009", CZZTDM="1"), ())
    results = list(issuer.issue_rows([*rows, bad], now=NOW))
    issued = [result.issued.identifier for result in results if result.issued]
    list(issuer.issue_rows(rows, now=NOW))  # again: nothing new, so nothing to record
    found = entries(folder, "licence.issued")
    assert [entry.object_ for entry in found] == [identifier.short for identifier in issued]
    assert {entry.subject for entry in found} == {folder.protector.index("audit-subject", NUMBER)}

    holder = signed_in(folder)
    pack = CardPack(folder.store, Accounts(folder.store, folder.protector), audit=folder.audit)
    code = pack.show_online(holder, issued[0], now=NOW)
    with Verifier.from_trust(folder.trust, store=folder.store, audit=folder.audit) as verifier:
        folder.publish_status(now=NOW)
        later = NOW + timedelta(seconds=5)
        assert verifier.scan(code, now=later).verdict == "valid"
        assert verifier.scan(code, now=later).verdict == "invalid"
    issuer.status.change(
        issued[0].short, Status.REVOKED, Reason.CANCELLED, now=NOW + timedelta(minutes=1)
    )
    with pytest.raises(StatusRefused):
        issuer.status.change(issued[0].short, Status.VALID, Reason.REVIEW_CLOSED)
    reader = AuditReader(folder.store, folder.protector)
    life = [(e.event, e.outcome) for e in reader.entries(object_=issued[0].short).entries]
    assert life == [
        ("licence.issued", "ok"),
        ("licence.shown", "ok"),
        ("licence.scanned", "ok"),
        ("licence.scanned", "used"),
        ("licence.status-changed", "ok"),
    ]
    assert [entry.details for entry in entries(folder, "trust-list.made")] == [{"version": 1}]
    assert entries(folder, "status-list.published")
    key = ensure_signing_key(tmp_path / "audit.jwk", KeyKind.SM2)
    checkpoint = make_checkpoint(folder.store, key)
    assert check_audit(folder.store, checkpoints=[checkpoint], key=key.public).verdict == "valid"


def signed_in(folder: DataFolder) -> Any:  # noqa: ANN401 - all that a card pack asks of a token
    person = Accounts(folder.store, folder.protector).register(
        name=NAME, identity_number=NUMBER, mobile=MOBILE, level=3, method="counter"
    )

    class Holder:
        subject = person.id
        expires_at = NOW.replace(year=9999)

    return Holder()


def test_what_cannot_be_recorded_is_not_done(folder: DataFolder) -> None:
    issuer = folder.issuer(TYPE, CODES[KeyKind.SM2])
    with folder.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit_heads")
    with pytest.raises(StoreError, match="verify it"):
        issuer.issue(row(), now=NOW)
    with folder.store.read() as connection:
        indexes = folder.protector.indexes(connection).all("identity-number", NUMBER)
        assert list_by_holder(connection, indexes, after="", limit=10) == []
