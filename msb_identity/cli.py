"""The command msb-identity: keys, certificates, people, tokens, the audit log, the store."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from msb_identity.foundation.commands import EXIT_STATUS, CommandParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

_AREAS = {
    "key": "keys",
    "ca": "certificates",
    "cert": "certificates",
    "token": "tokens",
    "jwks": "ring",
    "client": "clients",
    "person": "people",
    "firm": "organisations",
    "mandate": "organisations",
    "department": "organisations",
    "staff": "organisations",
    "session": "sessions",
    "audit": "audit",
    "store": "store",
}
"""Each area, and the module that has it: only that one is loaded, so that keys and tokens are
checked without a database."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-identity with these arguments (default: the process's own); give the exit status."""
    return run(lambda: _main(argv))


def _main(argv: Sequence[str] | None) -> int:
    """Parse and do; inside `run`, since the areas' modules take a moment to load."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        arguments = _parser(given).parse_args(given)
    except SystemExit as stop:  # --help, or an error that argparse has already told
        return stop.code if isinstance(stop.code, int) else 0
    return int(arguments.command(arguments))


def _parser(given: Sequence[str]) -> CommandParser:
    parser = CommandParser(
        prog="msb-identity",
        description="身份：密钥、证书、令牌、人员 / keys, certificates, tokens, people",
        epilog=EXIT_STATUS,
    )
    areas = parser.add_subparsers(metavar="AREA", required=True)
    wanted = _AREAS.get(given[0]) if given else None
    for area in dict.fromkeys(_AREAS.values()) if wanted is None else (wanted,):
        import_module(f"msb_identity.commands.{area}").add_commands(areas)
    return parser
