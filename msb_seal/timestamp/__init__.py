"""Time-stamps (时间戳): tokens read, checked, asked for and made.

Sources: RFC 3161, RFC 5816 (signing-certificate-v2), GB/T 20520 (with SM2 and SM3).
"""

from msb_seal.seals.sealer import TimestampSource
from msb_seal.timestamp.authority import TimestampAuthority, timestamp_server
from msb_seal.timestamp.http import HttpTimestampSource
from msb_seal.timestamp.structure import TimestampToken, parse_timestamp
from msb_seal.timestamp.verify import check_timestamp

__all__ = [
    "HttpTimestampSource",
    "TimestampAuthority",
    "TimestampSource",
    "TimestampToken",
    "check_timestamp",
    "parse_timestamp",
    "timestamp_server",
]
