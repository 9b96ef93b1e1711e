"""Whom a verifying command trusts, as of when, and what it may fetch: one way for all packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msb_identity.errors import CertificateRefused, StoreError
from msb_identity.foundation.commands import CommandError, parse_time
from msb_identity.x509.fetch import HttpFetcher
from msb_identity.x509.revocation import RevocationPolicy
from msb_identity.x509.trust import TrustStore

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime

    from msb_identity.x509.fetch import Fetcher


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a verifying command trusts, as of when, and what it may fetch."""

    trust: TrustStore
    at: datetime | None
    revocation: RevocationPolicy
    fetch: Fetcher | None


def add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --trust, --crl, --revocation, --fetch, --at and --json, as every verifying command."""
    add_source_arguments(parser)
    parser.add_argument(
        "--revocation",
        choices=[str(policy) for policy in RevocationPolicy],
        default=str(RevocationPolicy.IF_PUBLISHED),
        help="吊销检查 / what is asked about revocation",
    )
    parser.add_argument(
        "--at",
        metavar="TIME",
        type=parse_time,
        help="按此时间核验（ISO 8601，带时区）/ judge at this time (ISO 8601 with a zone)",
    )
    parser.add_argument("--json", action="store_true", help="输出 JSON / print JSON")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --trust, --crl, --fetch and --fetch-private: whom to trust, and what may be fetched."""
    add_paths(parser, "--trust", "信任锚，文件或文件夹 / trust anchors, a file or a folder")
    add_paths(parser, "--crl", "吊销列表 / a CRL")
    parser.add_argument("--fetch", action="store_true", help="联网取吊销信息 / fetch CRLs and OCSP")
    parser.add_argument(
        "--fetch-private",
        action="store_true",
        help="也可连接内网地址 / fetch from private addresses too",
    )


def add_paths(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    """Add an argument that names a file or folder and may be given again."""
    parser.add_argument(name, metavar="PATH", type=Path, action="append", default=[], help=text)


def read_whom(arguments: argparse.Namespace) -> Whom:
    """Read what `add_trust_arguments` took; CommandError for what cannot be read."""
    trust = read_trust(*arguments.trust, crls=arguments.crl)
    private = arguments.fetch_private
    fetch = HttpFetcher(allow_private=private) if arguments.fetch or private else None
    return Whom(trust, arguments.at, RevocationPolicy(arguments.revocation), fetch)


def read_trust(*paths: Path, crls: Sequence[Path] = ()) -> TrustStore:
    """Read certificates and CRLs that the caller names; what cannot be read was called wrongly."""
    try:
        return TrustStore.load(*paths, crls=crls)
    except (CertificateRefused, StoreError) as error:
        raise unreadable_source(error) from error


def unreadable_source(error: Exception) -> CommandError:
    """Say that something given to verify with cannot be read."""
    return CommandError("给出的证书或吊销列表无法读取", str(error))
