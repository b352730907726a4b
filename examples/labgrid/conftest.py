"""The device of the place, for the fixtures of Pixeltree's pytest plugin: ppa, ppa_chip, ppa_runner."""

import pytest


@pytest.fixture(scope="session")
def ppa_device(target):
    """In place of ``--ppa``; ``target`` is labgrid's."""
    driver = target.get_driver("PixeltreeDriver")
    yield driver.device
    target.deactivate(driver)
