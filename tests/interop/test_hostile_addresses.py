"""The examples' own pages: no address of anybody's making crashes them or leads elsewhere."""

from __future__ import annotations

import re
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin

import httpx
import pytest

from msb_identity.foundation.protect import Protector
from msb_identity.foundation.store import Store, file_url
from msb_identity.people.accounts import Accounts
from msb_identity.signin.desk import SignInDesk
from msb_identity.signin.hashing import Hasher
from msb_identity.signin.passwords import Passwords
from msb_identity.sso.codes import challenge_of
from msb_identity.sso.sessions import Sessions
from msb_identity.tables import TABLES
from tests.interop.running import PATIENCE, Browser

if TYPE_CHECKING:
    from tests.interop.running import Started, World

BACK, BYE = "https://portal.example/back", "https://portal.example/bye"
ELSEWHERE = [
    "//[",
    "//evil.example/authorize",
    "///authorize?x=1",
    "/\\evil.example/authorize",
    "/authorize\\",
    "/authorize?x=\r\nX: 1",
    "/authorize?x=你",
    "https://evil.example/authorize",
    "/sign-in",
]
UNREGISTERED = [
    "https://[",
    "https://你",
    "https://evil.example/back",
    "https://x; script-src *; form-action *",
    f"{BACK}; script-src *",
]


def _sign_in_page(world: World, to: str, place: str = "sign-in") -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.get(f"{world.issuer}/{place}?{urlencode({'to': to, 'way': 'password'})}")


def _ask(client_id: str, redirect_uri: str) -> str:
    asked = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }
    return f"/authorize?{urlencode(asked)}"


@pytest.mark.parametrize("to", ELSEWHERE)
def test_a_page_leads_nowhere_else(world: World, to: str) -> None:
    assert 'name="to" value="/"' in _sign_in_page(world, to).text
    assert _sign_in_page(world, to, "scan-in").status_code == 200


def test_who_signs_in_stays_on_this_site_whatever_the_form_says(world: World) -> None:
    browser = Browser()
    page = browser.get(f"{world.issuer}/sign-in?way=password")
    told = {"name": "13800138000", "password": world.password, "to": "///authorize?x=1"}
    assert browser.submit(page, told).url == f"{world.issuer}/"


def test_a_pages_policy_names_the_registered_portal_and_no_other(world: World) -> None:
    world.register("policy", redirect_addresses=(BACK,))
    answers = [_sign_in_page(world, _ask("policy", address)) for address in UNREGISTERED]
    answers += [_sign_in_page(world, f"/authorize?redirect_uri={BACK}"), _sign_in_page(world, "/")]
    assert {answer.status_code for answer in answers} == {200}
    (policy,) = {answer.headers["Content-Security-Policy"] for answer in answers}
    assert policy.endswith("form-action 'self'")
    good = _sign_in_page(world, _ask("policy", BACK)).headers["Content-Security-Policy"]
    assert good == f"{policy} https://portal.example"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_says_yes_to_signing_out_comes_back_to_the_portal(world: World, method: str) -> None:
    client_id = f"bye-{method}".lower()
    world.register(client_id, redirect_addresses=(BACK,), signed_out_addresses=(BYE,))
    browser = Browser()
    world.sign_in(browser, f"{world.issuer}{_ask(client_id, BACK)}", BACK)
    asked = {"client_id": client_id, "post_logout_redirect_uri": BYE, "state": "s 1"}
    if method == "GET":
        page = browser.get(f"{world.issuer}/logout?{urlencode(asked)}")
    else:
        page = browser.post(f"{world.issuer}/logout", asked)
    assert browser.submit(page, {}, BYE).url == f"{BYE}?state=s+1"


def test_another_person_signs_in_where_the_portal_lets_the_account_be_chosen(world: World) -> None:
    data, password = world.folder / "data", "correct-horse-battery"
    with closing(Store.open(file_url(data / "store.sqlite"), *TABLES)) as store:
        protector = Protector.from_folder(store, data / "keys")
        accounts = Accounts(store, protector)
        desk = SignInDesk(store, protector, sessions=Sessions(store))
        person = accounts.register(name="李四", mobile="13900139000")
        passwords = Passwords(store, protector, accounts, hasher=Hasher(), desk=desk)
        passwords.set(person.id, password)
        world.register("choosing", redirect_addresses=(BACK,))
        browser, asked = Browser(), f"{world.issuer}{_ask('choosing', BACK)}"
        world.sign_in(browser, asked, BACK)
        first = browser.cookies["__Host-msb-session"]
        time.sleep(1.1)  # a sign-in of the very second of the request counts as one made for it
        page = browser.get(f"{asked}&prompt=select_account")
        way = re.search(r'href="(/sign-in[^"]*way=password)"', page.text)
        assert way is not None
        page = browser.get(urljoin(page.url, way[1].replace("&amp;", "&")))
        told = {"name": "13900139000", "password": password}
        page = browser.submit(page, told, BACK)
        assert page.url.startswith(BACK)
        assert Sessions(store).by_secret(first) is None
        now = Sessions(store).by_secret(browser.cookies["__Host-msb-session"])
        assert now is not None
        assert now.subject == person.id


def test_an_idle_connection_holds_up_no_portal(portals: tuple[Started, Started]) -> None:
    for portal in portals:
        with closing(socket.create_connection(("127.0.0.1", portal.port))):
            answer = httpx.get(portal.url, trust_env=False, timeout=PATIENCE / 6)
        assert answer.status_code == 200
