"""The trust list: strict, pinned, dated, and never older than one seen before."""

from __future__ import annotations

import copy
import json
import multiprocessing
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.envelopes.jose import decode_base64url, public_jwk, sign_jws
from msb_identity.envelopes.keyfiles import write_verifying_key
from msb_identity.foundation.files import write_whole
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.credentials.compact import HOLDER_KEYS
from msb_wallet.errors import TrustRefused
from msb_wallet.licences.model import Authority
from msb_wallet.scan.regions import (
    LIST_FILE,
    SIGNER_FILE,
    ListedIssuer,
    make_trust_list,
    open_trust_list,
)
from msb_wallet.scan.verifier import Verifier
from tests.wallet.conftest import CODES, MADE, NOW, PREFIXES, TYPE_CODE, assert_step, assert_valid
from tests.wallet.craft import list_content, write_list

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from tests.wallet.conftest import World

SM2, P256 = KeyKind.SM2, KeyKind.P256
SECOND = timedelta(seconds=1)
SIGNER = generate_key(SM2)
ISSUER_KEY, OTHER_KEY = generate_key(SM2), generate_key(P256)
GOOD: dict[str, Any] = {
    "format": 1,
    "name": "测试",
    "version": 7,
    "iat": 1_773_547_200,
    "exp": 1_776_139_200,
    "issuers": [
        {
            "code": CODES[SM2],
            "name": "机构",
            "region": "150600",
            "types": [TYPE_CODE],
            "keys": [{"jwk": public_jwk(ISSUER_KEY.public), "uses": ["licence", "status"]}],
            "status_prefixes": [PREFIXES[SM2]],
        }
    ],
}


def signed(content: object, type_: str = "msb-trust-list+jwt") -> str:
    return sign_jws(json.dumps(content).encode(), SIGNER, type_=type_)


def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    """A copy of the good list after `change(list, its issuer)`."""
    content = copy.deepcopy(GOOD)
    change(content, content["issuers"][0])
    return content


def test_a_good_list_opens() -> None:
    trust = open_trust_list(signed(GOOD), signer=SIGNER.public)
    assert (trust.name, trust.version) == ("测试", 7)
    issuer = trust.issuers[CODES[SM2]]
    assert issuer.types == {TYPE_CODE}
    assert list(issuer.licence_keys.values()) == [ISSUER_KEY.public]
    assert issuer.licence_keys == issuer.status_keys
    assert trust.status_signer(ISSUER_KEY.public.key_id) is issuer
    assert trust.status_signer(OTHER_KEY.public.key_id) is None


def test_the_reference_in_the_wild_may_name_a_division() -> None:
    content = changed(lambda _, issuer: issuer.update(code="150600"))
    assert "150600" in open_trust_list(signed(content), signer=SIGNER.public).issuers


