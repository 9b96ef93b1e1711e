"""Migrations of a portal's own store."""
