"""统一身份认证 / A complete small provider on loopback: sign-in pages and OpenID endpoints.

    python examples/provider.py FOLDER [--port 8000]

FOLDER keeps the store and the keys. A first start registers 张三 (mobile 13800138000) and prints a
password; text messages are printed, too. Portals are registered by `msb-identity client add`. What
a real platform replaces is here: the pages, the sender of messages, TLS in front. The rest is the
library's.
"""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from _provider_site import Services, Site

from msb_identity.errors import StoreError
from msb_identity.foundation.audit import Audit
from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.people.accounts import Accounts
from msb_identity.people.firms import Firms
from msb_identity.people.mandates import Mandates
from msb_identity.people.staff import Staff
from msb_identity.pki.keys import KeyKind
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.hashing import Hasher
from msb_identity.signin.passwords import Passwords
from msb_identity.signin.scan import ScanSignIn
from msb_identity.signin.sms import ConsoleSender, SmsSignIn
from msb_identity.sso.clients import Clients
from msb_identity.sso.cutoffs import CutOffs
from msb_identity.sso.keyring import KeyRing
from msb_identity.sso.logout_queue import LogoutQueue
from msb_identity.sso.provider import Provider
from msb_identity.sso.sessions import Sessions
from msb_identity.sso.subjects import StoredSubjects
from msb_identity.tables import TABLES
from msb_identity.web import asgi

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"
KINDS = (KeyKind.P256, KeyKind.RSA, KeyKind.SM2)
MOBILE = "13800138000"
DELIVER_SECONDS = 0.5
_log = logging.getLogger("provider")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args(arguments)
    given.folder.mkdir(mode=0o700, exist_ok=True)
    with closing(Store.open(file_url(given.folder / "store.sqlite"), *TABLES)) as store:
        site, queue = open_site(store, given.folder, f"http://{HOST}:{given.port}")
        ended = threading.Event()
        teller = threading.Thread(target=_tell, args=(queue, ended), daemon=True)
        teller.start()
        try:
            app = asgi.application(site.handle)
            uvicorn.run(app, host=HOST, port=given.port, log_level="warning", access_log=False)
        finally:
            ended.set()
            teller.join()
    return 0


def open_site(store: Store, folder: Path, issuer: str) -> tuple[Site, LogoutQueue]:
    """Join the library's parts over one store."""
    protector = Protector.from_folder(store, folder / "keys")
    audit = Audit(store, protector, writer="provider")
    accounts = Accounts(store, protector, audit=audit)
    subjects = StoredSubjects(
        accounts,
        firms=Firms(store, accounts, audit=audit),
        mandates=Mandates(store, accounts, audit=audit),
        staff=Staff(store, protector, audit=audit),
    )
    cutoffs = CutOffs(store)
    sessions = Sessions(store, cut_offs=cutoffs, audit=audit)
    desk = SignInDesk(store, protector, sessions=sessions, audit=audit)
    passwords = Passwords(store, protector, accounts, hasher=Hasher(), desk=desk, audit=audit)
    ring, clients = KeyRing(store, protector, kinds=KINDS), Clients(store, audit=audit)
    provider = Provider(
        issuer,
        store=store,
        protector=protector,
        ring=ring,
        clients=clients,
        sessions=sessions,
        cutoffs=cutoffs,
        subjects=subjects,
        audit=audit,
    )
    _first_person(accounts, passwords)
    sms = SmsSignIn(store, protector, accounts, ConsoleSender(), desk=desk)
    scans = ScanSignIn(store, protector, desk=desk)
    services = Services(protector, sessions, sms, scans, passwords, provider)
    queue = LogoutQueue(issuer, store=store, ring=ring, clients=clients, audit=audit)
    return Site(services), queue


def _first_person(accounts: Accounts, passwords: Passwords) -> None:
    """Register somebody to sign in as, once."""
    if accounts.by_mobile(MOBILE) is not None:
        return
    person = accounts.register(name="张三", identity_number="11010519491231002X", mobile=MOBILE)
    password = secrets.token_urlsafe(12)
    passwords.set(person.id, password)
    sys.stdout.write(f"手机号 / mobile: {MOBILE}\n密码 / password: {password}\n")
    sys.stdout.flush()


def _tell(queue: LogoutQueue, ended: threading.Event) -> None:
    """Tell portals of sessions that have ended, every half a second."""
    while not ended.wait(DELIVER_SECONDS):
        try:
            queue.deliver()
        except StoreError:
            _log.exception("the queue of logout notices could not be read")


if __name__ == "__main__":
    sys.exit(main())
