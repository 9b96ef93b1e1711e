"""Scanning (扫码): whom to trust (`regions`), what is revoked (`status_sources`), what was seen before
(`memory`), and the verdict (`verifier`)."""
