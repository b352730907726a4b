"""Two engines side by side: the same planes in, and where they differ afterwards."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tests.support.effort import effort
from tests.support.word_strategies import random_planes

from pixeltree_protocol.chip.isa import decode
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital

SEEDS = st.integers(0, 2**16)
LEVELS = st.integers(-128, 127)

EXAMPLES = effort(300, 75)
CHECKED_ANALOG = (*AREGS, Analog.PIX)
CHECKED_DIGITAL = (*DREGS, Digital.FLAG, Digital.SELECT, Digital.RECT)

agreement = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=False
)


def prepare(engine, seed, level):
    analog, digital = random_planes(seed)
    for register, plane in analog.items():
        engine.set_analog(register, plane)
    for register, plane in digital.items():
        engine.set_digital(register, plane)
    engine.in_level = level


def differences(one, other):
    """Registers that differ, with the number of PEs."""
    found = {}
    for register in CHECKED_ANALOG:
        count = int((one.analog(register) != other.analog(register)).sum())
        found |= {str(register): count} if count else {}
    for register in CHECKED_DIGITAL:
        count = int((one.digital(register) != other.digital(register)).sum())
        found |= {str(register): count} if count else {}
    return found


def listing(words):
    return "\n".join(f"{index:3d}  {decode(word)}" for index, word in enumerate(words))
