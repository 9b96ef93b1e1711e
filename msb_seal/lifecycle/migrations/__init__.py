"""Migrations of the tables of the seals' lives, one module each; loaded by Alembic only."""
