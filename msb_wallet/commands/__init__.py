"""The areas of the command msb-wallet; each module reads its arguments and calls the library."""
