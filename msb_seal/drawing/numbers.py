"""Numbers as SVG and PDF write them: short, without exponents, the same on every machine."""

from __future__ import annotations


def shortest(number: float, digits: int = 3) -> str:
    """Write a number with at most that many decimals and no zeros behind; never "-0".

    Three decimals of a millimetre are a micrometre, less than any printer's dot.
    """
    text = f"{number:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
