"""Presets of a chip's errors as users name them: one of the package, or a file that was measured."""

from __future__ import annotations

from pixeltree.arguments.files import TEXT, as_path
from pixeltree.errors import DataError, PresetError
from pixeltree_protocol.chip.preset_file import SUFFIX, PresetNumbers, named, parsed


def read_preset(name: str) -> PresetNumbers:
    """The numbers of a preset.

    Args:
        name: ``ideal``, ``typical`` or ``harsh``, or the path of a file that ends in ``.toml``.

    Raises:
        DataError: there is no such preset, or the file cannot be read or is none.
    """
    try:
        if not name.endswith(SUFFIX):
            return named(name)
        return parsed(as_path(name).read_text(TEXT), name)
    except OSError as error:
        raise DataError(f"cannot read the preset {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"the preset {name} is not UTF-8: {error}") from error
    except PresetError as error:
        raise DataError(str(error)) from error
