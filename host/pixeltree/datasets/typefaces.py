"""Typefaces: which font files there are, which belong together, and their letters as masks.

A *typeface* is one design in one weight and slant; a *family* holds the typefaces of one design. Whole
families go to training, validation or test, so that no letter of the test was seen in another weight.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pixeltree.arguments.files import AnyPath, as_path, visible
from pixeltree.errors import DataError, from_extra

CLASSES = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
"""The 62 classes, in the order of their codes."""

MASK_SIZE = 128
"""Rows and columns of a letter's mask."""

CAPITAL_HEIGHT = 72
"""Height of an H in a mask, in pixels; the baseline of all letters lies at :data:`BASELINE`."""

BASELINE = 96
"""Row of the baseline: with the descender of a g and the ascender of an l, letters are centred."""

SPLITS = ("training", "validation", "test")

_FAMILIES = {
    "dejavu sans": "training",
    "dejavu sans mono": "training",
    "dejavu serif": "training",
    "computer modern": "training",
    "stix sans": "validation",
    "stix mono": "training",
    "cmtt10": "validation",
    "stixgeneral": "test",
    "cmss10": "test",
    **dict.fromkeys(("caladea", "eb garamond", "fontin", "gentium plus", "noto sans"), "training"),
    **dict.fromkeys(("open sans", "open sauce sans", "poppins", "raleway", "roboto"), "training"),
    **dict.fromkeys(("source sans 3", "source serif pro", "ubuntu"), "training"),
    **dict.fromkeys(("lato", "mukta", "xcharter"), "validation"),
}
"""Where families go that matplotlib ships (first) or the extra ``fonts`` has; each part has a sans and a
seriffed or typewriter design. The extra has none for the test, which stays as it is without them."""

_SHIPPED_FILES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmti10", "cmss10", "cmtt10"),
)
"""Matplotlib's other files hold mathematical symbols."""

_PACKAGED_FAMILIES = {
    "rendercv_fonts": (
        "EB Garamond",
        "Fontin",
        "Gentium Book Plus",
        "Lato",
        "Mukta",
        "Noto Sans/NotoSans-*",
        "Open Sans",
        "Open Sauce Sans",
        "Poppins",
        "Raleway",
        "Roboto",
        "Source Sans 3",
        "Ubuntu",
        "XCharter",
    ),
    "font_caladea": ("files/Caladea-*",),
    "font_source_serif_pro": ("files/*.otf",),
}
"""Folders and files of the packages of the extra ``fonts``; Source Serif is there as TrueType as well."""

_MATHEMATICAL = {
    "stix sans": (0x1D5A0, 0x1D7E2),
    "stix sans bold": (0x1D5D4, 0x1D7EC),
    "stix mono": (0x1D670, 0x1D7F6),
}
"""Complete alphabets inside STIXGeneral, as codes of A and of 0 (Unicode, U+1D400 to U+1D7FF)."""

_SAME_DESIGN = {"cmr10": "computer modern", "cmb10": "computer modern", "cmti10": "computer modern"}

_SUFFIXES = (".ttf", ".otf", ".ttc")

_WIDTHS_AND_WEIGHTS = re.compile(
    r"\b(thin|hairline|narrow|book|medium|regular|black|heavy|italic|oblique"
    r"|(extra|ultra|semi|demi)?[ -]?(light|bold|condensed|expanded))\b"
)


@dataclass(frozen=True)
class Typeface:
    """One design in one weight and slant.

    Attributes:
        file: the font file.
        name: family and style.
        family: what all typefaces of the design have in common, in small letters.
        codes: the code point that shows each of :data:`CLASSES`.
    """

    file: Path
    name: str
    family: str
    codes: str

    @property
    def split(self) -> str:
        """Where the family belongs: by table if matplotlib or the extra ``fonts`` has it, else by a hash.

        70% of the families train, 10% validate, 20% test; another folder of fonts does not change where one
        is.
        """
        if self.family in _FAMILIES:
            return _FAMILIES[self.family]
        share = hashlib.blake2b(self.family.encode(), digest_size=4).digest()
        tenth = int.from_bytes(share, "big") % 10
        return SPLITS[(tenth >= 7) + (tenth >= 8)]


