"""Licences: their types, identifiers, content, issuing, states and tables."""