BAD: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "an unknown member": lambda a, _: a.update(limits=[]),
    "an unknown member of an issuer": lambda _, b: b.update(until=0),
    "an unknown member of a key": lambda _, b: b["keys"][0].update(until=0),
    "an unknown member of a JWK": lambda _, b: b["keys"][0]["jwk"].update(nbf=0),
    "another format": lambda a, _: a.update(format=2),
    "format true": lambda a, _: a.update(format=True),
    "format as a text": lambda a, _: a.update(format="1"),
    "no format": lambda a, _: a.pop("format"),
    "no issuers": lambda a, _: a.pop("issuers"),
    "version 0": lambda a, _: a.update(version=0),
    "version as a text": lambda a, _: a.update(version="7"),
    "version true": lambda a, _: a.update(version=True),
    "version 7.0": lambda a, _: a.update(version=7.0),
    "version without end": lambda a, _: a.update(version=2**54),
    "a negative time": lambda a, _: a.update(iat=-1),
    "a time after 9999": lambda a, _: a.update(exp=253_402_300_800),
    "the same issuer twice": lambda a, b: a["issuers"].append(dict(b)),
    "the same issuer with other keys": lambda a, b: a["issuers"].append({**b, "keys": []}),
    "the same key twice": lambda _, b: b["keys"].append(b["keys"][0]),
    "the same key for each use": lambda _, b: b.update(
        keys=[{**b["keys"][0], "uses": [use]} for use in ("licence", "status")]
    ),
    "two keys of one name": lambda _, b: b["keys"].append(
        {
            "jwk": {**public_jwk(OTHER_KEY.public), "kid": ISSUER_KEY.public.key_id_text},
            "uses": ["licence"],
        }
    ),
    "a key under a false name": lambda _, b: b["keys"][0]["jwk"].update(kid="AAAAAAAAAAA"),
    "a key without a name": lambda _, b: b["keys"][0]["jwk"].pop("kid"),
    "a private key": lambda _, b: b["keys"][0]["jwk"].update(d="AA"),
    "a key off its curve": lambda _, b: b["keys"][0]["jwk"].update(
        x=b["keys"][0]["jwk"]["y"], y=b["keys"][0]["jwk"]["x"]
    ),
    "a key of another algorithm": lambda _, b: b["keys"][0]["jwk"].update(alg="ES256"),
    "a key of another curve": lambda _, b: b["keys"][0]["jwk"].update(crv="P-256", alg="ES256"),
    "a key to encrypt": lambda _, b: b["keys"][0]["jwk"].update(use="enc"),
    "an unknown use": lambda _, b: b["keys"][0].update(uses=["licence", "log"]),
    "a key without a use": lambda _, b: b["keys"][0].update(uses=[]),
    "an issuer's code too short": lambda _, b: b.update(code="15"),
    "an issuer's code that is a path": lambda _, b: b.update(code="../../../../../etc"),
    "an issuer's code with a line end": lambda _, b: b.update(code=CODES[SM2] + "\n"),
    "a type that is none": lambda _, b: b.update(types=["*"]),
    "types as a text": lambda _, b: b.update(types=TYPE_CODE),
    "a region that is none": lambda _, b: b.update(region="15"),
    "a prefix without its slash": lambda _, b: b.update(status_prefixes=[PREFIXES[SM2][:-1]]),
    "a prefix in clear": lambda _, b: b.update(status_prefixes=["http://licence.example/s/"]),
    "an empty prefix": lambda _, b: b.update(status_prefixes=[""]),
    "a prefix of all the web": lambda _, b: b.update(status_prefixes=["https://"]),
    "a name without end": lambda a, _: a.update(name="长" * 101),
}


@pytest.mark.parametrize("name", BAD)
def test_a_list_that_breaks_a_rule_is_refused_whole(name: str) -> None:
    with pytest.raises(TrustRefused):
        open_trust_list(signed(changed(BAD[name])), signer=SIGNER.public)


@pytest.mark.parametrize("content", [[], "list", 7, None, [GOOD], {}])
def test_what_is_no_list_is_refused(content: object) -> None:
    with pytest.raises(TrustRefused):
        open_trust_list(signed(content), signer=SIGNER.public)


def test_a_name_twice_is_refused() -> None:
    payload = json.dumps(GOOD).replace('"version": 7', '"version": 9, "version": 7').encode()
    text = sign_jws(payload, SIGNER, type_="msb-trust-list+jwt")
    with pytest.raises(TrustRefused):
        open_trust_list(text, signer=SIGNER.public)


@pytest.mark.parametrize("type_", ["at+jwt", "JWT", "msb-trust-list", "statuslist+jwt"])
def test_what_the_signer_signed_for_another_purpose_is_refused(type_: str) -> None:
    with pytest.raises(TrustRefused, match="not as a trust list"):
        open_trust_list(signed(GOOD, type_), signer=SIGNER.public)


@pytest.mark.parametrize("kind", HOLDER_KEYS)
def test_another_signer_is_refused(kind: KeyKind) -> None:
    with pytest.raises(TrustRefused):
        open_trust_list(signed(GOOD), signer=generate_key(kind).public)


def test_damage_anywhere_is_refused() -> None:
    good = signed(GOOD)
    for text in ("", "a.b.c", good[:-1], good + "A", good.replace(".", "..", 1), "é" * 40):
        with pytest.raises(TrustRefused):
            open_trust_list(text, signer=SIGNER.public)
    for position in range(0, len(good), 11):
        other = "A" if good[position] != "A" else "B"
        with pytest.raises(TrustRefused):
            open_trust_list(good[:position] + other + good[position + 1 :], signer=SIGNER.public)


def test_a_list_too_large_is_refused() -> None:
    with pytest.raises(TrustRefused, match="1000000"):
        open_trust_list("A" * 1_000_001, signer=SIGNER.public)


