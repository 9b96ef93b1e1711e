"""E-seals (电子印章): their structure, making, use, verification and life.

model.py holds the values; structure.py reads and writes their ASN.1; making.py makes a seal;
signing.py makes a seal signature in three steps; verify.py judges both; lifecycle/ keeps seals.
Sources: GM/T 0031-2014 (v1), GB/T 38540-2020 (v4), GM/T 0031-2025 (v5).
"""
