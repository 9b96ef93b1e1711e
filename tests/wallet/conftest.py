"""The world of the wallet tests: a data folder with two issuers, one holder and two devices.

It is made once in a session; each test gets a copy. Every time in it follows from `NOW`.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from msb_identity.envelopes.keyfiles import ensure_signing_key
from msb_identity.people.accounts import Accounts
from msb_identity.pki.keys import KeyKind, SigningKey
from msb_identity.sso.tokens import VerifiedToken
from msb_wallet.cards.pack import CardPack
from msb_wallet.codes.present import show_offline
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.folder import CONFIGURATION_FILE, DataFolder
from msb_wallet.scan.regions import LIST_FILE
from msb_wallet.scan.verifier import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from msb_identity.foundation.report import Report
    from msb_identity.foundation.store import Store
    from msb_identity.pki.keys import VerifyingKey
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.issue import Issuer
    from tests.wallet.office import Office
    from tests.wallet.support_licences import Desk

NOW = datetime(2026, 3, 15, 4, 0, tzinfo=UTC)
MADE = NOW - timedelta(hours=1)
"""When the trust list, the licences and the status lists were signed."""
NAME, NUMBER, MOBILE = "张三", "11010519491231002X", "13800138000"
TYPE = "special-operation"
TYPE_CODE = "11100000000013338W032"
CODES = {KeyKind.SM2: "11150600MB0000000B", KeyKind.P256: "11150100MB0000000H"}
PREFIXES = {
    KeyKind.SM2: "https://licence.example/s/1506/",
    KeyKind.P256: "https://licence.example/s/1501/",
}
ISSUERS = f"""
name = "测试信任清单"

[[issuers]]
code = "{CODES[KeyKind.SM2]}"
name = "鄂尔多斯市住房和城乡建设局（测试）"
level = "地市级"
region = "150600"
types = ["{TYPE}"]
key = "SM2"
status_prefix = "{PREFIXES[KeyKind.SM2]}"

[[issuers]]
code = "{CODES[KeyKind.P256]}"
name = "呼和浩特市住房和城乡建设局（测试）"
level = "地市级"
region = "150100"
types = ["{TYPE}"]
key = "P-256"
status_prefix = "{PREFIXES[KeyKind.P256]}"
"""


def row(number: str = "蒙K012026000001", **changes: str) -> dict[str, str]:
    """A row of the one licence type, of the one holder."""
    return {
        "ZZBH": number,
        "CZZT": NAME,
        "CZZTDM": NUMBER,
        "ZZBFRQ": "2026-03-02",
        "ZZYXQQSRQ": "2026-03-02",
        "ZZYXQJZRQ": "2032-03-01",
        "KZ_CZLB": "建筑电工",
        "KZ_CCLZRQ": "2020-03-02",
        "KZ_BZ": "",
        **changes,
    }


@dataclass
class World:
    """The folder and who uses it; `sm2` and `p256` name the issuer by its kind of key."""

    path: Path
    holder: VerifiedToken
    licences: dict[KeyKind, LicenceIdentifier]
    closing: ExitStack = field(default_factory=ExitStack, repr=False)

    @cached_property
    def folder(self) -> DataFolder:
        folder = DataFolder(self.path)
        self.closing.callback(folder.store.close)
        return folder

    @property
    def store(self) -> Store:
        return self.folder.store

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.store, self.folder.protector)

    @cached_property
    def pack(self) -> CardPack:
        return CardPack(self.store, self.accounts)

    @cached_property
    def devices(self) -> dict[KeyKind, SigningKey]:
        """The holder's devices: a browser has no SM2, an app has it."""
        return {
            kind: ensure_signing_key(self.path / "keys" / f"device-{kind}.jwk", kind)
            for kind in HOLDER_KEYS
        }

    @cached_property
    def signer(self) -> SigningKey:
        """The key that signs the trust list."""
        return ensure_signing_key(self.path / "keys" / "list-signer.jwk", KeyKind.SM2)

    def issuer(self, kind: KeyKind = KeyKind.SM2) -> Issuer:
        return self.folder.issuer(TYPE, CODES[kind])

    def issuer_key(self, kind: KeyKind = KeyKind.SM2) -> SigningKey:
        return self.folder.issuer_key(self.folder.issuer_settings(CODES[kind]))

    def issue(self, number: str, kind: KeyKind = KeyKind.SM2, **changes: str) -> LicenceIdentifier:
        """Issue another licence of the holder."""
        return self.issuer(kind).issue(row(number, **changes), now=MADE).identifier

    def printed(self, kind: KeyKind = KeyKind.SM2) -> str:
        """The MSB1 code of the licence of that issuer."""
        return self.pack.show_printed(self.holder, self.licences[kind], now=NOW)

    def bound(
        self,
        kind: KeyKind = KeyKind.SM2,
        device: VerifyingKey | None = None,
        identifier: LicenceIdentifier | None = None,
    ) -> bytes:
        """The credential of a licence, bound to a device (the ES256 one)."""
        return self.pack.bind_device(
            self.holder,
            identifier or self.licences[kind],
            device or self.devices[KeyKind.P256].public,
            issuer=self.issuer(kind),
            now=NOW,
        )

    def offline(
        self,
        kind: KeyKind = KeyKind.SM2,
        device: KeyKind = KeyKind.P256,
        *,
        audience: str | None = None,
        now: datetime = NOW,
    ) -> str:
        """A new MSB2 code."""
        credential = self.bound(kind, self.devices[device].public)
        return show_offline(credential, self.devices[device], audience=audience, now=now)

    def online(
        self,
        kind: KeyKind = KeyKind.SM2,
        *,
        audience: str | None = None,
        now: datetime = NOW,
    ) -> str:
        """A new MSB0 code."""
        return self.pack.show_online(self.holder, self.licences[kind], audience=audience, now=now)

    def verifier(
        self,
        *,
        online: bool = False,
        audience: str | None = None,
        require_holder: bool = False,
        status_max_age: timedelta | None = None,
        state: Path | None = None,
    ) -> Verifier:
        """A counter, offline or with the store; like another process, it opens the store itself."""
        verifier = Verifier.from_trust(
            self.folder.trust,
            store=self.folder.store_url if online else None,
            audience=audience,
            require_holder=require_holder,
            status_max_age=status_max_age,
            state=state,
        )
        self.closing.callback(verifier.close)
        return verifier

    def publish(self, now: datetime = NOW) -> None:
        """Publish the status lists that changed."""
        self.folder.publish_status(now=now)

    @property
    def list_file(self) -> Path:
        return self.folder.trust / LIST_FILE

    def status_file(self, kind: KeyKind = KeyKind.SM2) -> Path:
        return self.folder.trust / "status" / CODES[kind] / "0"


