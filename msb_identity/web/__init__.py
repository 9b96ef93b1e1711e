"""Single sign-on on the web: what ASGI and Flask applications mount, and nothing of a framework.

`guard` says who may pass and is the same for all; `asgi`, `fastapi` and `flask` turn a framework's
requests into ours and our answers into its own. Each is loaded only by who uses it.
"""
