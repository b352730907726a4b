"""What becomes of each kind of picture file, and that host and emulator see the same."""

import io
import logging
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin
from tests.support.effort import effort

from pixeltree.arguments.images import read_picture as read_for_host
from pixeltree.errors import DataError
from pixeltree_emu.errors import EmulatorError, SourceError
from pixeltree_emu.sensor.sources import open_source
from pixeltree_emu.serving.options import parse
from pixeltree_emu.serving.setup import device_of
from pixeltree_pictures import PictureError, Size, read_picture, read_pictures, to_size

ROWS, COLUMNS = np.indices((256, 256))
GREY = ((ROWS * 3 + COLUMNS * 5) % 256).astype(np.uint8)
"""Every level, and neither symmetric nor square in its values."""
COLOURS = np.stack([GREY, GREY[::-1], GREY.T], axis=-1)
DISC = np.hypot(ROWS - 100, COLUMNS - 140) < 60
ON_WHITE = np.where(DISC, 0, 255).astype(np.uint8)


def luma(colours):
    """ITU-R BT.601 in parts of 65,536, to the nearest level."""
    return (colours.astype(int) @ np.array([19595, 38470, 7471]) + 32768) >> 16


def shape_in_alpha(mode):
    image = Image.new(mode, (256, 256))  # black everywhere
    image.putalpha(Image.fromarray(np.where(DISC, np.uint8(255), np.uint8(0))))
    return image


def palette(transparent=False):
    image = Image.fromarray(np.where(DISC, np.uint8(1), np.uint8(0)), "P")
    image.putpalette([10, 20, 30, 0, 0, 0])
    if transparent:
        image.info["transparency"] = 0
    return image


def exif(orientation):
    made = Image.Exif()
    made[0x0112] = orientation
    return made


