"""How large codes become with the number of fields: measured by making them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from msb_identity.pki.keys import KeyKind, generate_key
from msb_wallet.codes.payload import CodeKind, write_code
from msb_wallet.codes.present import show_offline
from msb_wallet.codes.qr import qr_version
from msb_wallet.credentials.compact import StatusReference, sign_credential
from msb_wallet.licences.identifier import LicenceIdentifier

if TYPE_CHECKING:
    from collections.abc import Iterator

_VALUES = (
    ("ZZMC", "建筑施工特种作业操作资格证"),
    ("CZZT", "张*三"),
    ("KZ_CZLB", "建筑起重信号司索工"),
    ("KZ_CCLZRQ", "20200302"),
    ("ZZBFJG", "鄂尔多斯市住房和城乡建设局"),
    ("KZ_BZ", "仅限塔式起重机"),
    ("KZ_JB", "高级"),
    ("KZ_DWMC", "示例建筑安装工程有限责任公司"),
    ("KZ_XMDD", "康巴什区示例街道"),
    ("KZ_PXJG", "示例职业技能培训中心"),
)


class CodeSize(NamedTuple):
    """The size of one code: fields, characters, QR version at level M."""

    fields: int
    printed_chars: int
    printed_version: int
    offline_chars: int
    offline_version: int


def code_sizes(counts: tuple[int, ...] = (0, 2, 3, 5, 8, 10)) -> Iterator[CodeSize]:
    """Make a printed and an offline code for each number of fields and measure them."""
    issuer, device = generate_key(KeyKind.SM2), generate_key(KeyKind.P256)
    identifier = LicenceIdentifier.new("11100000000013338W032", "11150600MB0000000B")
    for count in counts:
        printed, bound = (
            sign_credential(
                identifier=identifier,
                issued_at=1_790_000_000,
                not_before=1_790_000_000,
                expires=1_980_000_000,
                status=StatusReference("https://licence.example/s/1506/0", 524_288),
                fields=dict(_VALUES[:count]),
                key=issuer,
                holder_key=holder,
            )
            for holder in (None, device.public)
        )
        static = write_code(CodeKind.PRINTED, printed)
        shown = show_offline(bound, device, now=datetime(2026, 11, 22, tzinfo=UTC))
        yield CodeSize(count, len(static), qr_version(static), len(shown), qr_version(shown))
