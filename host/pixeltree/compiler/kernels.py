"""The kernel blocks of the network stack. All nodes of equal shape share them; only weights differ."""

from __future__ import annotations

from pixeltree.compiler.plan import BIAS, INPUT, SHIFTED, SUM, TEMPS, WEIGHT
from pixeltree.kernels import Kernel
from pixeltree_protocol.registers import Analog, Digital, Direction

_T0, _T1, _T2 = TEMPS


def shift(kernel: Kernel, plane: Digital, pixels: int) -> None:
    """Move a plane by ``pixels`` in the direction set by :meth:`Kernel.look`.

    Two words a pixel, through a second register: chaining single words is faster but unreliable on the
    chip (fact sheet 3.7).
    """
    through = _T1 if plane is not _T1 else _T2
    for _ in range(pixels):
        kernel.DNEWS0(through, plane)
        kernel.MOV(plane, through)


def clear_bias() -> Kernel:
    """BIAS := 0."""
    kernel = Kernel()
    kernel.all()
    kernel.res(BIAS)
    return kernel


def add_bias_bit() -> Kernel:
    """BIAS := 2 BIAS + (IN where WEIGHT): Horner's rule, one bit of every block's bias."""
    kernel = Kernel()
    kernel.all()
    kernel.mov(SUM, BIAS)
    kernel.add(BIAS, BIAS, SUM)
    kernel.WHERE(WEIGHT)
    kernel.add(BIAS, BIAS, Analog.IN)
    return kernel


def begin_sum() -> Kernel:
    """SUM := 0 and a fresh copy of the input to shift."""
    kernel = Kernel()
    kernel.all()
    kernel.res(SUM)
    kernel.MOV(SHIFTED, INPUT)
    return kernel


def tap(then_look: Direction | None) -> Kernel:
    """SUM := SUM - IN where input and weight differ; then move the input on by one pixel."""
    kernel = Kernel()
    kernel.NOR(_T0, SHIFTED, WEIGHT)
    kernel.NOR(_T1, SHIFTED, _T0)  # weight but no input
    kernel.NOR(_T2, WEIGHT, _T0)  # input but no weight
    kernel.WHERE(_T1, _T2)
    kernel.sub(SUM, SUM, Analog.IN)
    if then_look is not None:
        kernel.look(then_look)
        shift(kernel, SHIFTED, 1)
    return kernel


def binarize() -> Kernel:
    """Apply the folded bias to the whole array by one add, and keep the sign: SHIFTED := SUM + BIAS > 0."""
    kernel = Kernel()
    kernel.all()
    kernel.add(SUM, SUM, BIAS)
    kernel.where(SUM)
    kernel.MOV(SHIFTED, Digital.FLAG)
    kernel.all()
    return kernel


def pool(side: int) -> Kernel:
    """SHIFTED := OR over a window of ``side`` x ``side`` to the right and below, by doubling."""
    kernel = Kernel()
    for direction in (Direction.SOUTH, Direction.EAST):
        kernel.look(direction)
        reach = 1
        while reach < side:
            kernel.MOV(_T0, SHIFTED)
            shift(kernel, _T0, reach)
            merge(kernel)
            reach *= 2
    return kernel


def pack(side: int) -> Kernel:
    """Keep one PE per pooling cell (SELECT), then fold ``side`` rows of cells into one."""
    kernel = Kernel()
    keep_selected(kernel, Digital.SELECT)
    reach = 1
    while reach < side:
        kernel.MOV(_T0, SHIFTED)
        kernel.look(Direction.SOUTH)
        shift(kernel, _T0, reach * side)
        kernel.look(Direction.WEST)
        shift(kernel, _T0, reach)
        merge(kernel)
        reach *= 2
    return kernel


def keep_selected(kernel: Kernel, selection: Digital) -> None:
    """SHIFTED := SHIFTED AND selection."""
    kernel.NOT(_T0, SHIFTED)
    kernel.NOT(_T1, selection)
    kernel.NOR(SHIFTED, _T0, _T1)


def merge(kernel: Kernel) -> None:
    """SHIFTED := SHIFTED OR the moved copy in the first temporary."""
    kernel.OR(_T1, SHIFTED, _T0)
    kernel.MOV(SHIFTED, _T1)
