"""Migrations of the tables of msb_wallet: `wallet` (licences), `checker` (what scans remember)."""
