# ruff: noqa: ANN401 - changes may be any argument
"""A small registry: one unit, one seal, people who apply, approve, make and use it."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.foundation import audit, protect
from msb_identity.foundation.audit import Audit, AuditReader
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.pki.callback import CallbackKey
from msb_seal.errors import LifecycleRefused, SealingRefused
from msb_seal.lifecycle import Act, Application, LifeState, SealMaker, SealRegistry, Unit, metadata
from msb_seal.seals.signing import prepare_signature
from tests.identity.authorities import DAY, NOW
from tests.seal.makers import PICTURE, PROPERTY, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from msb_identity.foundation.audit import Entry
    from msb_identity.pki.keys import SigningKey
    from msb_seal.lifecycle import Grant, RegisteredSealer, SealRecord
    from msb_seal.seals.sealer import Sealer
    from msb_seal.seals.signing import PreparedSignature

TABLES = (protect.metadata, audit.metadata, metadata)
UNIT = Unit("11150600MB0000000B", "测试单位", "150602")
NAME = "张三"
APPLICANT, APPROVER, MAKER, KEEPER, USER = "u-apply", "u-approve", "u-make", "u-keep", "u-use"
PURPOSE = "licence"
DIGEST = bytes(range(32))
STORE_FILE = "store.sqlite"
OTHER = "u-other"
REASON = {
    Act.REFUSE: "incomplete",
    Act.FREEZE: "under-review",
    Act.LOSE: "lost",
    Act.THAW: "found",
    Act.ASK_CANCEL: "dissolved",
    Act.ASK_VOID: "made-illegally",
}


@dataclass
class Kept:
    """A registry and what tests ask of it."""

    url: str
    folder: Path
    store: Store
    protector: Protector
    audit: Audit
    registry: SealRegistry

    def application(self, **changes: Any) -> Application:
        given: dict[str, Any] = {
            "unit_code": UNIT.code,
            "type": 1,
            "name": "测试单位",
            "picture": PICTURE,
            "signers": (world().signer.certificate,),
            "valid_from": NOW - 5 * DAY,
            "valid_until": NOW + 200 * DAY,
            "applicant_name": NAME,
            **changes,
        }
        return Application(**given)

    def applied(self, **changes: Any) -> SealRecord:
        return self.registry.apply(self.application(**changes), by=APPLICANT, now=NOW)

    def approved(self, **changes: Any) -> SealRecord:
        record = self.applied(**changes).record
        return self.registry.change(record, Act.APPROVE, by=APPROVER, now=NOW)

    def make(self, record: str, **changes: Any) -> None:
        maker = world().maker
        given: dict[str, Any] = {"certificate": maker.certificate, "key": maker.key, **changes}
        self.registry.make(record, SealMaker(**given), by=MAKER, now=NOW)

    def made(self, **changes: Any) -> SealRecord:
        record = self.approved(**changes).record
        self.make(record)
        return self.registry.get(record)

    def issued(self, **changes: Any) -> SealRecord:
        return self.registry.change(self.made(**changes).record, Act.ISSUE, by=KEEPER, now=NOW)

    def freeze(self, record: str) -> SealRecord:
        return self.registry.change(record, Act.FREEZE, by=KEEPER, reason="under-review", now=NOW)

    def granted(self, record: str, **changes: Any) -> Grant:
        given: dict[str, Any] = {
            "user": USER,
            "purpose": PURPOSE,
            "valid_from": NOW - DAY,
            "valid_until": NOW + 30 * DAY,
            "max_uses": 10,
            "by": KEEPER,
            "now": NOW,
            **changes,
        }
        return self.registry.grants.give(record, **given)

    def sealer(
        self,
        record: str,
        *,
        key: SigningKey | None = None,
        user: str = USER,
        purpose: str = PURPOSE,
    ) -> RegisteredSealer:
        signer = world().signer
        return self.registry.sealer(
            record,
            certificate=signer.certificate,
            key=key or signer.key,
            user=user,
            purpose=purpose,
        )

    def entries(self, event: str | None = None, **named: Any) -> list[Entry]:
        reader = AuditReader(self.store, self.protector)
        return list(reader.entries(event=event, limit=1_000, **named).entries)

    def used(self) -> int:
        from sqlalchemy import func, select

        from msb_seal.lifecycle.tables import grants

        with self.store.read() as connection:
            return connection.scalar(select(func.sum(grants.c.used))) or 0


def prepared(sealer: Sealer, digest: bytes = DIGEST, *, now: Any = NOW) -> PreparedSignature:
    return prepare_signature(
        sealer.seal,
        digest=digest,
        property_info=PROPERTY,
        certificate=sealer.certificate,
        now=now,
    )


def sign(sealer: Sealer, digest: bytes = DIGEST, *, now: Any = NOW) -> bytes:
    """Sign one digest and have the signature verified."""
    ready = prepared(sealer, digest)
    signature = sealer.sign(ready.to_sign, digest=digest, document="licence-1", now=now)
    sealer.certificate.key.verify(ready.to_sign, signature)
    return signature


class Signer:
    """A signer elsewhere that remembers how often it was asked, and may do something first."""

    def __init__(self, first: Callable[[], object] = lambda: None) -> None:
        self.first, self.asked = first, 0
        self.key = CallbackKey(world().signer.key.public, self._sign)

    def _sign(self, message: bytes) -> bytes:
        self.asked += 1
        self.first()
        return world().signer.key.sign(message)


def is_in_chinese(refusal: LifecycleRefused) -> bool:
    """Whether the Chinese sentence says all in Chinese, its detail included."""
    return not any(character.isascii() and character.isalpha() for character in refusal.zh)


def refusal_of(act: Callable[..., object], *arguments: Any, **named: Any) -> str:
    with pytest.raises(SealingRefused) as refusal:
        act(*arguments, **named)
    assert refusal.value.zh
    return refusal.value.code


def digests(count: int) -> list[bytes]:
    return [index.to_bytes(32, "big") for index in range(1, count + 1)]


def past(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the monotonic clock go on at once."""
    later = time.monotonic() + seconds + 0.001
    monkeypatch.setattr(time, "monotonic", lambda: later)


