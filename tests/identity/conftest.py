"""The world of the identity tests: one store, one person, a sender that only records."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store
from msb_identity.people import Accounts, Identifier, IdentifierKind
from msb_identity.signin.sms import SmsSignIn
from msb_identity.sso.sessions import Session, Sessions
from msb_identity.tables import TABLES
from tests.support import run_race

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import MetaData

    from msb_identity.people import Person
    from msb_identity.sso.sessions import NewSession

NAME, NUMBER, MOBILE = "张三", "11010519491231002X", "13800138000"
NOW = datetime(2026, 1, 31, 4, 0, tzinfo=UTC)


@dataclass
class FakeSender:
    """Sends nothing: keeps what it was given."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, mobile: str, text: str) -> None:
        self.sent.append((mobile, text))

    @property
    def last_code(self) -> str:
        found = re.search(r"[0-9]{6}", self.sent[-1][1])
        assert found is not None
        return found[0]


@dataclass
class World:
    folder: Path
    url: str
    store: Store
    protector: Protector
    accounts: Accounts
    sender: FakeSender
    sms: SmsSignIn
    sessions: Sessions
    name: str = NAME
    number: str = NUMBER
    mobile: str = MOBILE
    now: datetime = NOW

    def register(self) -> Person:
        return self.accounts.register(
            name=NAME, identity_number=NUMBER, mobile=MOBILE, level=3, method="counter", now=NOW
        )

    def register_proven(self) -> Person:
        """The same, whose mobile number was proven too."""
        mobile = Identifier.of(IdentifierKind.MOBILE, MOBILE)
        return self.accounts.link(self.register().id, mobile, method="sms", now=NOW)

    def bytes_on_disk(self) -> bytes:
        """All of the database: its file, its log of writes, its index; or what a dump shows."""
        if self.url.startswith("sqlite"):
            return b"".join(path.read_bytes() for path in self.folder.glob("store.sqlite*"))
        with self.store.read() as connection:
            rows = [
                row
                for made in TABLES
                for table in made.tables.values()
                for row in connection.execute(table.select())
            ]
        values = [value for row in rows for value in row]
        assert values
        return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)


def plain(session: NewSession) -> Session:
    """The session as everybody but its browser sees it."""
    return Session(**{one.name: getattr(session, one.name) for one in fields(Session)})


@pytest.fixture(scope="session")
def store_tables() -> Sequence[MetaData]:
    return TABLES


@pytest.fixture
def world(tmp_path: Path, prepared_url: str) -> Iterator[World]:
    store = Store.open(prepared_url, *TABLES)
    protector = Protector.from_folder(store, tmp_path / "keys")
    people, sender = Accounts(store, protector), FakeSender()
    yield World(
        folder=tmp_path,
        url=prepared_url,
        store=store,
        protector=protector,
        accounts=people,
        sender=sender,
        sms=SmsSignIn(store, protector, people, sender),
        sessions=Sessions(store),
    )
    store.close()


class Race(Protocol):
    def __call__(self, script: str, *arguments: str, processes: int = 2) -> list[str]: ...


@pytest.fixture
def race() -> Race:
    """Run a script in several processes that all pass `go()` at the same moment.

    The script may call `go()` once, after its preparations; what it prints is given back.
    """
    return run_race


WEAK = {
    "sha1": (["rsa:2048"], "-sha1"),
    "md5": (["rsa:2048"], "-md5"),
    "1024": (["rsa:1024"], "-sha256"),
}


@pytest.fixture(scope="session")
def openssl_weak(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[bytes, bytes]]:
    """Roots and leaves whose algorithms prove too little."""
    made = _OpensslPairs(program("openssl"), tmp_path_factory.mktemp("weak"))
    return {name: made.pair(name, *key, digest) for name, (key, digest) in WEAK.items()}


@pytest.fixture(scope="session")
def openssl_unknown(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[bytes, bytes]]:
    """Roots and leaves of kinds that we do not have, by what a report must call them."""
    made = _OpensslPairs(program("openssl"), tmp_path_factory.mktemp("unknown"))
    return {
        "P-384": made.pair("p384", "ec", "-sha384", "-pkeyopt", "ec_paramgen_curve:P-384"),
        "Ed448": made.pair("ed448", "ed448", ""),
    }


class _OpensslPairs:
    """Makes a root and a leaf of the same kind with the program openssl."""

    def __init__(self, openssl: str, folder: Path) -> None:
        self._openssl, self._folder = openssl, folder

    def pair(self, name: str, key: str, digest: str, *more: str) -> tuple[bytes, bytes]:
        root, leaf = self._folder / f"{name}-root", self._folder / f"{name}-leaf"
        hashed = [digest] if digest else []
        self._run(
            "req",
            "-x509",
            "-newkey",
            key,
            *more,
            *hashed,
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-days",
            "900",
            "-keyout",
            f"{root}.key",
            "-out",
            f"{root}.pem",
        )
        self._run(
            "req",
            "-newkey",
            key,
            *more,
            *hashed,
            "-nodes",
            "-subj",
            f"/CN={name} leaf",
            "-keyout",
            f"{leaf}.key",
            "-out",
            f"{leaf}.csr",
        )
        self._run(
            "x509",
            "-req",
            "-in",
            f"{leaf}.csr",
            "-CA",
            f"{root}.pem",
            "-CAkey",
            f"{root}.key",
            *hashed,
            "-days",
            "900",
            "-CAcreateserial",
            "-out",
            f"{leaf}.pem",
        )
        return Path(f"{root}.pem").read_bytes(), Path(f"{leaf}.pem").read_bytes()

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], check=True, capture_output=True)


@pytest.fixture
def openssl(program: Callable[[str], str]) -> Callable[..., bytes]:
    path = program("openssl")

    def run(*arguments: str | Path, data: bytes = b"") -> bytes:
        done = subprocess.run([path, *arguments], input=data, capture_output=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    return run
