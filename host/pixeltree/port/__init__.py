"""C++ programs against the vendor's API, translated: kernels to kernel text, the rest to Python.

It is no C++ compiler. It knows the subset that example programs are written in: calls, constants, numbers,
arrays, loops, branches and functions. What it does not know stays in the result as a comment, with the reason
and the line.
"""

from pixeltree.port.kernel_text import kernel_text
from pixeltree.port.program import python_program
from pixeltree.port.report import Ported, Untranslated
from pixeltree.port.source import Source, read_source

__all__ = ["Ported", "Source", "Untranslated", "kernel_text", "python_program", "read_source"]
