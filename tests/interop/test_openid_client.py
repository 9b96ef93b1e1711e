"""npm's openid-client signs in, refreshes, asks and signs out at the example's provider."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.envelopes.jose import private_jwk, public_jwk
from msb_identity.pki.keys import KeyKind, generate_key
from tests.interop.running import Browser, free_port
from tests.support import ROOT, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.interop.running import World

FOLDER = ROOT / "tests" / "interop"


class Client:
    """The script openid_client.mjs; a step is a line there and a line back."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, step: str, **given: Any) -> Any:  # noqa: ANN401 - JSON
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"step": step, **given}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "failed" not in answer, answer
        return answer

    def fails(self, step: str, **given: Any) -> str:  # noqa: ANN401 - JSON
        with pytest.raises(AssertionError) as caught:
            self(step, **given)
        return str(caught.value)


@pytest.fixture
def openid_client() -> Iterator[Client]:
    node = shutil.which("node") or missing("node", "the program node is not installed")
    if not (FOLDER / "node_modules" / "openid-client").is_dir():
        missing("node", "openid-client is not installed: run scripts/setup")
    with subprocess.Popen(
        [node, str(FOLDER / "openid_client.mjs")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Client(process)
        assert process.stdin is not None
        process.stdin.close()


def credentials(world: World, how: str, name: str, **registration: Any) -> dict[str, Any]:  # noqa: ANN401
    """Register a client that proves itself so, and give what it needs to."""
    if how == "secret":
        return {"secret": world.register(name, **registration)}
    key = generate_key(KeyKind.P256)
    public = public_jwk(key.public)
    world.register(name, authentication="private_key_jwt", keys={"keys": [public]}, **registration)
    return {"key": {**private_jwk(key), "alg": "ES256", "kid": public["kid"]}}


@pytest.mark.parametrize(
    ("kind", "alg", "how"),
    [(KeyKind.P256, "ES256", "secret"), (KeyKind.RSA, "RS256", "key")],
    ids=str,
)
def test_the_whole_way_from_sign_in_to_sign_out(
    world: World, openid_client: Client, kind: KeyKind, alg: str, how: str
) -> None:
    name, port = f"node-{alg.lower()}", free_port()
    home = f"http://127.0.0.1:{port}/"
    registered = {
        "redirect_addresses": (f"{home}back",),
        "signed_out_addresses": (f"{home}bye",),
        "logout_address": f"{home}ended",
        "token_key": kind,
    }
    given = credentials(world, how, name, **registered)
    openid_client(
        "discover",
        issuer=world.issuer,
        client_id=name,
        redirect_uri=f"{home}back",
        scope="openid profile",
        alg=alg,
        **given,
    )
    openid_client("listen", port=port)
    browser = Browser()

    url = openid_client("authorize")["url"]
    back = world.sign_in(browser, url, f"{home}back")
    signed_in = openid_client("callback", url=back.url)
    claims = signed_in["claims"]
    assert claims["iss"] == world.issuer
    assert claims["acr"] == "urn:msb:aal:1"
    assert claims["amr"] == ["pwd"]

    assert openid_client("userinfo")["name"] == "张*"
    told = openid_client("introspect")
    assert told["active"] is True
    assert told["sid"] == claims["sid"]
    assert openid_client("refresh") == {"rotated": True, "renewed": True}

    bye = browser.get(openid_client("logout", back_to=f"{home}bye")["url"], f"{home}bye")
    assert bye.url.startswith(f"{home}bye")
    deadline = time.monotonic() + 10
    while not (notices := openid_client("notices")["notices"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    [notice] = notices
    assert notice["claims"]["sid"] == claims["sid"], notice
    assert notice["header"]["alg"] == alg
    assert openid_client("introspect") == {"active": False}
    assert "invalid_grant" in openid_client.fails("refresh")


def test_the_lock_file_names_hashes_and_no_addresses() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text("utf-8"))
    locked = {name: package for name, package in lock["packages"].items() if name}
    assert locked
    assert all(package["integrity"].startswith("sha512-") for package in locked.values())
    assert "://" not in json.dumps(lock)


def test_a_code_is_good_once_and_with_its_verifier_only(
    world: World, openid_client: Client
) -> None:
    home = "http://127.0.0.1:9/"
    secret = world.register("node-once", redirect_addresses=(f"{home}back",))
    openid_client(
        "discover",
        issuer=world.issuer,
        client_id="node-once",
        redirect_uri=f"{home}back",
        scope="openid",
        alg="ES256",
        secret=secret,
    )
    browser = Browser()
    back = world.sign_in(browser, openid_client("authorize")["url"], f"{home}back")
    openid_client("authorize")  # other state, nonce and verifier: this answer is not to it
    openid_client.fails("callback", url=back.url)
    again = browser.get(openid_client("authorize")["url"], f"{home}back")
    openid_client("callback", url=again.url)
    assert "invalid_grant" in openid_client.fails("callback", url=again.url)
