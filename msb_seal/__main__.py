"""`python -m msb_seal` is the command msb-seal."""

from __future__ import annotations

import sys

from msb_seal.cli import main

if __name__ == "__main__":
    sys.exit(main())
