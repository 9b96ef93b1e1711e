"""Credentials: what an issuer signs about a licence."""
