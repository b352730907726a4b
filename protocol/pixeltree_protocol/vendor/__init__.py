"""The vendor's protocols (SCAMP-5 fact sheet, sections 5 and 6), without input or output.

One is what its simulation client says to a simulated array, the other what a SCAMP-5d and its host say to
each other.

Both ends of Pixeltree speak them: the emulator is the array of the vendor's programs, and a host can be the
host of a SCAMP-5d.
"""
