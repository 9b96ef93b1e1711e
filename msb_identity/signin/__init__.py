"""Signing in: evidence becomes a session (`sms`), within limits (`limits`)."""
