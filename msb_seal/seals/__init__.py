"""E-seals (电子印章): their structure, making, use and verification. Their life is in lifecycle/.

model.py holds the values. structure.py reads their ASN.1 by the lenient readers of values.py, and
encoding.py writes it. making.py makes a seal; signing.py a signature by one, in three steps, for
whoever sealer.py says may; listing.py finds the signer in the seal's list. verify.py judges both by
the steps of checks.py, in the words of sentences.py; status.py is where states are asked.
reading.py tells what is in a seal. Sources: GM/T 0031-2014 (v1), GB/T 38540-2020 (v4), GM/T
0031-2025 (v5); what they leave open: docs/decisions/seals.md.
"""
