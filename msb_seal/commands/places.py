"""Where a seal goes, as commands take it: the argument of --place."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, get_args

from msb_seal.placement import At, AtKeyword, Edge, OnEveryPage, Place, Straddle

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACE_FORMS = (
    "page=N|last|all,x=MM,y=MM | keyword=TEXT[,nth=N|-N|all][,dx=MM][,dy=MM]"
    " | straddle[,edge=right|left|top|bottom][,offset=MM][,margin=MM][,pages=N]"
)
_LAST = -1


def read_place(text: str) -> Place:
    """Read the argument of --place; argparse.ArgumentTypeError says which forms there are."""
    first, *rest = text.split(",")
    words = dict(part.partition("=")[::2] for part in (first, *rest))
    try:
        if len(words) == 1 + len(rest):
            if first == "straddle":
                return _straddle(words)
            if words.keys() == {"page", "x", "y"}:
                return _on_page(words)
            if words.get("keyword") and not words.keys() - {"keyword", "nth", "dx", "dy"}:
                return _at_keyword(words)
    except ValueError:
        pass
    message = f"PLACE is {PLACE_FORMS}"
    raise argparse.ArgumentTypeError(message)


def _on_page(words: Mapping[str, str]) -> Place:
    x, y, page = float(words["x"]), float(words["y"]), words["page"]
    if page == "all":
        return OnEveryPage(x, y)
    return At(_LAST if page == "last" else int(page), x, y)


def _at_keyword(words: Mapping[str, str]) -> AtKeyword:
    nth = words.get("nth", "1")
    return AtKeyword(
        words["keyword"],
        None if nth == "all" else int(nth),
        float(words.get("dx", 0)),
        float(words.get("dy", 0)),
    )


def _straddle(words: Mapping[str, str]) -> Straddle:
    edge, offset, pages = words.get("edge", "right"), words.get("offset"), words.get("pages")
    found: dict[str, Edge] = {name: name for name in get_args(Edge)}
    if edge not in found or words.keys() - {"straddle", "edge", "offset", "margin", "pages"}:
        raise ValueError(edge)
    return Straddle(
        found[edge],
        None if offset is None else float(offset),
        float(words.get("margin", 0)),
        None if pages is None else int(pages),
    )
