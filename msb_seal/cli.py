"""The command msb-seal: pictures, seals, signing, verifying and the life of seals.

Thin: each area's module reads its arguments, calls one public function and prints what it says.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from msb_identity.foundation.commands import EXIT_STATUS, CommandParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

_AREAS = {
    "picture": "picture",
    "make": "seals",
    "show": "seals",
    "sign": "sign",
    "field": "field",
    "batch": "batch",
    "keep": "keep",
    "verify": "verify",
    "lifecycle": "lifecycle",
}
"""Each command, and the module that has it: only that one is loaded, so that verifying starts
without databases, and keeping seals without documents."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-seal with these arguments (default: the process's own); give the exit status."""
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
        prog="msb-seal",
        description="电子印章：制作、盖章、验章 / e-seals: make, seal, verify",
        epilog=EXIT_STATUS,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = _AREAS.get(given[0]) if given else None
    for area in dict.fromkeys(_AREAS.values()) if wanted is None else (wanted,):
        import_module(f"msb_seal.commands.{area}").add_commands(commands)
    return parser
