"""States of licences: scattered places, changes that are allowed, publication that loses none."""

from __future__ import annotations

import hashlib
import hmac
import random
import threading
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from msb_identity.errors import SignatureRefused
from msb_identity.foundation import files
from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.credentials.compact import parse_credential
from msb_wallet.errors import LicenceNotFound, StatusRefused
from msb_wallet.licences import status as status_module
from msb_wallet.licences.issue import status_register
from msb_wallet.licences.status import LIFETIME, Reason, StatusRegister, list_uri, scatter
from msb_wallet.licences.status_list import ENTRIES, StatusList, parse_status_list
from msb_wallet.licences.store import Status, find_licence, status_lists
from tests.wallet.support_licences import AUTHORITY, NOW, PREFIX, Desk, csv_text, good_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

KEY = bytes(range(32))
NAME = f"{AUTHORITY.code}/0"
SECOND = timedelta(seconds=1)
REASONS = {
    Status.VALID: Reason.REVIEW_CLOSED,
    Status.SUSPENDED: Reason.UNDER_REVIEW,
    Status.REVOKED: Reason.CANCELLED,
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk.open(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def licence(desk: Desk) -> str:
    """A licence's short identifier."""
    return desk.issuer.issue(good_row(), now=NOW).identifier.short


def publish(desk: Desk, now: datetime = NOW, *, every: bool = False) -> list[str]:
    """Publish and give the numbers of the lists written."""
    paths = desk.issuer.status.publish(
        AUTHORITY.code,
        key=desk.key,
        prefix=PREFIX,
        folder=desk.folder / "status",
        now=now,
        every=every,
    )
    assert all(path.parent == desk.folder / "status" / AUTHORITY.code for path in paths)
    return [path.name for path in paths]


def published(desk: Desk, number: int = 0) -> StatusList:
    token = (desk.folder / "status" / AUTHORITY.code / str(number)).read_bytes()
    found = parse_status_list(token)
    found.envelope.verify(desk.key.public)
    assert found.uri == list_uri(PREFIX, number)
    return found


def shown(desk: Desk, licence: str) -> Status:
    """The state that the published list shows."""
    entry = desk.issuer.status.get(licence)
    return Status(published(desk, entry.list_number).entry(entry.list_index))


def revoke(desk: Desk, licence: str, now: datetime = NOW) -> None:
    desk.issuer.status.change(licence, Status.REVOKED, Reason.CANCELLED, now=now)


def set_used(desk: Desk, used: int) -> None:
    with desk.store.write() as connection:
        connection.execute(status_lists.update().values(used=used))


class Network:
    """The same permutation made another way: from a table of its round function."""

    def __init__(self, key: bytes, name: str) -> None:
        self.rounds = [
            [
                int.from_bytes(
                    hmac.digest(key, f"MSB-status-index-1/{name}/{at}/{half}".encode(), "sha256")
                )
                >> 246
                for half in range(1_024)
            ]
            for at in range(8)
        ]

    def forward(self, counter: int) -> int:
        left, right = divmod(counter, 1_024)
        for table in self.rounds:
            left, right = right, left ^ table[right]
        return left * 1_024 + right

    def back(self, place: int) -> int:
        left, right = divmod(place, 1_024)
        for table in reversed(self.rounds):
            left, right = right ^ table[left], left
        return left * 1_024 + right


def test_places_are_a_permutation_of_the_whole_list() -> None:
    network, taken = Network(KEY, NAME), bytearray(ENTRIES)
    for counter in range(ENTRIES):
        taken[network.forward(counter)] = 1
    assert sum(taken) == ENTRIES
    chooser = random.Random(2)
    some = [0, 1, 2, ENTRIES - 1, *(chooser.randrange(ENTRIES) for _ in range(10_000))]
    for counter in some:
        place = scatter(counter, KEY, NAME)
        assert place == network.forward(counter)
        assert network.back(place) == counter


def test_places_depend_on_the_key_and_on_the_list() -> None:
    made = [
        [scatter(counter, key, name) for counter in range(200)]
        for key, name in ((KEY, NAME), (bytes(32), NAME), (KEY, f"{AUTHORITY.code}/1"))
    ]
    assert len({place for places in made for place in places}) > 590


def test_places_look_random() -> None:
    places = [scatter(counter, KEY, NAME) for counter in range(4_096)]
    in_each = [sum(place >> 16 == part for place in places) for part in range(16)]
    assert all(180 < count < 340 for count in in_each), in_each  # 256 expected
    near = sum(abs(one - two) < 1_000 for one, two in pairwise(places))
    assert near < 30  # 8 expected


def test_the_key_of_a_store_scatters_its_places(desk: Desk, licence: str) -> None:
    entry = desk.issuer.status.get(licence)
    key = desk.protector.derived_key("status-index")
    assert (entry.list_number, entry.list_index) == (0, scatter(0, key, NAME))
    assert key not in desk.bytes_on_disk()
    assert hashlib.sha256(key).digest() not in desk.bytes_on_disk()


def test_a_full_list_is_followed_by_the_next(desk: Desk, licence: str) -> None:
    set_used(desk, ENTRIES - 1)
    last = desk.issuer.issue(good_row("2"), now=NOW).identifier.short
    first = desk.issuer.issue(good_row("3"), now=NOW).identifier.short
    second = desk.issuer.issue(good_row("4"), now=NOW).identifier.short
    key = desk.protector.derived_key("status-index")
    entries = [desk.issuer.status.get(one) for one in (licence, last, first, second)]
    assert [(entry.list_number, entry.list_index) for entry in entries] == [
        (0, scatter(0, key, NAME)),
        (0, scatter(ENTRIES - 1, key, NAME)),
        (1, scatter(0, key, f"{AUTHORITY.code}/1")),
        (1, scatter(1, key, f"{AUTHORITY.code}/1")),
    ]
    with desk.store.read() as connection:
        stored = find_licence(connection, first)
    assert stored is not None
    reference = parse_credential(stored.credential).status
    assert (reference.uri, reference.index) == (f"{PREFIX}1", entries[2].list_index)
    assert publish(desk) == ["0", "1"]
    revoke(desk, first)
    assert publish(desk) == ["1"]
    assert [shown(desk, one).name for one in (licence, last, first, second)] == [
        "VALID",
        "VALID",
        "REVOKED",
        "VALID",
    ]


def test_issuers_have_lists_of_their_own(desk: Desk, licence: str) -> None:
    register = desk.issuer.status
    for code in ("11150100MB0000000H", AUTHORITY.code):
        [(number, _)] = register.take(code, 1)
        assert number == 0
    with desk.store.read() as connection:
        rows = connection.execute(status_lists.select()).all()
    assert sorted((row.issuer_code, row.used) for row in rows) == [
        ("11150100MB0000000H", 1),
        (AUTHORITY.code, 2),
    ]
    assert register.get(licence).issuer_code == AUTHORITY.code


@pytest.mark.parametrize("start", list(Status))
@pytest.mark.parametrize("end", list(Status))
def test_a_revocation_is_final_and_a_suspension_is_not(
    desk: Desk, licence: str, start: Status, end: Status
) -> None:
    register = desk.issuer.status
    if start is not Status.VALID:
        register.change(licence, start, REASONS[start], now=NOW)
    allowed = start is not Status.REVOKED and start is not end
    before, later = register.get(licence), NOW + SECOND
    if allowed:
        entry = register.change(licence, end, REASONS[end], now=later)
        assert (entry.status, entry.reason, entry.changed_at) == (end, REASONS[end], later)
        assert register.get(licence) == entry
    elif start is end and start is not Status.VALID:
        assert register.change(licence, end, REASONS[end], now=later) == before  # nothing new
    else:
        with pytest.raises(StatusRefused) as caught:
            register.change(licence, end, REASONS[end], now=later)
        assert start.name.lower() in str(caught.value)
    if not allowed:
        assert register.get(licence) == before


def test_a_revocation_keeps_its_reason(desk: Desk, licence: str) -> None:
    revoke(desk, licence)
    with pytest.raises(StatusRefused):
        desk.issuer.status.change(licence, Status.REVOKED, Reason.PENALTY, now=NOW)
    assert desk.issuer.status.get(licence).reason == "cancelled"


def test_a_change_that_changes_nothing_publishes_nothing(desk: Desk, licence: str) -> None:
    revoke(desk, licence)
    assert publish(desk) == ["0"]
    revoke(desk, licence, NOW + SECOND)
    assert publish(desk) == []


def test_a_licence_that_is_not_there_has_no_state(desk: Desk) -> None:
    with pytest.raises(LicenceNotFound):
        desk.issuer.status.get("x")
    with pytest.raises(LicenceNotFound):
        desk.issuer.status.change("x", Status.REVOKED, Reason.CANCELLED)


def test_an_issuer_without_licences_publishes_nothing(desk: Desk) -> None:
    assert publish(desk) == []


def test_only_changed_lists_are_signed_again(desk: Desk, licence: str) -> None:
    assert publish(desk) == ["0"]
    found = published(desk)
    assert (found.issued_at, found.expires_at) == (NOW, NOW + LIFETIME)
    assert (shown(desk, licence), sum(found.content)) == (Status.VALID, 0)
    assert publish(desk) == []
    desk.issuer.issue(good_row("2"), now=NOW)  # a new licence is valid, as the list says already
    assert publish(desk) == []
    desk.issuer.status.change(licence, Status.SUSPENDED, Reason.UNDER_REVIEW, now=NOW)
    assert publish(desk, NOW + SECOND) == ["0"]
    assert (shown(desk, licence), published(desk).issued_at) == (Status.SUSPENDED, NOW + SECOND)
    desk.issuer.status.change(licence, Status.VALID, Reason.REVIEW_CLOSED, now=NOW)
    revoke(desk, licence)
    assert publish(desk) == ["0"]
    assert shown(desk, licence) is Status.REVOKED
    assert publish(desk) == []
    assert publish(desk, every=True) == ["0"]


def test_a_list_that_grows_old_or_is_gone_is_signed_again(desk: Desk, licence: str) -> None:
    publish(desk)
    assert publish(desk, NOW + LIFETIME / 2 - SECOND) == []
    assert publish(desk, NOW + LIFETIME / 2) == ["0"]
    assert published(desk).expires_at == NOW + LIFETIME * 3 / 2
    (desk.folder / "status" / AUTHORITY.code / "0").unlink()
    assert publish(desk, NOW + LIFETIME / 2) == ["0"]
    assert shown(desk, licence) is Status.VALID


def test_the_folder_holds_whole_files_that_anybody_may_read(desk: Desk, licence: str) -> None:
    revoke(desk, licence)
    publish(desk)
    [path] = (desk.folder / "status" / AUTHORITY.code).iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("0", 0o644)


def test_a_list_is_signed_by_its_issuer_only(desk: Desk, licence: str) -> None:
    assert publish(desk) == ["0"]
    assert licence
    with pytest.raises(SignatureRefused):
        published(desk).envelope.verify(generate_key(KeyKind.P256).public)


class Crash(Exception):
    """The machine stops here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.mark.parametrize("where", ["write_whole", "sign_status_list"])
def test_a_crash_before_the_file_leaves_the_old_one_and_loses_nothing(
    desk: Desk, licence: str, where: str
) -> None:
    publish(desk)
    revoke(desk, licence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(status_module, where, crash)
        with pytest.raises(Crash):
            publish(desk)
    assert shown(desk, licence) is Status.VALID
    assert publish(desk) == ["0"]
    assert shown(desk, licence) is Status.REVOKED


def test_a_crash_after_the_file_publishes_once_more(desk: Desk, licence: str) -> None:
    publish(desk)
    revoke(desk, licence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusRegister, "_published", crash)
        with pytest.raises(Crash):
            publish(desk)
    assert shown(desk, licence) is Status.REVOKED
    assert publish(desk) == ["0"]
    assert publish(desk) == []


@pytest.mark.parametrize("where", ["sign_status_list", "write_whole"])
def test_a_change_during_publication_is_published_next_time(
    desk: Desk, licence: str, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    publish(desk)
    desk.issuer.status.change(licence, Status.SUSPENDED, Reason.UNDER_REVIEW, now=NOW)
    original = getattr(status_module, where)

    def interrupted(*values: object, **named: object) -> object:
        revoke(desk, licence)
        return original(*values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(status_module, where, interrupted)
        assert publish(desk) == ["0"]
    assert shown(desk, licence) is Status.SUSPENDED
    assert publish(desk) == ["0"]
    assert shown(desk, licence) is Status.REVOKED


def test_a_slow_publication_never_covers_a_newer_one(
    desk: Desk, licence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(desk)
    desk.issuer.status.change(licence, Status.SUSPENDED, Reason.UNDER_REVIEW, now=NOW)
    write, held, go_on = files.write_whole, threading.Event(), threading.Event()

    def slowly(path: Path, content: bytes) -> None:
        if not held.is_set():  # the first publisher has read the list, then waits
            held.set()
            assert go_on.wait(30)
        write(path, content)

    monkeypatch.setattr(status_module, "write_whole", slowly)
    first = threading.Thread(target=publish, args=(desk,))
    first.start()
    assert held.wait(30)
    revoke(desk, licence)
    second = threading.Thread(target=publish, args=(desk,))
    second.start()
    second.join(0.5)
    go_on.set()
    first.join(30)
    second.join(30)
    assert not first.is_alive()
    assert not second.is_alive()
    assert shown(desk, licence) is Status.REVOKED
    assert publish(desk) == []


def test_another_process_sees_a_change_at_its_commit(desk: Desk, licence: str) -> None:
    other = Desk.open(desk.folder)
    assert other.issuer.status.get(licence).status is Status.VALID
    revoke(desk, licence)
    assert other.issuer.status.get(licence).status is Status.REVOKED
    assert status_register(other.store, other.protector).get(licence).status is Status.REVOKED
    other.store.close()


def test_every_change_stands_in_the_list_where_it_belongs(desk: Desk) -> None:
    made = [result.issued.identifier.short for result in desk.issue_csv(csv_text(100))
            if result.issued]  # fmt: skip
    revoked, suspended = set(made[::3]), set(made[1::3])
    for licence in sorted(revoked):
        revoke(desk, licence)
    for licence in sorted(suspended):
        desk.issuer.status.change(licence, Status.SUSPENDED, Reason.UNDER_REVIEW, now=NOW)
    publish(desk)
    for licence in made:
        expected = Status.REVOKED if licence in revoked else Status.VALID
        assert shown(desk, licence) is (Status.SUSPENDED if licence in suspended else expected)
    content = published(desk).content
    assert len(content) * 4 == ENTRIES
    assert sum((byte >> shift & 3) != 0 for byte in content for shift in (0, 2, 4, 6)) == len(
        revoked | suspended
    )