def shipped_typefaces() -> list[Typeface]:
    """The typefaces with all 62 classes that matplotlib ships.

    Raises:
        DataError: matplotlib is not installed.
    """
    found = util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise DataError(f"the glyphs use the fonts that matplotlib ships: {from_extra('viz')}")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    typefaces = [face for name in _SHIPPED_FILES for face in _typefaces_in(folder / f"{name}.ttf")]
    letters = string.ascii_uppercase + string.ascii_lowercase
    for name, (first_letter, first_digit) in _MATHEMATICAL.items():
        codes = {letter: chr(first_letter + index) for index, letter in enumerate(letters)}
        codes |= {digit: chr(first_digit + index) for index, digit in enumerate(string.digits)}
        text = "".join(codes[character] for character in CLASSES)
        family = name.removesuffix(" bold")
        typefaces.append(Typeface(folder / "STIXGeneral.ttf", name, family, text))
    return typefaces


def packaged_typefaces() -> list[Typeface]:
    """The typefaces of the extra ``fonts``: 14 families of rendercv-fonts, Caladea, and Source Serif.

    Raises:
        DataError: one of the packages is not installed, or has other files.
    """
    return [
        typeface
        for package, patterns in _PACKAGED_FAMILIES.items()
        for pattern in patterns
        for typeface in _packaged(package, pattern)
    ]


def _packaged(package: str, pattern: str) -> list[Typeface]:
    found = util.find_spec(package)
    if found is None or found.origin is None:
        raise DataError(f"the package {package} is not installed: {from_extra('fonts')}")
    folder = Path(found.origin).parent
    files = folder.glob(pattern if "*" in pattern else f"{pattern}/*")
    fonts = sorted(file for file in files if file.suffix in _SUFFIXES)
    if not fonts:
        raise DataError(
            f"{folder} has no {pattern}: install the version of {package} that constraints.txt names"
        )
    return [typeface for file in fonts for typeface in _typefaces_in(file)]


def typefaces_in(folder: AnyPath) -> list[Typeface]:
    """The typefaces in a folder's font files (.ttf, .otf, .ttc), at any depth, that have all 62 classes.

    Raises:
        DataError: there are none, or a file is damaged.
    """
    files = sorted(path for path in visible(as_path(folder).rglob("*")) if path.suffix.lower() in _SUFFIXES)
    typefaces = [typeface for file in files for typeface in _typefaces_in(file)]
    if not typefaces:
        raise DataError(f"{folder}: none of its {len(files)} font files has all of 0-9, A-Z and a-z")
    return typefaces


def _typefaces_in(file: Path) -> Iterable[Typeface]:
    """The typeface in a file, if every class leaves a shape other than that of absent letters."""
    font = _font(file, MASK_SIZE)
    family, style = (part or "" for part in font.getname())
    absent = _shape(font, "\uffff")
    if all(_shape(font, code) not in (None, absent) for code in CLASSES):
        key = " ".join(_WIDTHS_AND_WEIGHTS.sub(" ", family.lower()).split())
        key = _SAME_DESIGN.get(key, key)
        yield Typeface(file, f"{family} {style}".strip(), key, "".join(CLASSES))


def _shape(font: ImageFont.FreeTypeFont, code: str) -> bytes | None:
    """The coverage that a letter leaves, or None if it leaves nothing."""
    mask = font.getmask(code)
    return bytes(mask) if mask.getbbox() else None


def masks(typeface: Typeface) -> npt.NDArray[np.uint8]:
    """The typeface's letters, at a common scale and on a common baseline, centred from left to right.

    The scale makes an H :data:`CAPITAL_HEIGHT` high, so an o is smaller than an O; a letter too wide for
    its mask is made as wide as the mask.

    Returns:
        uint8 (62, 128, 128), coverage of each pixel, 0 to 255.

    Raises:
        DataError: the file cannot be read.
    """
    trial = _font(typeface.file, 200)
    _, top, _, bottom = trial.getbbox(typeface.codes[CLASSES.index("H")], anchor="ls")
    font = _font(typeface.file, 200 * CAPITAL_HEIGHT / (bottom - top))
    return np.stack([_mask(font, code) for code in typeface.codes])


def _mask(font: ImageFont.FreeTypeFont, code: str) -> npt.NDArray[np.uint8]:
    left, _, right, _ = font.getbbox(code, anchor="ls")
    image = Image.new("L", (max(MASK_SIZE, int(right - left) + 2), MASK_SIZE))
    place = ((image.width - (right - left)) // 2 - left, BASELINE)
    ImageDraw.Draw(image).text(place, code, fill=255, font=font, anchor="ls")
    return np.asarray(image.resize((MASK_SIZE, MASK_SIZE), Image.Resampling.BOX), np.uint8)


def _font(file: Path, size: float) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(str(file), size, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise DataError(f"{file} cannot be read as a font: {error}") from error
