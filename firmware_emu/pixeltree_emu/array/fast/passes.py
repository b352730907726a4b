"""The passes that blocks are made of: what the columns of a pass mean, and the number of each kind.

A pass is a row of int64: CODE, DST (plane), A and B (planes), OFFSET (distance in bytes of the PE that A, and
B of an addition, are read from), MASK (digital plane that gates the write, or NO_MASK), VALUE, VERSION (of
FLAG, for gated writes: equal versions gate the same PEs), C and D (further planes), DRAW (16 *
word + register, for the draws of a write), ERROR (whether the write adds none, a plain or a dividing error).

C of a simple analog pass says whether it goes together with the next one, which reads what it writes
(PAIRED), and whether nothing else does (PASSED_ON).
"""

CODE, DST, A, B, OFFSET, MASK, VALUE, VERSION, C, D, DRAW, ERROR = range(12)
COLUMNS = 12
EXACT, PLAIN, DIVIDING = range(3)
NO_MASK = -1
NO_PLANE = -1
PAIRED, PASSED_ON = 0, 1

DEAD = 0
# analog: DST plane is analog
FILL = 1  # DST := VALUE
NEGATE = 2  # DST := -A
NEGATE_SUM = 3  # DST := -(A + B)
MOVE = 4  # DST := -(-A), which is A but for -128
ADD = 5  # DST := -(-(A + B))
SUBTRACT = 6  # DST := -(-A + B)
MAGNITUDE = 7  # DST := the abs macro of A
SUM = 8  # DST := -(sum of operands A to A + B of the list) / VALUE
COPY = 9  # DST := A
BLUR = 10  # DST := A after one step of diffusion along the axes of VALUE
SQUARE = 11  # DST := square of the sum of operands A to A + B of the list, / VALUE
LAST_ANALOG = 11
# digital: DST plane is digital
COMPARE = 12  # DST := (sum of operands A to A + B of the list) > 0
COMPARE_ONE = 13  # DST := A > 0
COMPARE_TWO = 14  # DST := A + B > 0
SET_TO = 15  # DST := VALUE
OR = 16  # DST := A | B | C | D, as many as are planes
NOR = 17
SHIFT = 18  # DST := A of the PE OFFSET pixels away at direction B; VALUE beyond the edge
NEIGHBOURS = 19  # DST := OR over directions of A; enables in B, C, D, MASK and the edge in VALUE
FLOOD = 20  # R12 floods; VALUE beyond the edge
SELECT_PATTERN = 21  # DST := rows that match A, columns that match B: address, free bits above
FLOAT_EDGE = 22  # DST |= NEWS > 0 at PEs whose neighbour in a direction that R1 to R4 enable is outside
SELECT_RECTANGLE = 23  # DST := rows in A, columns in B: the first, and above it the last one
CONSTANT = 24  # DST := the plane at address VALUE, as ``constants`` packs it

# Kinds by what they read; the compiled code of other modules spells them out
ONE_SOURCE = frozenset((NEGATE, MOVE, MAGNITUDE, COPY))
TWO_SOURCES = frozenset((NEGATE_SUM, ADD, SUBTRACT))
COMPARISONS = frozenset((COMPARE_ONE, COMPARE_TWO))
SELECTIONS = frozenset((SELECT_PATTERN, SELECT_RECTANGLE, CONSTANT))
