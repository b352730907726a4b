"""Every error that a user of the host can meet. Messages say what happened, where, and what to do.

All derive from :class:`PixeltreeError`. Those of the protocol and of the reader of pictures are here by the
same names. The errors of the emulator's daemon derive from it too; they stay in ``pixeltree_emu.errors``,
because the daemon is a process of its own, which tells its hosts by the protocol.
"""

from __future__ import annotations

from pixeltree_pictures import PictureError, SizeError
from pixeltree_protocol.errors import (
    ArrayPortError,
    AssemblyError,
    FramingError,
    InstructionError,
    MessageError,
    ObjectError,
    PixeltreeError,
    PresetError,
    ProgramError,
    ProtocolError,
    StateError,
    TreeFileError,
)

__all__ = [
    "ArrayPortError",
    "AssemblyError",
    "CannotTranslateError",
    "CheckpointError",
    "CompileError",
    "DataError",
    "DeviceError",
    "FramingError",
    "InstructionError",
    "LinkError",
    "MessageError",
    "ModelError",
    "NoRoomError",
    "NotExactError",
    "ObjectError",
    "PictureError",
    "PixeltreeError",
    "PresetError",
    "ProgramError",
    "ProtocolError",
    "RecipeError",
    "SessionLostError",
    "SizeError",
    "SpecificationError",
    "StateError",
    "TreeError",
    "TreeFileError",
    "WorkerError",
]


def from_extra(extra: str) -> str:
    """How to install what an extra of the package has; nothing is published, so it comes from a clone."""
    return f"in a clone of Pixeltree, run pip install '.[{extra}]'"


class LinkError(PixeltreeError):
    """The wire to the device cannot be opened, was lost, or went silent."""


class SessionLostError(LinkError):
    """The device no longer knows this session: what was under way will not be answered.

    Attributes:
        restarted: whether the device was started anew, so that its objects and tree are gone too.
    """

    def __init__(self, message: str, restarted: bool) -> None:
        super().__init__(message)
        self.restarted = restarted


class DeviceError(PixeltreeError):
    """The device refused a request or ended a frame with an error.

    Attributes:
        code: the protocol's error code, as a name.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class CompileError(PixeltreeError):
    """A network does not fit the array, the register file or the controller's limits."""


class TreeError(PixeltreeError):
    """A tree file cannot be read, or a tree does not fit what it is used for."""


class NoRoomError(TreeError):
    """An object does not fit beside what must stay."""


class DataError(PixeltreeError):
    """An image, a number, a file or another argument has the wrong shape, type or range."""


class ModelError(PixeltreeError, ValueError):
    """A folded model, or an input to one, has the wrong shape, type or range."""


class NotExactError(ModelError):
    """An imported network needs a number that cannot be compared with 0 exactly; the message says why."""


class SpecificationError(ModelError):
    """A network that cannot be: layers that do not fit each other, or a number out of range."""


class RecipeError(PixeltreeError):
    """A recipe cannot be read, or asks for something that does not exist or does not fit together."""


class CheckpointError(PixeltreeError):
    """A checkpoint cannot be read or written, or is of another recipe or other data."""


class WorkerError(PixeltreeError):
    """Processes that did a part of the work died, again and again."""


class CannotTranslateError(PixeltreeError):
    """A piece of C++ has no translation; the message is the reason. It stays as a comment."""
