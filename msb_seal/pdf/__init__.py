"""Sealed PDF (ISO 32000, PAdES, GM/T 0112): what its signatures prove."""
