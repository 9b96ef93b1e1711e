"""Cookies are bound to their host, and what is not ours is not read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from msb_identity.sso.http import WebRequest
from msb_identity.web.cookies import MAX_COOKIE_CHARS, drop_cookie, read_cookie, set_cookie


def request(*cookies: str) -> WebRequest:
    return WebRequest.of("GET", "/", headers=[("Cookie", cookie) for cookie in cookies])


def test_a_cookie_carries_all_that_its_prefix_demands() -> None:
    name, value = set_cookie("msb-session", "abc_-1", life=timedelta(hours=1))
    assert name == "Set-Cookie"
    first, *attributes = value.split("; ")
    assert first == "__Host-msb-session=abc_-1"
    assert {*attributes} == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=3600"}
    assert read_cookie(request(first), "msb-session") == "abc_-1"
    assert "Max-Age=0" in drop_cookie("msb-session")[1]
    assert "Max-Age" not in set_cookie("msb-session", "abc")[1]


@pytest.mark.parametrize("value", ["", "a b", "a;b", "a\r\nSet-Cookie: x=y", "a,b", "é", "a" * 513])
def test_a_value_that_could_say_more_is_not_set(value: str) -> None:
    with pytest.raises(ValueError, match="cookie's name and value"):
        set_cookie("msb-session", value)


@pytest.mark.parametrize(
    "cookies",
    [
        (),
        ("msb-session=a",),
        ("__Host-msb-session",),
        ("__Host-msb-session=",),
        ('__Host-msb-session="a"',),
        ("__Host-msb-session=a b",),
        ("__Host-msb-session=a; __Host-msb-session=b",),
        ("__Host-msb-session=a", "__Host-msb-session=b"),
        ("__host-msb-session=a",),
        ("x=" + "y" * MAX_COOKIE_CHARS + "; __Host-msb-session=a",),
    ],
)
def test_what_is_not_one_cookie_of_ours_is_none(cookies: tuple[str, ...]) -> None:
    assert read_cookie(request(*cookies), "msb-session") is None


def test_a_cookie_is_found_among_others() -> None:
    assert read_cookie(request("a=b; __Host-msb-session=c;d", "e=f"), "msb-session") == "c"
