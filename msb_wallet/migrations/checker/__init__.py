"""One module for each migration; loaded by Alembic, never imported."""
