"""Draw docs/images/architecture.svg: every package with its rooms, from the contracts in pyproject.toml.

python tools/draw_architecture.py
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs/images/architecture.svg"
ROW, BOX, TOP, HEAD = 34, 27, 64, 62
INK, GREY = "#10222b", "#41555f"
COLUMNS = {
    "pixeltree": ("host", 20, 400, "#e3f1f5"),
    "pixeltree_protocol": ("protocol", 450, 220, "#fdf3dc"),
    "pixeltree_emu": ("emulator", 700, 260, "#e8f3e4"),
}


def layers() -> dict[str, list[list[str]]]:
    """Rooms of each package, layer by layer, the highest first; ``errors`` is left out."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = {}
    for contract in contracts:
        if contract["type"] == "layers":
            rows = [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]
            kept = [[room for room in row if room != "errors"] for row in rows]
            found[contract["containers"][0]] = [row for row in kept if row]
    return found


def text(x: float, y: float, words: str, **style: str) -> str:
    """A line of text."""
    given = {"fill": INK, **{name.replace("_", "-"): value for name, value in style.items()}}
    attributes = " ".join(f'{name}="{value}"' for name, value in given.items())
    return f'<text x="{x:g}" y="{y:g}" {attributes}>{words}</text>'


def frame(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A box."""
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {place} rx="7" fill="{fill}" stroke="#90a4ae"/>'


def column(package: str, rows: list[list[str]]) -> list[str]:
    """A package and its rooms."""
    title, left, width, fill = COLUMNS[package]
    parts = [
        frame(left, TOP, width, HEAD + ROW * len(rows), fill),
        text(left + 14, TOP + 26, title, font_weight="bold"),
        text(left + 14, TOP + 44, f"package {package}", font_size="12", fill=GREY),
    ]
    for number, row in enumerate(rows):
        each = (width - 28) / len(row)
        for place, room in enumerate(row):
            x, y = left + 14 + place * each, TOP + HEAD - 6 + ROW * number
            parts.append(frame(x + 3, y, each - 6, BOX, "#ffffff"))
            parts.append(text(x + each / 2, y + 18, room, text_anchor="middle", font_size="13"))
    return parts


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A dashed arrow: who imports whom."""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{GREY}" stroke-dasharray="5 4" '
        'marker-end="url(#tip)"/>'
    )


def picture() -> str:
    """The whole picture."""
    packages = layers()
    bottom = TOP + HEAD + ROW * max(map(len, packages.values())) + 20
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 980 '
        f'{bottom + 84}" font-family="sans-serif" font-size="14">',
        '<defs><marker id="tip" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="{GREY}"/></marker></defs>',
        frame(0, 0, 980, bottom + 84, "#ffffff").replace("#90a4ae", "none"),
        frame(20, 14, 940, 36, "#f3e5f5"),
        text(
            490,
            37,
            "conformance: speaks the protocol by hand, to test any device; pytest plugin: for tests of yours",
            text_anchor="middle",
        ),
    ]
    for package, rows in packages.items():
        parts += column(package, rows)
    middle = TOP + HEAD + 20
    parts += [arrow(420, middle, 450, middle), arrow(700, middle, 670, middle)]
    emulator = TOP + HEAD + ROW * len(packages["pixeltree_emu"])
    parts += [
        frame(700, emulator + 20, 260, 66, "#eceff1"),
        text(714, emulator + 44, "a real device", font_weight="bold"),
        text(714, emulator + 64, "firmware in C that keeps the protocol", font_size="12", fill=GREY),
        frame(20, bottom, 940, 36, "#ede7f6"),
        text(
            490,
            bottom + 23,
            "pictures: picture files, videos and cameras as grey levels, for host and emulator alike",
            text_anchor="middle",
        ),
        text(
            34,
            bottom + 62,
            "Dashed arrows: imports. A room imports from rooms below it only; rooms side by side do not "
            "import each other. Between host and device: bytes.",
            font_size="12",
            fill=GREY,
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(picture())
