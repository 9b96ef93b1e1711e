"""Starts the examples as a user would, and plays the browser between them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import httpx

from msb_identity.foundation.store import Store, file_url
from msb_identity.sso.clients import Clients, Registration
from msb_identity.tables import TABLES
from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PATIENCE = 30.0
MAX_STEPS = 12


@dataclass
class Page:
    """Where the browser arrived: the last answer, or the address it was not to follow."""

    url: str
    text: str = ""
    status: int = 0


@dataclass
class Browser:
    """Keeps cookies and follows redirects; stops before an address that begins with `until`.

    On loopback all ports share one host, and `Secure` cookies go over http: as in real browsers.
    """

    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, url: str, until: str = " ") -> Page:
        return self._go("GET", url, None, until)

    def post(self, url: str, form: dict[str, str]) -> Page:
        """Send a form that another site made."""
        return self._go("POST", url, form, " ")

    def submit(self, page: Page, values: dict[str, str], until: str = " ", form: int = 0) -> Page:
        """Fill in a form of the page, the first one unless said otherwise, and send it."""
        found = _Forms()
        found.feed(page.text)
        action, fields = found.forms[form]
        sent = {**fields, **values}
        return self._go("POST", urljoin(page.url, action), sent, until)

    def _go(self, method: str, url: str, form: dict[str, str] | None, until: str) -> Page:
        for _ in range(MAX_STEPS):
            if url.startswith(until):
                return Page(url)
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            with httpx.Client(trust_env=False) as client:
                response = client.request(method, url, data=form, headers={"Cookie": cookie})
            for header in response.headers.get_list("set-cookie"):
                name, _, value = header.partition(";")[0].partition("=")
                if "Max-Age=0" in header:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = value
            if response.status_code not in {302, 303}:
                return Page(url, response.text, response.status_code)
            url, method, form = urljoin(url, response.headers["location"]), "GET", None
        message = f"redirected for ever: {url}"
        raise AssertionError(message)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append((given.get("action") or "", {}))
        elif tag == "input" and self.forms and given.get("name"):
            self.forms[-1][1][str(given["name"])] = given.get("value") or ""


@dataclass
class Started:
    """A program that serves on a port of loopback, and can be stopped and started again."""

    arguments: list[str]
    port: int
    folder: Path
    name: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def out(self) -> str:
        return (self.folder / f"{self.name}.out").read_text("utf-8")

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
        with (self.folder / f"{self.name}.out").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments], stdout=log, stderr=log, env=environment
            )
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(self.out)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class World:
    """The example's provider, and what is registered with it."""

    folder: Path
    provider: Started
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def start(cls, folder: Path) -> World:
        port = free_port()
        script = str(ROOT / "examples" / "provider.py")
        arguments = [script, str(folder / "data"), "--port", str(port)]
        world = cls(folder, Started(arguments, port, folder, "provider"))
        world.provider.start()
        return world

    @property
    def issuer(self) -> str:
        return self.provider.url

    @property
    def password(self) -> str:
        found = re.search(r"password: (\S+)", self.provider.out)
        assert found is not None, self.provider.out
        return found[1]

    def register(self, client_id: str, **registration: Any) -> str:  # noqa: ANN401 - as TOML has it
        """Register a client, as `msb-identity client add` does, and give its secret."""
        values = {
            "id": client_id,
            "name": client_id,
            "audience": client_id,
            "scopes": ("openid", "profile"),
            **registration,
        }
        with closing(Store.open(file_url(self.folder / "data" / "store.sqlite"), *TABLES)) as store:
            _, secret = Clients(store).register(Registration.read(values))
        self.secrets[client_id] = secret or ""
        return self.secrets[client_id]

    def sign_in(self, browser: Browser, url: str, until: str) -> Page:
        """Go to an address of the provider, sign in by password, and come back to the portal."""
        page = browser.get(url, until)
        if page.url.startswith(until):
            return page
        assert page.status == 200, page.text
        ways = re.search(r'href="(/sign-in[^"]*way=password)"', page.text)
        assert ways is not None, page.text
        page = browser.get(urljoin(page.url, ways[1].replace("&amp;", "&")))
        values = {"name": "13800138000", "password": self.password}
        page = browser.submit(page, values, until)
        assert page.url.startswith(until), page.text
        return page

    def portal(self, script: str, client_id: str) -> Started:
        """Register and start a portal of the examples."""
        port = free_port()
        home = f"http://127.0.0.1:{port}/"
        secret = self.register(
            client_id,
            name="示例门户",
            redirect_addresses=(f"{home}sso/callback",),
            signed_out_addresses=(home,),
            logout_address=f"{home}sso/ended",
        )
        file = self.folder / f"{client_id}.secret"
        file.write_text(secret, "utf-8")
        arguments = [str(ROOT / "examples" / script), *_portal_arguments(self, client_id, file)]
        started = Started([*arguments, "--port", str(port)], port, self.folder, client_id)
        started.start()
        return started


def _portal_arguments(world: World, client_id: str, secret_file: Path) -> Sequence[str]:
    store = world.folder / f"{client_id}.sqlite"
    given = {
        "issuer": world.issuer,
        "client": client_id,
        "secret-file": secret_file,
        "audience": client_id,
        "store": store,
    }
    return [part for name, value in given.items() for part in (f"--{name}", str(value))]
