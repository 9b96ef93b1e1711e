"""`python -m msb_identity` is the command msb-identity."""

from __future__ import annotations

import sys

from msb_identity.cli import main

if __name__ == "__main__":
    sys.exit(main())