def tiff_of(values, **tags):
    """A TIFF file with tags that Pillow would write otherwise."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[int(tag[1:])] = value
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF", tiffinfo=directory)
    return stream.getvalue()


def sixteen_bit_colours(path):
    """A PNG with 16 bits per channel, which Pillow reads but does not write."""
    deep = (COLOURS.astype(np.uint16) << 8 | 0xFF).astype(">u2")  # the lower byte is dropped
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    chunks = (
        b"IHDR" + struct.pack(">IIBBBBB", 256, 256, 16, 2, 0, 0, 0),
        b"IDAT" + zlib.compress(rows),
        b"IEND",
    )
    whole = (struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(whole))


KINDS = {
    "grey.png": (lambda path: Image.fromarray(GREY).save(path), GREY),
    "grey.bmp": (lambda path: Image.fromarray(GREY).save(path), GREY),
    "grey.gif": (lambda path: Image.fromarray(GREY).save(path), GREY),
    "grey.tiff": (lambda path: Image.fromarray(GREY).save(path, compression="tiff_lzw"), GREY),
    "grey.webp": (lambda path: Image.fromarray(GREY).save(path, lossless=True), GREY),
    "wrong suffix.jpg": (lambda path: Image.fromarray(GREY).save(path, "PNG"), GREY),
    "CAPITALS.PNG": (lambda path: Image.fromarray(GREY).save(path), GREY),
    "bits.png": (lambda path: Image.fromarray(DISC).save(path), 255 - ON_WHITE),
    "bits.pbm": (lambda path: Image.fromarray(DISC).save(path), 255 - ON_WHITE),
    "few levels.pgm": (
        lambda path: path.write_bytes(b"P5 256 256 15\n" + (GREY // 16).tobytes()),
        GREY // 16 * 17,
    ),
    "palette.png": (lambda path: palette().save(path), np.where(DISC, 0, 18)),
    "colour.png": (lambda path: Image.fromarray(COLOURS).save(path), luma(COLOURS)),
    "cmyk.tiff": (lambda path: Image.fromarray(COLOURS).convert("CMYK").save(path), luma(COLOURS)),
    "sixteen colours.png": (sixteen_bit_colours, luma(COLOURS)),
    "cmyk.jpg": (
        lambda path: Image.merge(
            "CMYK", [Image.fromarray(255 - ON_WHITE)] * 3 + [Image.new("L", (256, 256))]
        ).save(path, quality=100),
        ON_WHITE,
    ),
    "colour.jpg": (
        lambda path: Image.new("RGB", (256, 256), (250, 100, 20)).save(path),
        np.full((256, 256), 136),
    ),
    "colour alpha key.png": (
        lambda path: (
            Image.fromarray(np.where(DISC, 0, 7).astype(np.uint8))
            .convert("RGB")
            .save(path, transparency=(7, 7, 7))
        ),
        ON_WHITE,
    ),
    "floats.pfm": (lambda path: Image.fromarray((GREY / 255).astype(np.float32)).save(path), GREY),
    "opaque.png": (lambda path: Image.fromarray(COLOURS).convert("RGBA").save(path), luma(COLOURS)),
    "alpha.png": (lambda path: shape_in_alpha("RGB").save(path), ON_WHITE),
    "grey alpha.png": (lambda path: shape_in_alpha("L").save(path), ON_WHITE),
    "alpha.webp": (lambda path: shape_in_alpha("RGB").save(path, lossless=True, exact=True), ON_WHITE),
    "palette alpha.png": (lambda path: palette(True).save(path), ON_WHITE),
    "palette alpha.gif": (lambda path: palette(True).save(path), ON_WHITE),
    "key colour.png": (
        lambda path: Image.fromarray(np.where(DISC, np.uint8(0), np.uint8(7))).save(path, transparency=7),
        ON_WHITE,
    ),
    "sixteen.png": (lambda path: Image.fromarray(GREY.astype(np.uint16) * 257).save(path), GREY),
    "sixteen.pgm": (lambda path: Image.fromarray(GREY.astype(np.uint16) * 257).save(path), GREY),
    "sixteen.tiff": (lambda path: Image.fromarray(GREY.astype(np.uint16) * 257).save(path), GREY),
    "sixteen rounded.png": (
        lambda path: Image.fromarray(np.where(DISC, np.uint16(65535 - 128), np.uint16(128))).save(path),
        np.where(DISC, 255, 0),
    ),
    "sixteen key.png": (
        lambda path: Image.fromarray(np.where(DISC, np.uint16(0), np.uint16(999))).save(
            path, transparency=999
        ),
        ON_WHITE,
    ),
    "sixteen inverted.tiff": (
        lambda path: path.write_bytes(tiff_of(GREY.astype(np.uint16) * 257, _262=0)),
        255 - GREY.astype(int),
    ),
    "floats.tiff": (lambda path: Image.fromarray((GREY / 255).astype(np.float32)).save(path), GREY),
    "bytes.npy": (lambda path: np.save(path, np.asfortranarray(GREY)), GREY),
    "bits.npy": (lambda path: np.save(path, DISC), 255 - ON_WHITE),
    "sixteen.npy": (lambda path: np.save(path, (GREY.astype(">u2") * 257)), GREY),
    "floats.npy": (lambda path: np.save(path, GREY / 255), GREY),
    "half floats.npy": (
        lambda path: np.save(path, np.where(DISC, 1, 0.5).astype(np.float16)),
        np.where(DISC, 255, 128),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_read_as_a_person_sees_it_by_host_and_emulator_alike(tmp_path, name):
    write, wanted = KINDS[name]
    write(tmp_path / name)
    seen = read_for_host(tmp_path / name)
    assert seen.dtype == np.uint8
    off = {"cmyk.tiff": 2, "cmyk.jpg": 6, "colour.jpg": 1}.get(name, 0)  # inks and JPEG round for themselves
    assert np.max(np.abs(seen.astype(int) - wanted)) <= off
    assert np.array_equal(open_source(str(tmp_path / name)).frame(0), seen)


OTHER_SIZES = {
    "wide.png": lambda path, grey: Image.fromarray(grey).save(path),
    "colour.jpg": lambda path, grey: Image.fromarray(np.stack([grey, grey // 2, grey], -1)).save(path),
    "turned.jpg": lambda path, grey: Image.fromarray(grey).save(path, exif=exif(6)),
    "alpha.webp": lambda path, grey: Image.fromarray(np.stack([grey, grey, grey, grey], -1)).save(path),
    "sixteen.tiff": lambda path, grey: Image.fromarray(grey.astype(np.uint16) * 257).save(path),
    "floats.npy": lambda path, grey: np.save(path, grey / 255),
}


@pytest.mark.parametrize("name", OTHER_SIZES)
@pytest.mark.parametrize("shape", [(100, 301), (301, 100), (40, 40), (512, 512)])
def test_fitting_gives_the_same_pixels_in_host_and_emulator(tmp_path, name, shape):
    """``run-kernel --image FILE --fit`` and ``emulate --source FILE --fit``; without it both refuse."""
    OTHER_SIZES[name](tmp_path / name, np.random.default_rng(1).integers(1, 256, shape, np.uint8))
    seen = read_for_host(tmp_path / name, fit=True)
    assert seen.shape == (256, 256)
    fitted = device_of(parse(["--source", str(tmp_path / name), "--fit", "--engine", "reference"]))
    assert np.array_equal(fitted.array.sensor.source.frame(3), seen)
    for read, error in ((read_for_host, DataError), (lambda file: open_source(str(file)), SourceError)):
        sentence = rf"{name} is \d+ x \d+ pixels; the sensor has 256 x 256 \(--fit crops and scales\)"
        with pytest.raises(error, match=sentence):
            read(tmp_path / name)


def test_fitting_without_a_source_is_refused():
    with pytest.raises(EmulatorError, match="--fit is about the pictures of --source"):
        device_of(parse(["--fit", "--engine", "reference"]))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_a_turned_photo_is_read_upright(tmp_path, suffix, orientation):
    """The eight orientations of EXIF: how the stored picture must be turned to be seen."""
    upright = np.zeros((32, 48), np.uint8)
    upright[:16, :16] = 250  # bright at the top left
    upright[16:, 16:] = 120
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),  # the camera was turned clockwise by 90 degrees
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / f"photo{suffix}"
    options = {".jpg": {"quality": 100}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif(orientation), **options)
    assert np.max(np.abs(read_picture(path).astype(int) - upright)) <= 4


def test_half_transparent_parts_are_mixed_with_white(tmp_path):
    image = Image.new("RGBA", (2, 1), (100, 100, 100, 51))  # a fifth of 100, four fifths of 255
    image.save(tmp_path / "glass.png")
    assert read_picture(tmp_path / "glass.png").tolist() == [[224, 224]]


def test_the_first_picture_of_a_camera_file_with_previews_is_the_photo(tmp_path):
    path = tmp_path / "photo.jpg"
    preview = Image.new("L", (16, 16), 9)
    Image.new("L", (64, 48), 200).save(path, "MPO", save_all=True, append_images=[preview])
    assert np.array_equal(read_picture(path), np.full((48, 64), 200))


def test_the_stack_of_an_array_file_may_have_every_type_that_pictures_have(tmp_path):
    frames = np.stack([GREY, GREY.T])
    for values in (frames, frames / 255, frames.astype(np.uint16) * 257):
        np.save(tmp_path / "stack.npy", values)
        assert np.array_equal(read_pictures(tmp_path / "stack.npy"), frames)
        source = open_source(str(tmp_path / "stack.npy"))
        assert all(np.array_equal(source.frame(index), frames[index % 2]) for index in range(4))


def animation(path):
    frames = [Image.new("L", (256, 256), level) for level in (10, 90, 170)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)


def values(array):
    return lambda path: np.save(path, array)


def picture(image, **options):
    return lambda path: image.save(path, **options)


def png_that_claims(side):
    """A PNG file that has a size and no pixels: a reader that decodes first finds it cut."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + pixels + chunk(b"IEND", b""))


