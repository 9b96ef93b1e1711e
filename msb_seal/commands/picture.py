"""The command `msb-seal picture`: draw a seal as SVG, PDF or PNG.

Thin: it reads its arguments, calls pictures.draw and writes what that gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msb_identity.foundation.commands import CommandError, read_input, shown_name, write_out
from msb_identity.foundation.files import write_whole

if TYPE_CHECKING:
    import argparse

    from msb_identity.foundation.commands import CommandParser
    from msb_seal.drawing import Font
    from msb_seal.drawing import Path as Outline
    from msb_seal.pictures import NameSeal, OvalSeal, RoundSeal, SealDrawing

    Actions: TypeAlias = "argparse._SubParsersAction[CommandParser]"  # noqa: SLF001 - its one name

_PRESETS = "presets"
_KINDS = (".svg", ".pdf", ".png")


def add_commands(commands: Actions) -> None:
    """Add `picture`."""
    picture = commands.add_parser("picture", help="绘制印模 / draw a seal")
    shapes = picture.add_subparsers(metavar="SHAPE", required=True)
    _add_round(shapes)
    _add_oval(shapes)
    _add_name(shapes)
    presets = shapes.add_parser(
        _PRESETS, help="列出规格 / list the presets", description=_list_presets.__doc__
    )
    presets.set_defaults(command=_list_presets)


def _add_round(shapes: Actions) -> None:
    parser = _shape(shapes, "round", "圆形公章 / round, with a star or a given emblem")
    parser.add_argument("--preset", metavar="NAME", help="按规格 / size and centre by a preset")
    parser.add_argument("--diameter", metavar="MM", type=float, help="直径 / diameter")
    centre = parser.add_mutually_exclusive_group()
    centre.add_argument(
        "--emblem", metavar="FILE", type=Path, help="中央图片，如国徽 / a picture for the centre"
    )
    centre.add_argument("--no-star", action="store_true", help="中央留空 / nothing in the centre")
    parser.add_argument("--line", default="", metavar="TEXT", help="横排文字 / text below")
    parser.add_argument("--serial", default="", metavar="DIGITS", help="印章编码 / serial")
    second = parser.add_mutually_exclusive_group()
    second.add_argument("--second", default="", metavar="TEXT", help="第二圈文字 / a second ring")
    second.add_argument(
        "--second-outline",
        metavar="FILE",
        type=Path,
        help="第二圈轮廓（SVG），如蒙古文 / its outline on a straight line, as for Mongolian",
    )
    parser.add_argument(
        "--second-font", metavar="FILE", type=Path, help="第二圈字体 / font of the second ring"
    )
    parser.set_defaults(command=_round)


def _add_oval(shapes: Actions) -> None:
    parser = _shape(shapes, "oval", "椭圆形印章，如发票专用章 / oval, as for invoices")
    parser.add_argument("--number", default="", metavar="TEXT", help="中间号码 / number across")
    parser.add_argument(
        "--number-font", metavar="FILE", type=Path, help="号码字体，缺省黑体 / font of the number"
    )
    parser.add_argument(
        "--line", default="发票专用章", metavar="TEXT", help="下方文字 / text below"
    )
    parser.add_argument("--serial", default="", metavar="TEXT", help="序号 / serial")
    _add_size(parser, 40, 30)
    parser.set_defaults(command=_oval)


def _add_name(shapes: Actions) -> None:
    parser = _shape(shapes, "name", "方形、长方形名章 / square or rectangular name seal")
    parser.add_argument("--white", action="store_true", help="白文 / white characters on red")
    _add_size(parser, 18, 18)
    parser.set_defaults(command=_name)


def _shape(shapes: Actions, name: str, text: str) -> CommandParser:
    parser = shapes.add_parser(name, help=text, description=text)
    parser.add_argument("--text", required=True, help="印文 / the seal's text")
    parser.add_argument(
        "--out", required=True, metavar="FILE", type=Path, help="输出 .svg、.pdf 或 .png"
    )
    parser.add_argument(
        "--font", metavar="FILE", type=Path, help="字体文件，缺省宋体 / a font file"
    )
    parser.add_argument("--dpi", metavar="N", type=int, default=600, help="PNG 分辨率 / resolution")
    return parser


def _add_size(parser: CommandParser, width: float, height: float) -> None:
    parser.add_argument("--width", metavar="MM", type=float, default=width, help="宽 / width")
    parser.add_argument("--height", metavar="MM", type=float, default=height, help="高 / height")


def _round(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from msb_seal.drawing import Image
    from msb_seal.pictures import Emblem, RoundSeal, Star, round_seal

    emblem = Image.load(arguments.emblem) if arguments.emblem else None
    if arguments.preset:
        if arguments.diameter is not None or arguments.no_star:
            zh, en = "--preset 已定直径和中央图案", "--preset says diameter and centre already"
            raise CommandError(zh, en)
        seal = round_seal(arguments.preset, arguments.text, emblem=emblem)
    else:
        star = None if arguments.no_star else Star()
        seal = RoundSeal(
            arguments.text,
            diameter_mm=42 if arguments.diameter is None else arguments.diameter,
            centre=Emblem(emblem) if emblem else star,
        )
    seal = replace(
        seal,
        line=arguments.line,
        serial=arguments.serial,
        second=arguments.second,
        second_font=_font(arguments.second_font),
        second_outline=_outline(arguments.second_outline),
        font=_font(arguments.font),
    )
    return _draw(seal, arguments)


def _oval(arguments: argparse.Namespace) -> int:
    from msb_seal.pictures import OvalSeal

    seal = OvalSeal(
        arguments.text,
        number=arguments.number,
        line=arguments.line,
        serial=arguments.serial,
        width_mm=arguments.width,
        height_mm=arguments.height,
        font=_font(arguments.font),
        number_font=_font(arguments.number_font),
    )
    return _draw(seal, arguments)


def _name(arguments: argparse.Namespace) -> int:
    from msb_seal.pictures import NameSeal, Script

    seal = NameSeal(
        arguments.text,
        width_mm=arguments.width,
        height_mm=arguments.height,
        script=Script.WHITE if arguments.white else Script.RED,
        font=_font(arguments.font),
    )
    return _draw(seal, arguments)


def _list_presets(arguments: argparse.Namespace) -> int:
    """列出规格：直径、中央图案 / List the presets: diameter and centre."""
    from msb_seal.pictures import PRESETS

    _ = arguments
    for name, preset in PRESETS.items():
        centre = "国徽 emblem" if preset.emblem else "五角星 star"
        write_out(f"{name:<26} {preset.diameter_mm:>2} mm  {centre:<10}  {preset.zh} / {preset.en}")
    return 0


def _draw(seal: RoundSeal | OvalSeal | NameSeal, arguments: argparse.Namespace) -> int:
    from msb_seal.pictures import draw

    if arguments.out.suffix.lower() not in _KINDS:
        zh, en = "输出文件应为 .svg、.pdf 或 .png", "FILE ends in .svg, .pdf or .png"
        raise CommandError(zh, en)
    drawing = draw(seal)
    write_whole(arguments.out, _rendered(drawing, arguments))
    write_out(f"{shown_name(str(arguments.out))}: {drawing.width_mm:g} × {drawing.height_mm:g} mm")
    return 0


def _rendered(drawing: SealDrawing, arguments: argparse.Namespace) -> bytes:
    kind = arguments.out.suffix.lower()
    if kind == ".svg":
        return drawing.svg()
    return drawing.pdf() if kind == ".pdf" else drawing.png(dpi=arguments.dpi)


def _font(path: Path | None) -> Font | None:
    from msb_seal.drawing import Font as Fonts

    return None if path is None else Fonts.load(path)


def _outline(path: Path | None) -> Outline | None:
    """Read the filled shapes of an SVG as one outline."""
    if path is None:
        return None
    from msb_seal.ofd.svg_pictures import MAX_SVG_BYTES, svg_outline

    return svg_outline(read_input(str(path), limit=MAX_SVG_BYTES))
