"""Names of real people pass; what hides or turns text around does not."""

from __future__ import annotations

import pytest

from msb_identity.foundation.text import is_showable, showable


@pytest.mark.parametrize(
    "text",
    [
        "张三",
        "阿拉坦·其其格",
        "㐅䶮",  # extension A
        "\U00020bb7\U0002e9f5",  # extensions B and F
        "\U00031350\U000323af\U0003347f",  # extensions H and later, unknown to older Pythons
        "\ue863\uf8ff",  # private use, as older Chinese systems wrote rare names
        "ᠮᠣᠩᠭᠣᠯ",
        "\u182a\u1820\u180e\u1820 \u1828\u202f\u1824\u1828",  # vowel separator, suffix space
        "N° 12 (a)",
        "",
    ],
)
def test_names_and_numbers_show(text: str) -> None:
    assert is_showable(text)
    assert showable(text) == text


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\n", "\x1b", "\x7f", "\x85", "\u00a0", "\u00ad", "\u200b", "\u202e", "\u2066"),
        *("\u2028", "\u202f", "\u180e", "\u3000", "\u3164", "\u2800", "\ufeff", "\ud800"),
        "\U000e0041",
    ],
)
def test_what_does_not_show_itself_is_refused(character: str) -> None:
    assert not is_showable(f"张{character}三")
    assert showable(f"张{character}三") == "张\ufffd三"