def change(kept: Kept, record: str, act: Act, by: str = OTHER) -> SealRecord:
    return kept.registry.change(record, act, by=by, reason=REASON.get(act, ""), now=NOW)


def in_state(kept: Kept, state: LifeState) -> SealRecord:
    steps = {
        LifeState.APPLIED: kept.applied,
        LifeState.APPROVED: kept.approved,
        LifeState.MADE: kept.made,
    }
    if state in steps:
        return steps[state]()
    if state in (LifeState.REFUSED, LifeState.WITHDRAWN):
        by = APPLICANT if state is LifeState.WITHDRAWN else APPROVER
        act = Act.WITHDRAW if state is LifeState.WITHDRAWN else Act.REFUSE
        return change(kept, kept.applied().record, act, by)
    record = kept.issued()
    if state is LifeState.FROZEN:
        return kept.freeze(record.record)
    if state in (LifeState.CANCELLED, LifeState.VOID):
        is_void = state is LifeState.VOID
        change(kept, record.record, Act.ASK_VOID if is_void else Act.ASK_CANCEL, KEEPER)
        return change(kept, record.record, Act.VOID if is_void else Act.CANCEL)
    return record


def open_kept(url: str, folder: Path, writer: str = "seal-test") -> Kept:
    """Open the registry, in this process or another."""
    store = Store.open(url, *TABLES)
    protector = Protector.from_folder(store, folder / "keys")
    log = Audit(store, protector, writer=writer)
    return Kept(url, folder, store, protector, log, SealRegistry(store, protector, log))


@pytest.fixture(scope="session")
def first_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registry in a file, its keys, and one unit; made once and copied."""
    folder = tmp_path_factory.mktemp("kept")
    for found in _with_unit(f"sqlite:///{folder / STORE_FILE}", folder):
        found.registry.units.page()
    return folder


@pytest.fixture
def kept(first_state: Path, tmp_path: Path) -> Iterator[Kept]:
    """A registry with one unit, in a file."""
    shutil.copytree(first_state, tmp_path, dirs_exist_ok=True)
    found = open_kept(f"sqlite:///{tmp_path / STORE_FILE}", tmp_path)
    with closing(found.store):
        yield found


@pytest.fixture
def kept_on_each(store_url: str, tmp_path: Path) -> Iterator[Kept]:
    """The same on each kind of database: for what relies on locks, constraints and paging."""
    yield from _with_unit(store_url, tmp_path)


def _with_unit(url: str, folder: Path) -> Iterator[Kept]:
    found = open_kept(url, folder)
    with closing(found.store):
        found.registry.units.register(UNIT, by=KEEPER, now=NOW)
        yield found
