"""Measure a chip through a device's public calls, and fit the numbers of the noise model to it."""

from pixeltree.calibrate.calibration import Calibration, Plan, calibrate

__all__ = ["Calibration", "Plan", "calibrate"]
