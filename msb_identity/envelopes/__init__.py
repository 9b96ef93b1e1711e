"""The two signed envelopes: JWS (`jose`) and COSE_Sign1 (`cose`), over strict JSON and CBOR."""
