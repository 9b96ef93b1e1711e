"""Single sign-on: sessions (`sessions`) and the access tokens made from them (`tokens`).

A portal that only verifies tokens loads `tokens` and with it no database library.
"""
