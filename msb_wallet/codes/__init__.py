"""Codes: their text (`payload`), how a licence becomes one (`present`), pictures of them (`qr`)."""
