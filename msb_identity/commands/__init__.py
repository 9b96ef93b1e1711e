"""The commands of msb-identity, a module for each area.

Thin: each reads its arguments, calls one public function and prints what it says. An area is added
by its function `add_…_commands`; `cli.py` puts them together.
"""
