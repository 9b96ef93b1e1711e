"""Pages of the examples: bilingual, without scripts, readable on a phone."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode, urlsplit

from msb_identity.sso.http import NO_STORE, WebResponse

STYLE_PATH = "/style.css"
STYLE = """
:root { --ink: #1b2530; --soft: #586675; --line: #d5dde5; --ground: #eef2f6; --brand: #14508f;
  --bad: #a4161a; --good: #0b6b3a; color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; color: var(--ink);
  background: var(--ground); line-height: 1.6; font-family: "Noto Sans SC", "Noto Sans CJK SC",
  "PingFang SC", "Microsoft YaHei", system-ui, sans-serif; }
header { background: var(--brand); color: #fff; padding: 1rem 1.25rem; }
header p { margin: 0 auto; max-width: 56rem; font-size: 1.15rem; font-weight: 600; }
header small { font-weight: 400; opacity: .85; margin-left: .5rem; }
main { width: 100%; max-width: 27rem; margin: 0 auto; padding: 1.5rem 1.25rem 3rem; flex: 1; }
main.wide { max-width: 58rem; }
.card { background: #fff; border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem;
  margin-bottom: 1.25rem; box-shadow: 0 1px 3px rgb(20 40 60 / 8%); }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
h1 small, h2 small, .en { display: block; color: var(--soft); font-weight: 400; font-size: .82em; }
label { display: block; margin: 1rem 0 .3rem; font-weight: 600; font-size: .95rem; }
label small { color: var(--soft); font-weight: 400; margin-left: .35rem; }
input { width: 100%; font: inherit; padding: .65rem .75rem; border: 1px solid #8897a6;
  border-radius: .5rem; background: #fff; color: inherit; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid #f2a900;
  outline-offset: 2px; }
button, .button { display: block; width: 100%; margin-top: 1.25rem; padding: .7rem 1rem;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  color: #fff; background: var(--brand); border: 1px solid var(--brand); border-radius: .5rem; }
button.quiet, .button.quiet { color: var(--brand); background: #fff; }
button small, .button small { font-weight: 400; margin-left: .4rem; opacity: .9; }
nav { display: flex; gap: .25rem; margin: 1rem 0 .25rem; border-bottom: 1px solid var(--line); }
nav a { flex: 1; padding: .5rem .25rem; text-align: center; text-decoration: none;
  color: var(--soft); border-bottom: 3px solid transparent; font-size: .95rem; }
nav a[aria-current] { color: var(--brand); font-weight: 600; border-color: var(--brand); }
.notice { border-left: .3rem solid var(--bad); background: #fdf1f1; padding: .6rem .8rem;
  border-radius: .25rem; margin: 1rem 0 0; }
.notice.good { border-color: var(--good); background: #effaf3; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1rem; margin: .75rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.row { display: flex; gap: 1rem; align-items: center; border-top: 1px solid var(--line);
  padding: .75rem 0; } .row div { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.row button { width: auto; margin: 0; padding: .4rem .8rem; }
.code { text-align: center; } .code img { width: 14rem; max-width: 100%; }
.number { margin: 0 0 .5rem; font-size: 2.2rem; font-weight: 700; letter-spacing: .2em;
  color: var(--brand); }
footer { text-align: center; color: var(--soft); font-size: .85rem; padding: 1rem; }
"""


def say(zh: str, en: str, *, tag: str = "p") -> str:
    """Write a sentence in both languages."""
    return f'<{tag}>{escape(zh)} <small class="en" lang="en">{escape(en)}</small></{tag}>'


def heading(zh: str, en: str) -> str:
    """Write a card's heading."""
    return say(zh, en, tag="h1")


def tabs(items: list[tuple[str, str, str, bool]]) -> str:
    """Write links to ways of doing one thing: address, Chinese, English, whether it is this one."""
    links = "".join(
        f'<a href="{escape(address)}"{" aria-current=page" if chosen else ""}>{escape(zh)}'
        f'<small class="en" lang="en">{escape(en)}</small></a>'
        for address, zh, en, chosen in items
    )
    return f"<nav>{links}</nav>"


def row(title: str, detail: str, action: str = "") -> str:
    """Write one row of a list."""
    small = f'<small class="en">{escape(detail)}</small>'
    return f'<div class="row"><div>{escape(title)}{small}</div>{action}</div>'


def facts(items: list[tuple[str, str]]) -> str:
    """Write names and values."""
    return f"<dl>{''.join(f'<dt>{escape(n)}</dt><dd>{escape(v)}</dd>' for n, v in items)}</dl>"


def card(content: str) -> str:
    """Frame what belongs together."""
    return f'<div class="card">{content}</div>'


def query(**parameters: str) -> str:
    """Write the query of an address."""
    return urlencode(parameters)


def notice(zh: str, en: str, *, good: bool = False) -> str:
    """Write what the person must see first; screen readers say it at once."""
    kind = "notice good" if good else "notice"
    text = f'{escape(zh)}<span class="en" lang="en">{escape(en)}</span>'
    return f'<p class="{kind}" role="alert">{text}</p>'


def button(zh: str, en: str, *, quiet: bool = False, name: str = "", value: str = "") -> str:
    """Write a form's button."""
    named = f' name="{escape(name)}" value="{escape(value)}"' if name else ""
    kind = ' class="quiet"' if quiet else ""
    return f'<button{kind}{named}>{escape(zh)}<small lang="en">{escape(en)}</small></button>'


def link(address: str, zh: str, en: str, *, quiet: bool = False) -> str:
    """Write a link that looks like a button."""
    kind = "button quiet" if quiet else "button"
    text = f'{escape(zh)}<small lang="en">{escape(en)}</small>'
    return f'<a class="{kind}" href="{escape(address)}">{text}</a>'


def field(
    name: str, zh: str, en: str, *, kind: str = "text", fill: str = "", value: str = ""
) -> str:
    """Write an input with its label; fill: what a browser may fill in (autocomplete)."""
    numeric = ' inputmode="numeric"' if fill in {"one-time-code", "tel"} else ""
    return (
        f'<label for="{name}">{escape(zh)}<small lang="en">{escape(en)}</small></label>'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{fill or "off"}"'
        f'{numeric} value="{escape(value)}" maxlength="200" required>'
    )


def form(action: str, content: str, hidden: dict[str, str]) -> str:
    """Write a posted form."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in hidden.items()
    )
    return f'<form method="post" action="{escape(action)}">{fields}{content}</form>'


def page(
    title: tuple[str, str],
    content: str,
    *,
    site: tuple[str, str],
    status: int = 200,
    headers: tuple[tuple[str, str], ...] = (),
    returns_to: str = "",
    wide: bool = False,
    again_seconds: int = 0,
) -> WebResponse:
    """Answer with a page; the policy lets it load its own style sheet and pictures, nothing else.

    returns_to: the portal that a form's answer leads to in the end: browsers hold every redirect
    that follows a form to `form-action` (CSP3 section 6.4.1).
    """
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        f" frame-ancestors 'none'; form-action 'self' {_origin(returns_to)}"
    ).strip()
    again = f'<meta http-equiv="refresh" content="{again_seconds}">' if again_seconds else ""
    shape = ' class="wide"' if wide else ""
    body = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title[0])} / {escape(title[1])}</title>{again}"
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{STYLE_PATH}"></head><body>'
        f'<header><p>{escape(site[0])}<small lang="en">{escape(site[1])}</small></p></header>'
        f"<main{shape}>{content}</main>"
        '<footer>MSB 示例 <span lang="en">· an example</span></footer></body></html>'
    )
    fixed = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
    )
    return WebResponse(status, (*fixed, *NO_STORE, *headers), body.encode())


def style() -> WebResponse:
    """Answer with the style sheet."""
    headers = (("Content-Type", "text/css; charset=utf-8"), ("Cache-Control", "max-age=3600"))
    return WebResponse(200, headers, STYLE.encode())


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else ""
