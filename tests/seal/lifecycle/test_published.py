# ruff: noqa: ANN401 - changes may be any argument
"""The signed list of seal states: it says what the registry says, and nothing else is believed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.envelopes.jose import sign_jws
from msb_identity.errors import StoreError
from msb_identity.foundation import strict_json
from msb_identity.pki.keys import KeyKind
from msb_seal.errors import LifecycleRefused
from msb_seal.lifecycle import Act, PublishedStates, published
from msb_seal.lifecycle.published import LIST_TYPE
from msb_seal.seals.status import SealState
from tests.identity.authorities import DAY, NOW, key
from tests.seal.lifecycle.conftest import UNIT, is_in_chinese
from tests.seal.makers import world

if TYPE_CHECKING:
    from pathlib import Path

    from tests.seal.lifecycle.conftest import Kept

SIGNER = key("state list", KeyKind.SM2)
NAME = "测试印章登记"


def publish(kept: Kept, **changes: Any) -> list[Path]:
    given: dict[str, Any] = {"name": NAME, "key": SIGNER, "now": NOW, **changes}
    return kept.registry.lists.publish(kept.folder / "public", **given)


def opened(kept: Kept, **changes: Any) -> PublishedStates:
    given: dict[str, Any] = {"signer": SIGNER.public, **changes}
    return PublishedStates.from_folder(kept.folder / "public", **given)


def payload(**changes: Any) -> dict[str, Any]:
    entry = {"state": "active", "since": 0, "reason": ""}
    whole: dict[str, Any] = {
        "format": 1,
        "name": NAME,
        "version": 1,
        "prefix": "",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + DAY).timestamp()),
        "seals": {world().seal().fingerprint: entry},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(content: object, *, type_: str = LIST_TYPE) -> str:
    return sign_jws(strict_json.dump(content), SIGNER, type_=type_)


def test_a_list_says_what_the_registry_says(kept_on_each: Kept) -> None:
    kept = kept_on_each
    records = [kept.issued().record for _ in range(3)] + [kept.made().record]
    kept.applied()
    kept.freeze(records[1])
    kept.registry.change(records[2], Act.ASK_VOID, by="a", reason="made-illegally", now=NOW)
    kept.registry.change(records[2], Act.VOID, by="b", now=NOW)
    later = NOW + timedelta(hours=3)
    [path] = publish(kept, now=later)
    text = path.read_text()
    assert UNIT.name not in text
    states = opened(kept)
    for record in records:
        seal = kept.registry.seal(record)
        assert states.status_of(seal, now=later) == kept.registry.status_of(seal, now=later)
    assert states.status_of(world().seal(), now=later) is None
    assert len(kept.entries("seal.states-published")) == 1


def test_versions_count_up_and_older_ones_are_refused(kept: Kept) -> None:
    publish(kept)
    old = [path.read_text().strip() for path in (kept.folder / "public").iterdir()]
    publish(kept)
    assert opened(kept).version == 2
    with pytest.raises(LifecycleRefused):
        PublishedStates.open(old, signer=SIGNER.public, oldest_version=2)
    assert PublishedStates.open(old, signer=SIGNER.public, oldest_version=1).version == 1
    publish(kept, name="another list")
    assert opened(kept).version == 1


def test_a_list_is_believed_while_it_lasts(kept: Kept) -> None:
    seal = kept.registry.seal(kept.issued().record)
    publish(kept, lifetime=DAY)
    states = opened(kept)
    for good in (NOW - timedelta(seconds=60), NOW + DAY):
        assert states.status_of(seal, now=good) is not None
    for bad in (NOW - timedelta(seconds=61), NOW + DAY + timedelta(seconds=1)):
        with pytest.raises(LifecycleRefused) as refusal:
            states.status_of(seal, now=bad)
        assert is_in_chinese(refusal.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"lifetime": timedelta(0)},
        {"lifetime": timedelta(days=401)},
        *({"name": name} for name in ("", " ", "n" * 101, "a\u202eb")),
        {"by": "k "},
    ],
)
def test_a_list_that_nobody_would_read_is_not_begun(kept: Kept, changes: dict[str, Any]) -> None:
    with pytest.raises(LifecycleRefused):
        publish(kept, **changes)
    assert kept.entries("seal.states-published") == []
    assert not (kept.folder / "public").exists()


def test_a_long_list_comes_in_parts(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [kept.made().record for _ in range(6)]
    publish(kept)
    monkeypatch.setattr(published, "MAX_LISTED", 2)
    monkeypatch.setattr(published, "_USUAL_FILL", 1)
    other = kept.folder / "public" / "trust-list.jwt"
    other.write_text("theirs")
    parts = publish(kept)
    assert len(parts) == 16
    assert {*other.parent.iterdir()} == {*parts, other}
    states = opened(kept)
    for record in records:
        status = states.status_of(kept.registry.seal(record), now=NOW)
        assert status is not None
        assert (status.state, status.reason) == (SealState.FROZEN, "not-issued")
    seal = kept.registry.seal(records[0])
    missing = next(path for path in parts if path.stem.endswith(f"-{seal.fingerprint[0]}"))
    missing.unlink()
    with pytest.raises(LifecycleRefused) as refusal:
        opened(kept).status_of(seal, now=NOW)
    assert is_in_chinese(refusal.value)
    monkeypatch.setattr(published, "MAX_PARTS", 1)
    monkeypatch.setattr(published, "_DIGITS", "0")
    with pytest.raises(LifecycleRefused):
        publish(kept)


def test_a_good_list_is_read() -> None:
    states = PublishedStates.open([signed(payload())], signer=SIGNER.public)
    status = states.status_of(world().seal(), now=NOW)
    # A seal made again has another signature, so another fingerprint: this list has not that one.
    assert status is None
    seal = world().seal()
    content = payload(seals={seal.fingerprint: {"state": "void", "since": 5, "reason": "x"}})
    found = PublishedStates.open([signed(content)], signer=SIGNER.public).status_of(seal, now=NOW)
    assert found is not None
    assert found.state is SealState.VOID


ENTRY = {"state": "active", "since": 0, "reason": ""}
FINGERPRINT = "ab" * 32


@pytest.mark.parametrize(
    "content",
    [
        payload(format=2),
        payload(format=True),
        payload(version=0),
        payload(version="1"),
        payload(name=""),
        payload(name="a\u202eb"),
        payload(prefix="abc"),
        payload(prefix="A"),
        payload(prefix=None),
        payload(exp=int(NOW.timestamp())),
        payload(iat=-1),
        payload(exp=10**12),
        payload(seals=[]),
        payload(more=1),
        payload(seals={"AB" * 32: ENTRY}),
        payload(seals={"ab": ENTRY}),
        payload(prefix="b", seals={FINGERPRINT: ENTRY}),
        payload(seals={FINGERPRINT: {**ENTRY, "state": "gone"}}),
        payload(seals={FINGERPRINT: {**ENTRY, "since": 1.5}}),
        payload(seals={FINGERPRINT: {**ENTRY, "reason": "A B"}}),
        payload(seals={FINGERPRINT: {**ENTRY, "until": 1}}),
        payload(seals={FINGERPRINT: {"state": "active"}}),
        [],
    ],
)
def test_a_list_that_is_not_exactly_one_is_refused_whole(content: object) -> None:
    with pytest.raises(LifecycleRefused) as refusal:
        PublishedStates.open([signed(content)], signer=SIGNER.public)
    assert refusal.value.code == "list"


def test_only_the_pinned_key_s_list_of_that_type_is_believed(kept: Kept) -> None:
    good = signed(payload())
    head, body, tail = good.split(".")
    others = [
        signed(payload(), type_="msb-trust-list+jwt"),
        sign_jws(strict_json.dump(payload()), key("another", KeyKind.SM2), type_=LIST_TYPE),
        sign_jws(strict_json.dump(payload()), key("a third"), type_=LIST_TYPE),
        f"{head}.{body[:-4]}AAAA.{tail}",
        f"{head}.{body}.",
        "",
        "x" * 1_000_001,
    ]
    for text in others:
        with pytest.raises(LifecycleRefused):
            PublishedStates.open([text], signer=SIGNER.public)
    for texts in ([], [good, signed(payload(name="another list"))]):
        with pytest.raises(LifecycleRefused):
            PublishedStates.open(texts, signer=SIGNER.public)
    with pytest.raises(LifecycleRefused):
        PublishedStates.from_folder(kept.folder / "nothing", signer=SIGNER.public)
    folder = kept.folder / "odd"
    (folder / "seal-states-all.jwt").mkdir(parents=True)
    with pytest.raises(StoreError):
        PublishedStates.from_folder(folder, signer=SIGNER.public)
