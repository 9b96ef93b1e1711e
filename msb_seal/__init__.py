"""MSB seal (电子印章): what was signed.

This package holds its place in the order of imports (msb_identity ← msb_seal ← msb_wallet). It has
no content in this version: e-seals, sealed OFD and sealed PDF come next.
"""
