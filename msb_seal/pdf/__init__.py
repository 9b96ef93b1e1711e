"""Sealed PDF (签章 PDF): signed by incremental updates with SM2, RSA and P-256 keys, and verified.

pyHanko reads the files and writes the updates; the signatures are our own CMS and SES, and what a
file proves is judged by our own rules. Sources: ISO 32000-1 section 12.8, ETSI EN 319 142-1
(PAdES), GB/T 38540-2020, GM/T 0010.
"""
