"""`msb-seal lifecycle codes`: the names that --purpose, --reason and applications take.

And rows: of a grant, and how all are printed, for people and as JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from msb_identity.foundation.commands import write_out
from msb_identity.foundation.text import showable
from msb_seal.commands.kept import add_store_arguments, codes_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from msb_identity.foundation.commands import CommandParser
    from msb_seal.lifecycle import Codes, Grant

_Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name
_Rows: TypeAlias = "Sequence[dict[str, Any]]"


def add_codes(actions: _Actions) -> None:
    """Add `codes`, which needs no store: the table that comes with the package, or the folder's."""

    def run(arguments: argparse.Namespace) -> int:
        print_rows(_codes(codes_of(arguments.data)), as_json=arguments.json)
        return 0

    text = "目的、原因、类型的名称 / names of purposes, reasons and types"
    parser = actions.add_parser("codes", help=text, description=text)
    add_store_arguments(parser)
    parser.add_argument("--json", action="store_true", help="输出 JSON / print JSON")
    parser.set_defaults(command=run)


def _codes(codes: Codes) -> _Rows:
    rows: list[dict[str, Any]] = [
        {"kind": "purpose", "name": name, "zh": one.zh, "en": one.en}
        for name, one in codes.purposes.items()
    ]
    for name, reason in codes.reasons.items():
        acts = " ".join(reason.acts)
        rows.append(
            {"kind": "reason", "name": name, "zh": reason.zh, "en": reason.en, "acts": acts}
        )
    rows += [
        {"kind": "type", "name": name, "zh": one.zh, "en": one.en}
        for name, one in codes.types.items()
    ]
    return rows


def grant_row(grant: Grant) -> dict[str, Any]:
    """Give a grant as a row."""
    return {
        "grant": grant.grant_id,
        "user": grant.user,
        "purpose": grant.purpose,
        "from": grant.valid_from.isoformat(),
        "until": grant.valid_until.isoformat(),
        "uses": grant.used,
        "of": grant.max_uses,
        "withdrawn": grant.withdrawn_at is not None,
    }


def print_rows(rows: _Rows, *, as_json: bool) -> None:
    """Print rows, each a line of names and values, or all as JSON."""
    if as_json:
        write_out(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    for row in rows:
        shown = (f"{name}: {_text(one)}" for name, one in row.items() if one not in (None, ""))
        write_out(showable("  ".join(shown)))


def _text(value: object) -> object:
    is_plain = not isinstance(value, dict | list)
    return value if is_plain else json.dumps(value, ensure_ascii=False)
