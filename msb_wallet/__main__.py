"""`python -m msb_wallet`."""

import sys

from msb_wallet.cli import main

if __name__ == "__main__":
    sys.exit(main())
