"""Tests of an application, on the sensor that labgrid gave this machine."""

import pixeltree as pt


def test_the_sensor_computes(ppa, ppa_chip):
    ppa_chip.load_rect(pt.R5, 10, 20, 30, 40)
    assert ppa.read_plane("R5").sum() == 21 * 21


def test_a_tree_runs(ppa_runner):
    assert ppa_runner(pt.zoo.load("digits"), memory_limit=8000).run_frame().path
