"""Which backend does SM2 here: a proven libcrypto, else `gmssl` in pure Python.

libcrypto signs and verifies at full speed. `gmssl` is there so that a machine without a libcrypto
that knows SM2 can still verify; it computes with the private number in Python integers, slowly and
not in constant time, so with it signing must be allowed: by `allow_slow_signing=True`, or by the
environment variable MSB_SM2_SLOW_SIGNING=1. MSB_SM2_BACKEND=libcrypto or gmssl makes the choice; a
library named by MSB_LIBCRYPTO is final too.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from msb_identity.errors import NoBackend
from msb_identity.pki import libcrypto

if TYPE_CHECKING:
    from msb_identity.pki.sm2_answers import SM2Backend

BACKEND_VARIABLE = "MSB_SM2_BACKEND"
SLOW_SIGNING_VARIABLE = "MSB_SM2_SLOW_SIGNING"
LIBCRYPTO, GMSSL = "libcrypto", "gmssl"

_log = logging.getLogger(__name__)


def sm2_backend(name: str | None = None, *, allow_slow_signing: bool = False) -> SM2Backend:
    """Give the backend of that name, or the best one here; NoBackend where it cannot do SM2."""
    slow = allow_slow_signing or os.environ.get(SLOW_SIGNING_VARIABLE) == "1"
    chosen = name or os.environ.get(BACKEND_VARIABLE) or None
    if chosen == GMSSL:
        return _gmssl(slow)
    if chosen not in (None, LIBCRYPTO):
        message = f"no SM2 backend is called {chosen!r}; there are {LIBCRYPTO} and {GMSSL}"
        raise NoBackend(message)
    try:
        return libcrypto.library()
    except NoBackend as error:
        if chosen or os.environ.get(libcrypto.LIBRARY_VARIABLE):
            raise
        _say_slow(str(error))
        return _gmssl(slow)


@cache
def _gmssl(slow_signing: bool) -> SM2Backend:  # noqa: FBT001 - the cache's key
    from msb_identity.pki.gmssl_backend import load

    return load(allow_signing=slow_signing)


@cache
def _say_slow(reason: str) -> None:
    _log.warning("SM2 by gmssl in pure Python, for verifying alone and slow: %s", reason)
