"""The command msb-wallet: issue, face, show, scan, revoke, status publish, trust make, demo.

Thin: the areas' modules are in `commands`. Exit status of `scan`: docs/formats.md, "exit status".
`issue` exits 1 where a row was refused.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from msb_identity.foundation.commands import CommandParser, run
from msb_wallet.commands import issuing, scanning, showing, upkeep
from msb_wallet.commands.inputs import read_path

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

DATA_VARIABLE = "MSB_DATA"
DEFAULT_DATA = "msb-data"


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-wallet with these arguments (default: the process's own); give the exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, or an error that argparse has already told
        return stop.code if isinstance(stop.code, int) else 0
    return run(partial(arguments.command, arguments))


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="msb-wallet",
        description="电子证照：签发、亮证、扫码、注销 / e-licences: issue, show, scan, revoke",
    )
    parser.add_argument(
        "--data",
        default=os.environ.get(DATA_VARIABLE, DEFAULT_DATA),
        metavar="DIR",
        help=f"数据目录 / data folder (${DATA_VARIABLE}, default {DEFAULT_DATA})",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=CommandParser)
    for area in (issuing, showing, scanning, upkeep):
        area.add_commands(commands)
    demo = commands.add_parser("demo", help="演示全过程 / tell the whole story")
    demo.add_argument(
        "--out",
        type=read_path,
        default="msb-demo",
        metavar="DIR",
        help="输出目录 / where to put it",
    )
    demo.set_defaults(command=_demo)
    return parser


def _demo(arguments: argparse.Namespace) -> int:
    from msb_wallet.demo.story import tell

    return tell(arguments.out)
