"""Scanning (扫码): the verdict (`verifier`), and what it stands on.

Whom to trust (`regions`), what is revoked (`status_sources`), what was seen before (`memory`).
"""
