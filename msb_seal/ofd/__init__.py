"""OFD (GB/T 33190-2016): the container, its pages, sealing and verifying.

archive.py reads and writes the ZIP; package.py is an OFD in memory; compose.py makes documents;
reading.py reads pages, finds keywords and previews. Sealing and verifying stand on these.
"""