def test_what_is_made_can_be_opened_and_a_bad_one_is_never_made() -> None:
    authority = Authority(CODES[SM2], "机构", "地市级", "150600")
    issuer = ListedIssuer(authority, (TYPE_CODE,), ISSUER_KEY.public, PREFIXES[SM2])

    def make(*issuers: ListedIssuer, version: int = 1, name: str = "测试") -> str:
        days = timedelta(days=30)
        return make_trust_list(
            issuers, name=name, version=version, signer=SIGNER, now=NOW, lifetime=days
        )

    trust = open_trust_list(make(issuer), signer=SIGNER.public)
    assert (trust.issued_at, trust.expires_at) == (NOW, NOW + timedelta(days=30))
    with pytest.raises(TrustRefused):
        make(issuer, issuer)
    with pytest.raises(TrustRefused):
        make(issuer, version=0)
    with pytest.raises(TrustRefused):
        make(issuer, name="")


# What an open counter does with lists: the step trust-list.


def test_a_list_ends_at_its_exact_second(world: World) -> None:
    verifier, ends = world.verifier(online=True), MADE + timedelta(days=30)
    assert_valid(verifier.scan(world.printed(), now=ends - SECOND))
    for late in (timedelta(), SECOND, timedelta(days=400)):
        report = verifier.scan(world.printed(), now=ends + late)
        assert_step(report, "indeterminate", "trust-list", "expired")


def test_a_list_from_the_future_is_indeterminate(world: World) -> None:
    content = list_content(world)
    write_list(world, {**content, "version": 2, "iat": int(NOW.timestamp()) + 61})
    verifier = world.verifier()
    report = verifier.scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "trust-list", "from-future")
    assert_valid(verifier.scan(world.printed(), now=NOW + SECOND))


def test_a_bad_list_does_not_hide_what_is_proven_wrong(world: World) -> None:
    text = world.printed()
    content = list_content(world)
    content["issuers"][0]["types"] = []
    write_list(world, {**content, "version": 2, "exp": int(NOW.timestamp())})
    report = world.verifier().scan(text, now=NOW)
    assert report.verdict == "invalid"
    assert report.step("trust-list").code == "expired"
    assert report.step("authority").code == "not-authorised"


def test_a_new_list_is_taken_up_by_an_open_counter(world: World) -> None:
    verifier, text, content = world.verifier(), world.printed(), list_content(world)
    assert_valid(verifier.scan(text, now=NOW))
    write_list(world, {**content, "version": 2, "issuers": []})
    assert_step(verifier.scan(text, now=NOW), "indeterminate", "issuer", "unknown")
    write_list(world, {**content, "version": 3})
    report = verifier.scan(text, now=NOW)
    assert_valid(report)
    assert report.step("trust-list").detail.startswith("version 3,")


def test_an_older_list_than_one_seen_is_refused(world: World) -> None:
    verifier, text, old = world.verifier(), world.printed(), world.list_file.read_bytes()
    write_list(world, {**list_content(world), "version": 5})
    assert_valid(verifier.scan(text, now=NOW))
    write_whole(world.list_file, old)
    for counter in (verifier, verifier, world.verifier(), world.verifier(online=True)):
        report = counter.scan(text, now=NOW)
        assert_step(report, "indeterminate", "trust-list", "rolled-back")
    assert _scan_elsewhere(world, text) == ("indeterminate", "rolled-back")
    write_list(world, {**list_content(world), "version": 6})
    assert_valid(verifier.scan(text, now=NOW))


def test_a_list_seen_by_another_process_counts(world: World) -> None:
    text, old = world.printed(), world.list_file.read_bytes()
    verifier = world.verifier()
    write_list(world, {**list_content(world), "version": 5})
    assert _scan_elsewhere(world, text) == ("valid", "ok")
    write_whole(world.list_file, old)
    report = verifier.scan(text, now=NOW)
    assert_step(report, "indeterminate", "trust-list", "rolled-back")


def test_two_lists_of_one_version_are_refused(world: World) -> None:
    text, content = world.printed(), list_content(world)
    verifier = world.verifier()
    assert_valid(verifier.scan(text, now=NOW))
    write_list(world, {**content, "name": "另一份"})
    for counter in (verifier, world.verifier()):
        report = counter.scan(text, now=NOW)
        assert_step(report, "indeterminate", "trust-list", "two-of-one-version")