WHOLE = io.BytesIO()
Image.fromarray(COLOURS).save(WHOLE, "PNG")
JPEG = io.BytesIO()
Image.fromarray(COLOURS).save(JPEG, "JPEG")

REFUSED = {
    "clear.png": (picture(Image.new("RGBA", (256, 256))), "would be all white"),
    "white icon.png": (
        picture(Image.merge("LA", (Image.new("L", (256, 256), 255), shape_in_alpha("L").getchannel("A")))),
        "would be all white: its transparent parts are put on white",
    ),
    "moving.gif": (animation, "holds 3 pictures"),
    "moving.webp": (animation, "holds 3 pictures"),
    "moving.png": (animation, "holds 3 pictures"),
    "pages.tiff": (animation, "holds 3 pictures"),
    "integers.tiff": (picture(Image.new("I", (256, 256), 70_000)), "pixels of kind I;"),
    "lab.tiff": (picture(Image.new("LAB", (256, 256))), "pixels of kind LAB"),
    "nan.tiff": (picture(Image.fromarray(np.full((256, 256), np.nan, np.float32))), r"\(nan\)"),
    "bytes as floats.tiff": (picture(Image.fromarray(GREY.astype(np.float32))), "from 0 to 255; floats must"),
    "nan.npy": (values(np.full((256, 256), np.nan)), r"\(nan\)"),
    "inf.npy": (values(np.full((256, 256), np.inf)), "from 0 to inf"),
    "below.npy": (values(np.full((256, 256), -0.01)), "from -0.01 to 0"),
    "signed.npy": (values(GREY.astype(np.int64)), "type int64, for which nothing says what is white"),
    "words.npy": (values(np.full((256, 256), "a")), "type <U1"),
    "complex.npy": (values(np.zeros((256, 256), complex)), "type complex128"),
    "objects.npy": (values(np.full((256, 256), None)), "cannot read"),
    "colours.npy": (values(COLOURS), r"256 x 256|\(256, 256, 3\)|3 x 256 pixels"),
    "nothing.npy": (values(np.zeros((0, 256), np.uint8)), "nothing.npy"),
    "line.npy": (values(np.zeros(256, np.uint8)), r"shape \(256,\)"),
    "huge.npy": (
        lambda path: path.write_bytes(
            b"\x93NUMPY\x01\x00\x76\x00"
            + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117)
            + b"\n"
        ),
        "cannot read",
    ),
    "huge.png": (png_that_claims(20_000), "too large: a picture has at most 89,478,485"),
    "large.png": (png_that_claims(12_000), "is 12,000 x 12,000 pixels, which is too large"),
    "cut.png": (lambda path: path.write_bytes(WHOLE.getvalue()[:-2000]), "cannot read"),
    "cut.jpg": (lambda path: path.write_bytes(JPEG.getvalue()[:-2000]), "cannot read"),
    "empty.png": (lambda path: path.write_bytes(b""), "is not an image of a known kind"),
    "empty.npy": (lambda path: path.write_bytes(b""), "cannot read"),
    "noise.png": (lambda path: path.write_bytes(b"no image at all"), "is not an image of a known kind"),
    "program.png": (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "is not an image"),
    "absent.png": (lambda path: None, "cannot read .*absent.png: No such file"),
    "absent.npy": (lambda path: None, "cannot read .*absent.npy: No such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_seen_as_meant_is_refused_in_a_sentence_that_names_the_file(tmp_path, name):
    write, sentence = REFUSED[name]
    write(tmp_path / name)
    for read, error in ((read_for_host, DataError), (lambda file: open_source(str(file)), SourceError)):
        with pytest.raises(error, match=sentence) as refused:
            read(tmp_path / name)
        assert name in str(refused.value)
        assert "\n" not in str(refused.value)


def test_sixteen_bits_with_the_values_of_eight_are_read_as_they_are_and_warned_of(tmp_path, caplog):
    Image.fromarray(GREY.astype(np.uint16)).save(tmp_path / "dark.png")
    with caplog.at_level(logging.WARNING):
        assert read_picture(tmp_path / "dark.png").max() == 1
    assert "dark.png is almost black" in caplog.text
    caplog.clear()
    Image.fromarray(np.zeros((256, 256), np.uint16)).save(tmp_path / "cap.png")
    assert not read_picture(tmp_path / "cap.png").any()
    assert not caplog.text


def test_twelve_bits_have_a_white_of_their_own(tmp_path):
    """Two pixels of 12 bits in 3 bytes, big end first: 4,095 is white, 2,048 is in the middle."""
    packed = bytes([0xFF, 0xF8, 0x00] * 128 * 256)
    path = tmp_path / "deep.tiff"
    head = tiff_of(np.zeros((256, 256), np.uint16))
    image = Image.open(io.BytesIO(head))
    offset, bits = image.tag_v2[273][0], head.index(np.array([258, 3], "<u2").tobytes()) + 8
    count = head.index(np.array([279, 4], "<u2").tobytes()) + 8
    made = bytearray(head)
    made[bits : bits + 2] = (12).to_bytes(2, "little")
    made[count : count + 4] = len(packed).to_bytes(4, "little")
    made[offset : offset + len(packed)] = packed
    path.write_bytes(made[: offset + len(packed)] if offset > bits else made)
    assert read_picture(path)[:, :4].tolist() == [[255, 128, 255, 128]] * 256


@given(st.integers(1, 40), st.integers(1, 40))
def test_fitting_cuts_the_middle_out(rows, columns):
    """A picture whose middle square is bright: what is cut off was dark, so nothing dark is left."""
    side = min(rows, columns)
    grey = np.zeros((rows, columns), np.uint8)
    top, left = (rows - side) // 2, (columns - side) // 2
    grey[top : top + side, left : left + side] = 200
    fitted = to_size(grey, Size(16, 16), True, "it")
    assert fitted.shape == (16, 16)
    assert np.all(fitted == 200)


def test_shrinking_rounds_to_the_nearest_level():
    """The mean of 1 and 2, which lies between two levels, is not cut down to 1."""
    stripes = np.tile(np.array([1, 2], np.uint8), (64, 32))
    assert np.mean(to_size(stripes, Size(4, 4), True, "it")) >= 1.5


SEEDS = {}
for kind, options in {
    "PNG": {},
    "JPEG": {},
    "BMP": {},
    "GIF": {},
    "PPM": {},
    "TIFF": {"compression": "tiff_lzw"},
    "WEBP": {},
}.items():
    stream = io.BytesIO()
    Image.fromarray(COLOURS[:24, :24]).save(
        stream, kind, **options, **({} if kind in ("BMP", "GIF", "PPM") else {"exif": exif(6)})
    )
    SEEDS[kind] = stream.getvalue()
stream = io.BytesIO()
np.save(stream, GREY[:8, :8])
SEEDS["NPY"] = stream.getvalue()


@settings(max_examples=effort(300, 75), deadline=None)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    st.integers(0, 10_000),
)
def test_whatever_is_damaged_a_picture_or_a_sentence_comes_out(tmp_path_factory, kind, changes, length):
    data = bytearray(SEEDS[kind])
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path_factory.getbasetemp() / f"damaged.{'npy' if kind == 'NPY' else 'png'}"
    path.write_bytes(data[: length % len(data) + 1] if length % 2 else data)
    try:
        seen = read_picture(path)
    except PictureError as error:
        assert "damaged." in str(error)
    else:
        assert seen.dtype == np.uint8
        assert seen.ndim == 2
