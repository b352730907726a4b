"""The page of a Python program, in a real browser: what it shows, and what a slider does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.browser import Looked, chromium, until

import pixeltree as pt

EXAMPLE = Path(__file__).parents[2] / "examples" / "live_threshold.py"


def test_the_example_shows_planes_and_a_curve_and_takes_a_slider_and_a_pause():
    with (
        chromium() as browser,
        subprocess.Popen([sys.executable, EXAMPLE], stdout=subprocess.PIPE, text=True) as program,
    ):
        try:
            looked = Looked(browser.new_page(viewport={"width": 1400, "height": 1000}))
            looked.page.goto(program.stdout.readline().strip())
            looked.wait_for_plane("brighter")

            def bright():
                return sum(looked.plane("brighter"))

            looked.wait("pixeltree.panels.get('share of bright pixels').view.points.length > 1")
            looked.set("threshold", 127)
            until(lambda: bright() == 0, "the slider changes nothing")
            looked.press("inverted")
            until(lambda: bright() == 256 * 256, "the switch changes nothing")
            looked.press("pause")
            looked.set("threshold", -127)
            looked.press("step")
            until(lambda: bright() < 256 * 256 // 2, "a single step does not take the slider")
            assert looked.errors == []
        finally:
            program.kill()


def test_what_a_program_gets_wrong_is_said_in_a_sentence():
    with pt.Page() as page:
        page.add_slider("a", 1, 9)
        for wrong, sentence in [
            (lambda: page.add_switch("a"), "there is a control 'a' already"),
            (lambda: page.add_slider("b", 0, 5, 6), "6 is not from 0 to 5"),
            (lambda: page.show_plane("p", np.zeros(9)), "must be .rows, columns."),
            (lambda: page.show_plane("p", np.full((2, 2), 128, np.int16)), "levels from 128 to 128"),
            (lambda: page.show_plane("p", np.zeros((2, 2), np.uint16)), "grey is uint8"),
        ]:
            with pytest.raises(pt.errors.DataError, match=sentence):
                wrong()
        page.plot("p", 3)
        with pytest.raises(pt.errors.DataError, match="'p' is a plot already"):
            page.text("p", "words")
        assert list(page.frames(2)) == [0, 1]
