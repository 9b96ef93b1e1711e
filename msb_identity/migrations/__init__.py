"""Migrations of the tables of msb_identity, one module each; loaded by Alembic, never imported."""
