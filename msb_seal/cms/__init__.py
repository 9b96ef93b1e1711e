"""CMS signatures (RFC 5652 SignedData; GB/T 35275, GM/T 0010 with SM2 and SM3).

structure.py reads one, signers.py judges what each signer signed, verify.py makes the report,
making.py makes one in three steps. A time-stamp token is a CMS signature too: timestamp/ uses the
first two, and stands beside this room.
"""
