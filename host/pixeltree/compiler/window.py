"""Compile a window node: cut a window out of the input plane and move it to where its child looks.

The node has one outcome and no weights. Of the input plane it keeps what lies in the window, so that nothing
has to be cleared after the move, and 0 stands for all that is not of the input.
"""

from __future__ import annotations

from pixeltree.compiler import ir
from pixeltree.compiler.capture import CaptureGeometry, box, to_blocks
from pixeltree.compiler.ir import Plane, Word
from pixeltree.compiler.layout import INPUT, WINDOW
from pixeltree.errors import CompileError
from pixeltree.model import ModelError, Window
from pixeltree_protocol.chip.registers import Digital

_LOGIT_BITS = 32


def window_unit(geometry: CaptureGeometry, window: Window) -> ir.Unit:
    """A window node as operations on planes.

    Its logit is 0: every node must decide, and this one does by a sample of an AREG that it has cleared.

    Raises:
        CompileError: the window is larger than the input, or sees nothing of it.
    """
    try:
        window.check_input(geometry.size)
    except ModelError as error:
        raise CompileError(str(error)) from error
    x, total = Plane("x"), Plane("total", True)
    cut = ir.Section("cut", [box(geometry, window.inside(geometry.size)), ir.Copy(x, INPUT)])
    cut.operations.append(ir.Keep(x, Digital.RECT))
    move = ir.Section("move", [ir.Shift(x, -window.row * geometry.pitch, -window.column * geometry.pitch)])
    copies = ir.Section("copies", [] if geometry.in_cells else list(to_blocks(geometry, x)))
    keep = ir.Section("keep", [Word("SET", (Digital.R0,)), Word("MOV", (WINDOW,), (x,))])  # R0 lets R12 load
    keep.operations += [ir.ClearSum(total), ir.ScanMap(total, 0, 1, (0, 0, 0, 0), 1), ir.Decide()]
    unit = ir.Unit([cut, move, copies, keep], 1, 8, weights=[0] * _LOGIT_BITS)
    unit.longest_in_line = 0  # moves are blocks of their own, which windows share
    return unit
