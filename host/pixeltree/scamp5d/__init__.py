"""The host of a SCAMP-5d, or of a program on an emulated array: what it shows, and its sliders.

>>> import pixeltree as pt
>>> with pt.scamp5d.connect("tcp://127.0.0.1:27888") as scamp:                      # doctest: +SKIP
...     scamp.wait(lambda panel: panel.elements)
...     scamp.send_gui_value("threshold", 50)
"""

from pixeltree.scamp5d import module
from pixeltree.scamp5d.host import Scamp5d, check_url, connect
from pixeltree_protocol.vendor.gui import Display, Element
from pixeltree_protocol.vendor.panel import Panel, Shown

__all__ = ["Display", "Element", "Panel", "Scamp5d", "Shown", "check_url", "connect", "module"]
