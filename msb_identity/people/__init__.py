"""People: identifiers of persons and firms (`identifiers`), and their accounts (`accounts`)."""
