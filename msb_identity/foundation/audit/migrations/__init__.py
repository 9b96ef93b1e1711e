"""Migrations of the audit log's tables, one module each; loaded by Alembic, never imported."""
