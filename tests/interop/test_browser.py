"""A real browser: into two portals with one sign-in, out of both with one sign-out."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from msb_wallet.codes.qr import read_picture
from tests.support import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from tests.interop.running import Started, World

PICTURES = "MSB_PICTURES"
"""Names a folder to leave pictures of the pages in, for whoever wants to look at them."""
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or missing("browser", "the program chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page of a fresh profile that fails the test for whatever the page's policy forbids."""
    context = chromium.new_context(locale="zh-CN")
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    yield opened
    context.close()
    assert [text for text in said if "Content Security Policy" in text] == []


def look(page: Page, name: str) -> None:
    """Check that nothing sticks out sideways, and leave a picture where one is wanted."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        if folder := os.environ.get(PICTURES):
            page.screenshot(path=Path(folder) / f"{name}-{size}.png", full_page=True)


def sign_in(page: Page, password: str) -> None:
    page.get_by_role("link", name="账号密码").click()
    page.get_by_label("手机号或身份证号").fill("13800138000")
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()


def test_in_once_is_in_everywhere_and_out_once_is_out_everywhere(
    world: World, portals: tuple[Started, Started], page: Page
) -> None:
    land, taxes = portals
    page.goto(land.url)
    look(page, "1-portal")
    page.get_by_role("link", name="登录办理").click()
    look(page, "2-sign-in-sms")
    page.get_by_role("link", name="账号密码").click()
    look(page, "3-sign-in-password")
    sign_in(page, "wrong password")
    assert page.get_by_role("alert").inner_text().startswith("账号或密码错误")
    look(page, "4-refused")
    sign_in(page, world.password)
    page.wait_for_url(f"{land.url}/permits")
    look(page, "5-signed-in")

    page.goto(f"{taxes.url}/permits")
    assert page.url == f"{taxes.url}/permits", "no second sign-in"

    page.goto(world.issuer)
    look(page, "6-account")

    page.goto(f"{land.url}/permits")
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url(f"{land.url}/")
    page.goto(f"{land.url}/permits")
    assert page.url.startswith(world.issuer)
    deadline = time.monotonic() + 10
    page.goto(f"{taxes.url}/permits")
    while not page.url.startswith(world.issuer) and time.monotonic() < deadline:
        time.sleep(0.1)
        page.goto(f"{taxes.url}/permits")
    assert page.url.startswith(world.issuer)

    for one in (land, taxes, world.provider):
        one.stop()
    for one in (world.provider, land, taxes):
        one.start()
    for portal in portals:
        page.goto(f"{portal.url}/permits")
        assert page.url.startswith(world.issuer), "still out after all have started anew"


def test_a_stronger_sign_in_is_asked_for_where_one_is_needed(
    world: World, portals: tuple[Started, Started], page: Page
) -> None:
    land, _ = portals
    page.goto(f"{land.url}/permits")
    sign_in(page, world.password)
    page.wait_for_url(f"{land.url}/permits")
    page.get_by_role("link", name="办理过户").click()
    assert "再用一种方式" in page.get_by_role("alert").inner_text()
    look(page, "7-stronger")
    page.get_by_label("手机号").fill("13800138000")
    page.get_by_role("button", name="获取验证码").click()
    look(page, "8-code")
    [*_, code] = re.findall(r"验证码 ([0-9]{6})", world.provider.out)
    page.get_by_label("验证码").fill(code)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"{land.url}/transfer")
    look(page, "9-transfer")


def test_a_page_is_let_in_by_who_scans_its_code(
    world: World, portals: tuple[Started, Started], page: Page, chromium: Browser
) -> None:
    land, _ = portals
    page.goto(f"{land.url}/permits")
    page.get_by_role("link", name="扫码").click()
    look(page, "10-scan")
    picture = page.get_by_role("img", name="登录二维码").screenshot()
    [code] = read_picture(picture)
    number = page.locator(".number").inner_text()

    with chromium.new_context(locale="zh-CN") as other:
        app = other.new_page()
        app.goto(f"{world.issuer}/sign-in")
        sign_in(app, world.password)
        app.goto(f"{world.issuer}/scan")
        app.get_by_label("二维码内容").fill(code)
        app.get_by_role("button", name="扫一扫").click()
        look(app, "11-confirm")
        app.get_by_role("button", name=number).click()
        assert "已确认登录" in app.get_by_role("alert").inner_text()
    page.wait_for_url(f"{land.url}/permits")


def test_cookies_are_closed_to_scripts_and_bound_to_their_host(
    world: World, portals: tuple[Started, Started], page: Page
) -> None:
    land, _ = portals
    page.goto(f"{land.url}/permits")
    sign_in(page, world.password)
    page.wait_for_url(f"{land.url}/permits")
    assert page.evaluate("document.cookie") == ""
    cookies = page.context.cookies()
    assert {cookie["name"] for cookie in cookies} == {
        "__Host-msb-browser",
        "__Host-msb-session",
        "__Host-msb-land",
    }
    for cookie in cookies:
        assert cookie["httpOnly"]
        assert cookie["secure"]
        assert cookie["sameSite"] == "Lax"


def test_no_address_that_the_browser_kept_holds_a_token(
    world: World, portals: tuple[Started, Started], page: Page
) -> None:
    """Codes pass once through an address and are dead; tokens and cookies never do."""
    land, _ = portals
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(f"{land.url}/permits")
    sign_in(page, world.password)
    page.wait_for_url(f"{land.url}/permits")
    values = [cookie["value"] for cookie in page.context.cookies()]
    for url in seen:
        assert "eyJ" not in url
        assert not any(value in url for value in values)
        assert world.password not in url
