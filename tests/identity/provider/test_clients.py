"""What a client can be registered with, and by command."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from msb_identity.cli import main
from msb_identity.envelopes.jose import private_jwk, public_jwk
from msb_identity.errors import ClientRefused
from msb_identity.pki.keys import KeyKind, generate_key
from msb_identity.sso.addresses import check_address
from msb_identity.sso.clients import Registration
from msb_identity.sso.http import WebResponse
from msb_identity.sso.provider import Endpoint
from tests.identity.provider.world import (
    BACK,
    NOW,
    PORTAL,
    Portal,
    ProviderWorld,
    back,
    error,
    good,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = generate_key(KeyKind.P256)
GOOD_ADDRESSES = [
    BACK,
    f"{PORTAL}/",
    f"{PORTAL}/a/b/",
    f"{PORTAL}:8443/back?area=1&x=%E4%B8%AD",
    "http://127.0.0.1:8000/back",
    "http://[::1]:8000/back",
    "https://10.1.2.3/back",
    "https://xn--fiqs8s.example/back",
]
BAD_ADDRESSES = [
    "",
    PORTAL,
    "http://portal.example.gov.cn/back",
    "http://localhost:8000/back",
    "http://127.0.0.1.example/back",
    "http://127.1/back",
    "http://2130706433/back",
    "https://0x7f000001/back",
    f"{BACK}#x",
    f"{PORTAL}/*",
    "https://*.example.gov.cn/back",
    "https://Portal.example.gov.cn/back",
    "https://portal.example.gov.cn:443/back",
    "https://portal.example.gov.cn:0/back",
    "https://portal.example.gov.cn:/back",
    "https://portal.example.gov.cn:x/back",
    "https://portal.example.gov.cn:08443/back",
    "https://me@portal.example.gov.cn/back",
    "https://portal.example.gov.cn./back",
    "https://-portal.example.gov.cn/back",
    "https://portal..example/back",
    "https:///back",
    "https://[::1/back",
    "https://[0:0:0:0:0:0:0:1]/back",
    "https://portal.example.gov.cn/a/../back",
    "https://portal.example.gov.cn/./back",
    "https://portal.example.gov.cn//back",
    "https://portal.example.gov.cn/%2e%2e/back",
    "https://portal.example.gov.cn/a%2fback",
    "https://portal.example.gov.cn/a%5cback",
    "https://portal.example.gov.cn/a%00",
    "https://portal.example.gov.cn/%e4",
    "https://portal.example.gov.cn/100%",
    "https://portal.example.gov.cn\\back",
    "https://portal.example.gov.cn/a b",
    "https://portal.example.gov.cn/中",
    "https://中.example/back",
    "https://portal.example.gov.cn/\n",
    "javascript:alert(1)",
    "com.example.app:/back",
    "//portal.example.gov.cn/back",
    f"{PORTAL}/{'x' * 1_000}",
]


@pytest.mark.parametrize("address", GOOD_ADDRESSES)
def test_an_address_in_its_one_spelling_is_taken(address: str) -> None:
    assert check_address(address) == address


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_an_address_that_could_be_read_in_two_ways_is_refused(address: str) -> None:
    with pytest.raises(ClientRefused):
        check_address(address)


BASE: dict[str, Any] = {"name": "门户", "redirect_addresses": [BACK], "audience": PORTAL}
WRONG: dict[str, dict[str, Any]] = {
    "no name": {"name": " "},
    "a name with a control": {"name": "a\x1b[2J"},
    "no audience": {"audience": ""},
    "an audience with a space": {"audience": "a b"},
    "a person's id": {"id": "a" * 26},
    "an id with a slash": {"id": "a/b"},
    "a long id": {"id": "a" * 65},
    "no address": {"redirect_addresses": []},
    "a bad address": {"redirect_addresses": [f"{BACK}#"]},
    "a bad signed-out address": {"signed_out_addresses": ["x"]},
    "too many addresses": {"redirect_addresses": [f"{BACK}/{n}" for n in range(21)]},
    "an empty logout address": {"logout_address": ""},
    "a scope with a space": {"scopes": ["a b"]},
    "the implicit grant": {"grants": ["implicit"]},
    "the password grant": {"grants": ["password"]},
    "no grant": {"grants": []},
    "refresh without code": {"grants": ["refresh_token"], "redirect_addresses": []},
    "a public system": {"authentication": "none", "grants": ["client_credentials"]},
    "keys for a secret": {"keys": {"keys": [public_jwk(KEY.public)]}},
    "no keys": {"authentication": "private_key_jwt"},
    "a private key": {
        "authentication": "private_key_jwt",
        "keys": {"keys": [private_jwk(KEY)]},
    },
    "a symmetric key": {
        "authentication": "private_key_jwt",
        "keys": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "1"}]},
    },
    "empty keys": {"authentication": "private_key_jwt", "keys": {"keys": []}},
    "another way": {"authentication": "client_secret_jwt"},
    "an unknown field": {"redirect_uris": [BACK]},
    "a matter that is none": {"mandate_scope": "A B"},
    "a negative level": {"level": -1},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG)
def test_a_registration_that_cannot_work_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ClientRefused) as refused:
        Registration.read(BASE | changed)
    assert refused.value.zh
    assert refused.value.en


def test_what_is_registered_is_read_back(sso: ProviderWorld) -> None:
    jwks = {"keys": [public_jwk(KEY.public)]}
    portal = sso.register(authentication="private_key_jwt", keys=jwks, level=3)
    assert sso.clients.get("portal") == portal.client
    assert sso.clients.get("x" * 1_000) is None


def test_an_id_is_given_once(sso: ProviderWorld) -> None:
    sso.register()
    with pytest.raises(ClientRefused):
        sso.register()
    assert sso.clients.end("portal", sso.cutoffs, now=NOW)
    assert not sso.clients.end("portal", sso.cutoffs, now=NOW)
    with pytest.raises(ClientRefused):  # not even after its end: old tokens name it
        sso.register()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"acr": "urn:msb:aal2"}, "acr"),
        ({"acr": "URN:MSB:AAL:2"}, "acr"),
        ({"token_key": "RSA"}, "token-key"),
    ],
)
def test_what_the_provider_has_not_is_not_registered_and_never_taken_for_nothing(
    sso: ProviderWorld, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], code: str
) -> None:
    sso.ring.signer(now=NOW)
    with pytest.raises(ClientRefused) as refused:
        sso.register(**changed)
    assert refused.value.code == code
    # Nor where scale or ring changed since it was registered.
    portal, session = sso.register(), sso.sign_in(acr="urn:msb:aal:3")
    tokens, unused = sso.tokens(portal, session), sso.code(session)
    values = portal.client.registration.model_dump(mode="json", exclude_none=True) | changed
    now_is = replace(portal.client, registration=Registration.read(values))
    monkeypatch.setattr(sso.clients, "live", lambda _: now_is)
    answer = sso.authorize(session)
    assert isinstance(answer, WebResponse)
    assert back(answer)["error"] == "unauthorized_client"
    assert error(sso.refresh(portal, tokens["refresh_token"])) == "unauthorized_client"
    assert error(sso.exchange(portal, unused)) == "unauthorized_client"
    monkeypatch.undo()
    good(sso.exchange(portal, unused))  # the code was not used up


def test_clients_are_listed_a_page_at_a_time(sso: ProviderWorld) -> None:
    for number in range(5):
        sso.register(id=f"portal-{number}")
    first = sso.clients.page(limit=3)
    assert [client.id for client in first] == ["portal-0", "portal-1", "portal-2"]
    rest = sso.clients.page(after=first[-1].id, limit=3)
    assert [client.id for client in rest] == ["portal-3", "portal-4"]


def _command(sso: ProviderWorld, folder: Path, *arguments: str) -> int:
    keys = str(folder / "keys")
    return main(["client", *arguments, "--store", sso.url, "--keys", keys])


FILE = """
id = "portal"
name = "政务服务网"
redirect_addresses = ["https://portal.example.gov.cn/back"]
audience = "https://portal.example.gov.cn"
"""


def test_a_client_is_registered_shown_and_ended_by_command(
    sso: ProviderWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, secret = tmp_path / "portal.toml", tmp_path / "portal.secret"
    file.write_text(FILE)
    assert _command(sso, tmp_path, "add", str(file), "--secret", str(secret)) == 0
    said = secret.read_text().strip()
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    client = sso.clients.live("portal")
    assert client is not None
    portal = Portal(client, said)
    assert good(sso.post(Endpoint.INTROSPECT, {"token": "x"}, portal.headers)) == {"active": False}
    assert _command(sso, tmp_path, "show", "portal", "--json") == 0
    assert _command(sso, tmp_path, "list") == 0
    assert _command(sso, tmp_path, "end", "portal") == 0
    shown = capsys.readouterr()
    assert said not in shown.out + shown.err
    assert '"redirect_addresses"' in shown.out
    assert sso.clients.live("portal") is None
    assert _command(sso, tmp_path, "end", "portal") == 2
    assert _command(sso, tmp_path, "show", "nobody") == 2


def test_a_secret_without_a_file_registers_nothing(
    sso: ProviderWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, there = tmp_path / "portal.toml", tmp_path / "there"
    file.write_text(FILE)
    there.write_text("x")
    assert _command(sso, tmp_path, "add", str(file)) == 2
    assert _command(sso, tmp_path, "add", str(file), "--secret", str(there)) == 2
    assert _command(sso, tmp_path, "add", str(file), "--secret", "-") == 2
    assert sso.clients.get("portal") is None
    assert "--secret" in capsys.readouterr().err


def test_a_refused_registration_leaves_no_secret_behind(
    sso: ProviderWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, secret = tmp_path / "portal.toml", tmp_path / "portal.secret"
    file.write_text(FILE)
    sso.register()
    assert _command(sso, tmp_path, "add", str(file), "--secret", str(secret)) == 2
    assert not secret.exists()
    assert "登记过" in capsys.readouterr().err
    file.write_text(FILE.replace("/back", "/back#"))
    assert _command(sso, tmp_path, "add", str(file), "--secret", str(secret)) == 2


def test_a_client_is_changed_and_given_a_new_secret_by_command(
    sso: ProviderWorld, tmp_path: Path
) -> None:
    portal, session = sso.register(), sso.sign_in()
    tokens = sso.tokens(portal, session)
    file, secret = tmp_path / "portal.toml", tmp_path / "portal.secret"
    file.write_text(f"{FILE}level = 9\n")
    assert _command(sso, tmp_path, "change", "other", str(file)) == 2
    assert _command(sso, tmp_path, "change", "portal", str(file)) == 0
    assert sso.is_active(portal, tokens["access_token"])
    changed = sso.clients.live("portal")
    assert changed is not None
    assert changed.registration.level == 9
    assert error(sso.refresh(portal, tokens["refresh_token"])) == "invalid_grant"
    assert _command(sso, tmp_path, "change", "portal", str(file), "--secret", str(secret)) == 0
    assert error(sso.refresh(portal, tokens["refresh_token"]), 401) == "invalid_client"
    anew = Portal(changed, secret.read_text().strip())
    assert sso.is_active(anew, tokens["access_token"])
    assert sso.clients.end("portal", sso.cutoffs, now=NOW)
    assert _command(sso, tmp_path, "change", "portal", str(file)) == 2


def test_a_client_of_keys_needs_no_file(
    sso: ProviderWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "system.toml"
    jwk = public_jwk(KEY.public)
    members = "\n".join(f"{name} = {json.dumps(value)}" for name, value in jwk.items())
    file.write_text(f'{FILE}\nauthentication = "private_key_jwt"\n[[keys.keys]]\n{members}\n')
    assert _command(sso, tmp_path, "add", str(file)) == 0
    assert _command(sso, tmp_path, "show", "portal") == 0
    assert jwk["kid"] in capsys.readouterr().out
