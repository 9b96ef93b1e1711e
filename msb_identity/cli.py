"""The command msb-identity: keys, certificates, people, tokens, the audit log, the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.commands.audit import add_audit_commands
from msb_identity.commands.certificates import add_certificate_commands
from msb_identity.commands.clients import add_client_commands
from msb_identity.commands.keys import add_key_commands
from msb_identity.commands.organisations import add_organisation_commands
from msb_identity.commands.people import add_people_commands
from msb_identity.commands.ring import add_jwks_command
from msb_identity.commands.sessions import add_session_commands
from msb_identity.commands.store import add_store_commands
from msb_identity.commands.tokens import add_token_commands
from msb_identity.foundation.commands import CommandParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXIT_STATUS = (
    "退出码 / exit status: 0 有效 valid, 1 无效 invalid, 3 无法判定 indeterminate,"
    " 2 用法错误或文件无法读取 called wrongly or unreadable file"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run msb-identity with these arguments (default: the process's own); give the exit status."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # --help, or an error that argparse has already told
        return stop.code if isinstance(stop.code, int) else 0
    return run(lambda: int(arguments.command(arguments)))


def _parser() -> CommandParser:
    parser = CommandParser(
        prog="msb-identity",
        description="身份：密钥、证书、令牌、审计 / identity: keys, certificates, tokens, audit",
        epilog=_EXIT_STATUS,
    )
    areas = parser.add_subparsers(metavar="AREA", required=True)
    add_key_commands(areas)
    add_certificate_commands(areas, _EXIT_STATUS)
    add_token_commands(areas, _EXIT_STATUS)
    add_jwks_command(areas)
    add_client_commands(areas)
    add_session_commands(areas)
    add_audit_commands(areas)
    add_store_commands(areas)
    add_people_commands(areas)
    add_organisation_commands(areas)
    return parser
