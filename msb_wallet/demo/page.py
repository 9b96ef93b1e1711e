"""The page that the demo leaves: index.html, one file with pictures beside it, no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from msb_identity.foundation.report import VERDICT_SENTENCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from msb_identity.foundation.report import Report

_STYLE = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5b6b7b; --line: #d9e0e7; --ground: #f4f7fa;
  --good: #0b6b3a; --bad: #a4161a; --open: #8a5a00; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); line-height: 1.6;
  font-family: "Noto Sans SC", "Microsoft YaHei", "PingFang SC", system-ui, sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0; font-size: 1.8rem; } h1 small, h2 small, h3 small { color: var(--soft);
  font-weight: 400; font-size: .65em; display: block; }
h2 { margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 3px solid #1f5fa8; }
p { margin: .5rem 0; } p span { display: block; color: var(--soft); font-size: .92em; }
figure { margin: 1.2rem 0; padding: 1rem; background: #fff; border: 1px solid var(--line);
  border-radius: .5rem; display: inline-block; text-align: center; max-width: 100%; }
figure img { width: 20rem; max-width: 100%; height: auto; image-rendering: pixelated; }
figure.wide img { width: 52rem; image-rendering: auto; }
figure.page img { width: 24rem; image-rendering: auto; }
.short { background: #fff; border-left: .5rem solid var(--open); border-radius: .5rem;
  padding: .6rem 1rem; margin: 0 0 2rem; color: var(--open); }
.short.valid { border-left-color: var(--good); color: var(--good); }
.short.invalid { border-left-color: var(--bad); color: var(--bad); }
a { color: #1f5fa8; }
figcaption span { display: block; color: var(--soft); font-size: .9em; }
.report { background: #fff; border: 1px solid var(--line); border-left: .5rem solid var(--open);
  border-radius: .5rem; padding: 1rem; margin: 1rem 0; overflow-x: auto; }
.report .report { margin: 1rem 0 0; border-left-width: .25rem; }
.report h3 { margin: 0 0 .5rem; color: var(--open); }
.report.valid { border-left-color: var(--good); } .report.valid h3 { color: var(--good); }
.report.invalid { border-left-color: var(--bad); } .report.invalid h3 { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 0 0 .8rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; background: #fff; font-size: .92em; }
td, th { text-align: left; vertical-align: top; padding: .35rem .6rem;
  border-top: 1px solid var(--line); }
tr.failed td { color: var(--bad); } tr.unknown td, tr.warning td { color: var(--open); }
tr.skipped td { color: var(--soft); }
"""


class Page:
    """Gathers chapters, sentences, pictures and reports, and renders them."""

    def __init__(self) -> None:
        """Start an empty page."""
        self._parts: list[str] = []

    def chapter(self, zh: str, en: str) -> None:
        """Begin a chapter."""
        self._parts.append(f"<h2>{escape(zh)} <small>{escape(en)}</small></h2>")

    def say(self, zh: str, en: str) -> None:
        """Add a sentence in both languages."""
        self._parts.append(f'<p>{escape(zh)}<span lang="en">{escape(en)}</span></p>')

    def picture(self, file: str, zh: str, en: str, *, shape: str = "code") -> None:
        """Add a picture that lies beside the page: a "code", a "page" or something "wide"."""
        caption = f'<figcaption>{escape(zh)}<span lang="en">{escape(en)}</span></figcaption>'
        image = f'<img src="{escape(file)}" alt="{escape(zh)} / {escape(en)}">'
        self._parts.append(f'<figure class="{escape(shape)}">{image}{caption}</figure>')

    def report(self, report: Report) -> None:
        """Add a report."""
        self._parts.append(report.as_html())

    def verdict(self, file: str, report: Report) -> None:
        """Add a link to a file beside the page, and only the verdict on it and its reason."""
        zh, en = VERDICT_SENTENCES[report.verdict]
        decisive = report.decisive_step
        why = "" if decisive is None else f"<br>{escape(decisive.zh)} {escape(decisive.en)}"
        self._parts.append(
            f'<p class="short {report.verdict}">{_link(file)} <strong>{zh}</strong>'
            f' <span lang="en">{en}{why}</span></p>'
        )

    def link(self, file: str, zh: str, en: str) -> None:
        """Add a link to a file beside the page."""
        self._parts.append(f'<p>{_link(file)} {escape(zh)}<span lang="en">{escape(en)}</span></p>')

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add a table."""
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        self._parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    def render(self) -> bytes:
        """Give the whole page."""
        title = "MSB 演示 <small>From sign-in to the refused licence</small>"
        return (
            '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>MSB 演示 / demo</title><style>{_STYLE}</style></head><body>"
            f"<header><h1>{title}</h1></header><main>{''.join(self._parts)}</main></body></html>\n"
        ).encode()


def _link(file: str) -> str:
    return f'<a href="{escape(file)}">{escape(file)}</a>'
