"""Devices for labgrid: a sensor in a laboratory, acquired, powered and driven by tests on other machines.

labgrid has no entry points for drivers: an environment file names this package under ``imports``. It needs
labgrid (Pixeltree's extra ``labgrid``), and nothing else of Pixeltree imports it.
"""

from pixeltree_labgrid.driver import PixeltreeDriver
from pixeltree_labgrid.resource import PixeltreeDevice

__all__ = ["PixeltreeDevice", "PixeltreeDriver"]
