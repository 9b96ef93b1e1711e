"""What Alembic runs migrations in (`env`); loaded by path, never imported."""
