"""The fast engine: blocks are translated once and interpreted by compiled code, one pass per word or fewer.

Modules, in the order in which a block meets them: ``records`` (words to numbers), ``translate`` with
``analog_words``, ``digital_words`` and ``emission`` (numbers to passes), ``optimize`` (to fewer passes),
``interpreter`` with ``analog_ops``, ``errors_ops``, ``digital_ops`` and ``flood``
(passes over planes), ``lanes`` (the vector type those are written in), ``layout`` (where planes lie).
Compiled code: ``compiled`` (what Numba is asked for), ``cache`` (where it is kept, and whether it can be
trusted), ``build`` with ``compile_part`` (how it is made), ``loading``.
Blocks that are run again and again: ``hot`` (which those are), ``fused`` (machine code of their own).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pixeltree_emu.array.fast.engine import FastEngine

__all__ = ["FastEngine"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import the engine, which may compile for a while, only when it is asked for."""
    if name == "FastEngine":
        from pixeltree_emu.array.fast.loading import load_somehow  # noqa: PLC0415

        return load_somehow()
    raise AttributeError(name)
