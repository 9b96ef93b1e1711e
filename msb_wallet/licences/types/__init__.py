"""Licence types as data (证照类型): one TOML file each, checked when it is read.

Built-in files lie beside this module; a department's own are read from any path. Elements that all
licences share are those of GB/T 36903-2018 and live in `model.py`; a file names what its type adds.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from msb_identity.errors import EncodingRefused
from msb_identity.foundation.files import open_regular
from msb_identity.foundation.text import is_showable
from msb_identity.foundation.toml_models import read_model
from msb_wallet.credentials import compact
from msb_wallet.errors import TypeRefused
from msb_wallet.licences.model import ELEMENTS

if TYPE_CHECKING:
    from pathlib import Path

MAX_FIELDS = 64
MAX_FIELDS_IN_CODE = compact.MAX_FIELDS - 2  # the names of licence and holder are in each code
MAX_TEXT = 500
MAX_FILE_BYTES = 1_000_000
BUILTIN = ("special-operation",)
_KEY = r"^KZ_[A-Z0-9]{1,20}$"


def _readable(text: str) -> str:
    # Cells and headings are read without the spaces around them; codes carry what can be shown.
    if text != text.strip() or not text or not is_showable(text):
        message = "empty, with spaces around it, or with characters that cannot be shown"
        raise ValueError(message)
    return text


_Text = Annotated[str, AfterValidator(_readable)]


class ExtensionField(BaseModel):
    """One element that a licence type adds (业务信息, KZ_…)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: Annotated[str, Field(pattern=_KEY)]
    name: Annotated[_Text, Field(max_length=50)]
    name_en: Annotated[_Text, Field(max_length=80)]
    kind: Literal["text", "date", "choice"]
    required: bool
    in_code: bool
    choices: list[_Text] = []
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT)] = 100

    @model_validator(mode="after")
    def _choices_belong(self) -> Self:
        if (self.kind == "choice") != bool(self.choices):
            message = f"{self.key}: choices belong to kind 'choice', and it needs them"
            raise ValueError(message)
        if len(set(self.choices)) != len(self.choices) or any(
            len(choice) > self.max_length for choice in self.choices
        ):
            message = f"{self.key}: a choice stands twice or is longer than max_length"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _fits_a_code(self) -> Self:
        if self.in_code and self.max_length > compact.MAX_FIELD_CHARS:
            longest = compact.MAX_FIELD_CHARS
            message = f"{self.key}: in a code a field has at most {longest} characters"
            raise ValueError(message)
        return self


class LicenceType(BaseModel):
    """A type of licence: its code, its names, who may hold it and what it adds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{18}[0-9]{3}$")]
    name: Annotated[_Text, Field(max_length=60)]
    name_en: Annotated[_Text, Field(max_length=120)]
    holder_code_type: Literal["111"]
    max_validity_days: Annotated[int, Field(ge=1, le=36_600)]
    fields: Annotated[list[ExtensionField], Field(max_length=MAX_FIELDS)]

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        named = [field.key for field in self.fields] + [field.name for field in self.fields]
        if len({*named, *ELEMENTS, *ELEMENTS.values()}) != len(named) + 2 * len(ELEMENTS):
            message = "two fields of one key or name, or one that GB/T 36903 names so"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _codes_have_room(self) -> Self:
        if sum(field.in_code for field in self.fields) > MAX_FIELDS_IN_CODE:
            message = f"more than {MAX_FIELDS_IN_CODE} fields in a code"
            raise ValueError(message)
        return self


def load_type(path: Path) -> LicenceType:
    """Read a type file; TypeRefused names what is wrong with it."""
    try:
        with open_regular(path) as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: NUL in the name
        message = f"cannot read the type file {path.name!r}"
        raise TypeRefused(message) from error
    return _parse(content, path.name)


def builtin_type(name: str) -> LicenceType:
    """Give a type that comes with the package, as "special-operation"."""
    if not re.fullmatch(r"[a-z-]+", name) or name not in BUILTIN:
        message = f"no built-in type of that name; there are: {', '.join(BUILTIN)}"
        raise TypeRefused(message)
    file = resources.files(__name__).joinpath(f"{name}.toml")
    return _parse(file.read_bytes(), file.name)


@cache
def builtin_labels() -> dict[str, str]:
    """Give the names of the elements that the built-in types add, by their codes."""
    types = [builtin_type(name) for name in BUILTIN]
    return {field.key: field.name for type_ in types for field in type_.fields}


def _parse(content: bytes, name: str) -> LicenceType:
    if len(content) > MAX_FILE_BYTES:
        message = f"{name} is larger than {MAX_FILE_BYTES} bytes"
        raise TypeRefused(message)
    try:
        return read_model(content, LicenceType)
    except EncodingRefused as error:
        message = f"{name}: {error}"
        raise TypeRefused(message) from error