def assert_step(report: Report, verdict: str, step: str, code: str) -> None:
    """The report has this verdict, and this step decided it."""
    decisive = report.decisive_step
    found = (report.verdict, decisive and (decisive.id, decisive.code))
    assert found == (verdict, (step, code)), report.as_text()


def assert_valid(report: Report) -> None:
    assert report.verdict == "valid", report.as_text()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world before anything happens in it; only to be copied."""
    path = tmp_path_factory.mktemp("world") / "data"
    folder = DataFolder(path)
    path.mkdir(mode=0o700)
    folder.configuration_file.write_text(ISSUERS, encoding="utf-8")
    folder.make_trust(now=MADE)
    person = Accounts(folder.store, folder.protector).register(
        name=NAME, identity_number=NUMBER, mobile=MOBILE, level=3, method="counter", now=MADE
    )
    licences = {
        kind: folder.issuer(TYPE, code).issue(row(), now=MADE).identifier
        for kind, code in CODES.items()
    }
    folder.publish_status(now=MADE)
    world = World(path, token_of(person.id), licences)
    assert world.devices
    folder.store.close()
    return world


@pytest.fixture
def world(made_once: World, tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "data"
    shutil.copytree(made_once.path, path)
    assert (path / CONFIGURATION_FILE).is_file()
    copy = World(path, made_once.holder, dict(made_once.licences))
    with copy.closing:
        yield copy


def token_of(subject: str) -> VerifiedToken:
    """The access token of that person, verified."""
    return VerifiedToken(
        issuer="https://id.example",
        subject=subject,
        audience=("msb-wallet",),
        client_id="msb-wallet",
        session_id="session",
        acr="urn:msb:aal:1",
        amr=("sms",),
        auth_time=NOW,
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
        token_id="token",
    )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    from tests.wallet.support_licences import Desk  # which the others do not need

    made = Desk.open(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def office(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Office:
    from tests.wallet.office import Office  # which needs this module

    monkeypatch.delenv("MSB_DATA", raising=False)
    return Office(tmp_path, capsys, monkeypatch)