def test_the_same_content_signed_again_is_the_same_list(world: World) -> None:
    verifier, text = world.verifier(), world.printed()
    payload = world.list_file.read_text(encoding="ascii").split(".")
    assert_valid(verifier.scan(text, now=NOW))
    again = sign_jws(decode_base64url(payload[1]), world.signer, type_="msb-trust-list+jwt")
    assert again != ".".join(payload).strip()
    write_whole(world.list_file, again.encode())
    assert_valid(verifier.scan(text, now=NOW))


def test_a_list_by_another_signer_is_unreadable_and_not_remembered(world: World) -> None:
    verifier, text, content = world.verifier(), world.printed(), list_content(world)
    good = world.list_file.read_bytes()
    for kind in HOLDER_KEYS:
        write_list(world, {**content, "version": 99}, signer=generate_key(kind))
        report = verifier.scan(text, now=NOW)
        assert_step(report, "indeterminate", "trust-list", "unreadable")
        assert not report.disclosed
    write_whole(world.list_file, good)
    assert_valid(verifier.scan(text, now=NOW))


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"{}", b"a.b.c", bytes(2_000_000), "信任".encode()],
    ids=["empty", "binary", "JSON", "no JWS", "huge", "Chinese"],
)
def test_a_damaged_list_is_indeterminate_until_it_is_mended(world: World, content: bytes) -> None:
    text, good = world.printed(), world.list_file.read_bytes()
    write_whole(world.list_file, content)
    verifier = world.verifier()
    report = verifier.scan(text, now=NOW)
    assert_step(report, "indeterminate", "trust-list", "unreadable")
    write_whole(world.list_file, good)
    assert_valid(verifier.scan(text, now=NOW))


def test_a_list_that_goes_missing_is_indeterminate(world: World) -> None:
    verifier, text, good = world.verifier(), world.printed(), world.list_file.read_bytes()
    assert_valid(verifier.scan(text, now=NOW))
    world.list_file.unlink()
    report = verifier.scan(text, now=NOW)
    assert_step(report, "indeterminate", "trust-list", "unreadable")
    write_whole(world.list_file, good)
    assert_valid(verifier.scan(text, now=NOW))


def test_a_list_of_the_wrong_type_is_unreadable(world: World) -> None:
    write_list(world, list_content(world), type_="at+jwt")
    report = world.verifier().scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "trust-list", "unreadable")


@pytest.mark.parametrize("missing", [LIST_FILE, SIGNER_FILE, "both"])
def test_a_folder_without_list_or_key_is_refused_and_left_alone(world: World, missing: str) -> None:
    for name in (LIST_FILE, SIGNER_FILE) if missing == "both" else (missing,):
        (world.folder.trust / name).unlink()
    before = sorted(world.folder.trust.iterdir())
    with pytest.raises(TrustRefused):
        world.verifier()
    assert sorted(world.folder.trust.iterdir()) == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(TrustRefused):
        Verifier.from_trust(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", bytes(100_000), b'{"kty":"RSA"}'])
def test_a_pinned_key_that_is_none_is_refused(world: World, content: bytes) -> None:
    (world.folder.trust / SIGNER_FILE).write_bytes(content)
    with pytest.raises(TrustRefused, match="pinned key"):
        world.verifier()


def test_a_private_key_is_not_taken_for_the_pinned_one(world: World) -> None:
    private = world.folder.keys / "list-signer.jwk"
    shutil.copy(private, world.folder.trust / SIGNER_FILE)
    with pytest.raises(TrustRefused) as refusal:
        world.verifier()
    assert json.loads(private.read_bytes())["d"] not in str(refusal.value)


def test_another_pinned_key_does_not_open_the_list(world: World) -> None:
    write_verifying_key(world.folder.trust / SIGNER_FILE, generate_key(SM2).public)
    report = world.verifier().scan(world.printed(), now=NOW)
    assert_step(report, "indeterminate", "trust-list", "unreadable")


def _scan_elsewhere(world: World, text: str) -> tuple[str, str]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_scan, (str(world.folder.trust), text, NOW))


def _scan(trust: str, text: str, now: datetime) -> tuple[str, str]:
    with Verifier.from_trust(trust) as verifier:
        report = verifier.scan(text, now=now)
    return str(report.verdict), report.step("trust-list").code
