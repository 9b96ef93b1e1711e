"""The lines of Python that the guides show are ones that run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import flask
import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def shown(name: str, holding: str) -> str:
    """Give the block of Python in a document that holds these words."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    [found] = [block for block in blocks if holding in block]
    return str(found)


@pytest.mark.parametrize("name", ["README.md", "docs/integration.md"])
def test_an_api_is_guarded_in_ten_lines(name: str) -> None:
    app = flask.Flask("portal")
    exec(shown(name, "demands(guard"), {"app": app})  # noqa: S102 - our own guide
    assert app.test_client().get("/api/permits").status_code == 401


def test_pages_are_guarded_in_ten_lines(tmp_path: Path) -> None:
    app = flask.Flask("portal")
    names: dict[str, Any] = {"app": app, "secret": "s" * 43}
    names["url"] = f"sqlite:///{tmp_path / 'portal.sqlite'}"
    exec(shown("docs/integration.md", "demands(guard"), names)  # noqa: S102 - our own guide
    exec(shown("docs/integration.md", "PortalSignIn("), names)  # noqa: S102 - the same
    assert app.test_client().get("/sso/nothing").status_code == 404
    assert app.test_client().post("/sso/logout").headers["Location"] == "/"
