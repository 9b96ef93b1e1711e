"""TOML files (TOML 1.0) held against a declared model; what is wrong is told by place and rule."""

from __future__ import annotations

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from msb_identity.errors import EncodingRefused

_Model = TypeVar("_Model", bound=BaseModel)


def read_model(content: bytes, model: type[_Model]) -> _Model:
    """Read a file's content as a model; EncodingRefused says which entry breaks which rule.

    Its text may repeat a part of a file that is no TOML: it is not for files of personal data.
    """
    try:
        return model.model_validate(tomllib.loads(content.decode("utf-8-sig")))
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = f"{where}: {problem['msg']}"
        raise EncodingRefused(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"not TOML: {error}"
        raise EncodingRefused(message) from error
