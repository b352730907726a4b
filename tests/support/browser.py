"""A real Chromium, without a window, driven by Playwright."""

import contextlib
import os
import shutil
import time

import pytest

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SECONDS = 60
"""How long something may take to appear on a page: enough for a machine that does much else."""


@contextlib.contextmanager
def chromium():
    """The browser, with an empty profile; without one a test is skipped, but never in CI."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        said = "no Chromium is installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Looked:
    """What a page of Pixeltree shows."""

    def __init__(self, page):
        self.page = page
        self.errors = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def plane(self, panel):
        """The numbers of a plane, row by row, as the page has them."""
        return self.planes(panel)[0]

    def planes(self, *panels):
        """Several planes of one moment."""
        script = (
            "names => names.map((name) => Array.from(pixeltree.panels.get(name).view.plane.data).join(' '))"
        )
        return [[int(each) for each in text.split()] for text in self.page.evaluate(script, panels)]

    def painted(self, panel):
        """The colours on the screen, red alone, of all pixels of the canvas, as text."""
        script = """name => { const canvas = document.querySelector(`canvas[data-panel="${name}"]`);
        const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return Array.from(all.filter((_, index) => index % 4 === 0)).join(" "); }"""
        return self.page.evaluate(script, panel)

    def drawn(self):
        return self.page.evaluate("pixeltree.drawn")

    def wait(self, condition):
        """Until a condition of JavaScript holds."""
        until(lambda: self.page.evaluate(f"Boolean({condition})"), f"it never came: {condition}")

    def wait_for_plane(self, panel):
        self.wait(f"pixeltree.panels.get({panel!r})?.view.plane")

    def set(self, control, value):
        """Move a slider as its user does: its input event is what the page hears."""
        self.page.locator(f'input[data-control="{control}"]').fill(str(value))

    def press(self, control):
        self.page.locator(f'button[data-control="{control}"]').click()


def until(condition, said="it never came"):
    """Wait for something that is asked for in Python."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(said)
