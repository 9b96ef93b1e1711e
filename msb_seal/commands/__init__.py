"""The commands of msb-seal, one module for each area; cli.py puts them together."""
