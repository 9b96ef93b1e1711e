"""MSB wallet (电子证照卡包): what may be shown. Licences, codes, status, scanning.

Rooms are loaded when a name of theirs is first used. What stands in `__all__` is stable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msb_identity.lazy import load_at_use

if TYPE_CHECKING:
    from msb_wallet.licences.identifier import LicenceIdentifier
    from msb_wallet.licences.issue import Issuer
    from msb_wallet.licences.types import LicenceType, builtin_type
    from msb_wallet.scan.regions import TrustList
    from msb_wallet.scan.verifier import Verifier

_HOMES = {
    "Issuer": "msb_wallet.licences.issue",
    "LicenceIdentifier": "msb_wallet.licences.identifier",
    "LicenceType": "msb_wallet.licences.types",
    "TrustList": "msb_wallet.scan.regions",
    "Verifier": "msb_wallet.scan.verifier",
    "builtin_type": "msb_wallet.licences.types",
}

__all__ = [
    "Issuer",
    "LicenceIdentifier",
    "LicenceType",
    "TrustList",
    "Verifier",
    "builtin_type",
]

__getattr__ = load_at_use(__name__, _HOMES)
