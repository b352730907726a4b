"""The vendor's names of registers and directions, for ``from pixeltree.kernels.names import *``."""

from pixeltree_protocol.chip.kernel_api import ALLDIR
from pixeltree_protocol.chip.registers import Analog, Digital, Direction

A, B, C, D, E, F = Analog.A, Analog.B, Analog.C, Analog.D, Analog.E, Analog.F
NEWS, XN, XE, XS, XW = Analog.NEWS, Analog.XN, Analog.XE, Analog.XS, Analog.XW
PIX, IN = Analog.PIX, Analog.IN

R0, R1, R2, R3, R4, R5, R6 = (Digital(f"R{number}") for number in range(7))
R7, R8, R9, R10, R11, R12 = (Digital(f"R{number}") for number in range(7, 13))
RF, RS, RW, RN, RE, RP = R0, R1, R2, R3, R4, R12
S0, S1, S2, S3, S4, S5, S6 = R5, R6, R7, R8, R9, R10, R11
FLAG, SELECT, RECT = Digital.FLAG, Digital.SELECT, Digital.RECT

north, east, south, west = Direction.NORTH, Direction.EAST, Direction.SOUTH, Direction.WEST
alldir = ALLDIR
