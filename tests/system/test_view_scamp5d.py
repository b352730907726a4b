"""What a program of the vendor's displays, in a real browser, and its sliders."""

import contextlib
import os
import socket
import subprocess
import tempfile

import numpy as np
import pytest
from tests.support.browser import Looked, chromium, until
from tests.support.command_line import COMMAND_LINE, Process

import pixeltree as pt
from pixeltree.links.emulator import EmulatorProcess
from pixeltree.view.board import Board
from pixeltree.view.feed import Running
from pixeltree.view.feed_scamp5d import Scamp5dFeed
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.drawing import Op, draw
from pixeltree_protocol.vendor.packets import Code, DataType, FrameReader, Message, Route, messages
from pixeltree_protocol.vendor.panel import HELLO

CAMERA, BRIGHT, SHARE = "camera", "brighter than the threshold", "share of bright pixels"
NOTICE = "document.getElementById('notice')"


@contextlib.contextmanager
def page_of(url):
    """``pixeltree view`` as a user starts it, in a browser; a script that fails is a failure."""
    with chromium() as browser, tempfile.TemporaryFile() as errors:
        process = Process(COMMAND_LINE, ["view", url], errors)
        try:
            line = process.stdout.readline()
            errors.seek(0)
            assert line.startswith("Page: http://127.0.0.1:"), errors.read().decode()
            looked = Looked(browser.new_page(viewport={"width": 1400, "height": 1000}))
            looked.page.goto(line.split()[-1])
            yield looked
            assert looked.errors == []
        finally:
            process.send_signal(15)
            process.communicate(60)


@contextlib.contextmanager
def program_on(emulator, program):
    address = next(url.removeprefix("vendor-sim://") for url in emulator.urls if "vendor-sim" in url)
    process = subprocess.Popen([program], env={**os.environ, "PIXELTREE_VENDOR_SIM": address})
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_a_program_shows_its_displays_in_the_page_and_its_slider_changes_the_next_frame(
    tmp_path, threshold_box
):
    """The scene has every brightness, so that the share of bright pixels tells the threshold."""
    np.save(tmp_path / "ramp.npy", np.broadcast_to(np.arange(256, dtype=np.uint8), (1, 256, 256)))
    listen = ("--listen=vendor-sim://127.0.0.1:0?rate=30", "--listen=vendor-host://127.0.0.1:0")
    with EmulatorProcess(*listen, f"--source={tmp_path / 'ramp.npy'}") as emulator:
        port = next(url for url in emulator.urls if "vendor-host" in url).rpartition(":")[2]
        with page_of(f"scamp5d:tcp://127.0.0.1:{port}") as looked:
            looked.wait(f"{NOTICE}.textContent === 'No program shows anything yet.'")

            def level():
                """Which column of the ramp the bright part begins at."""
                return looked.plane(BRIGHT)[:256].index(1)

            with program_on(emulator, threshold_box):
                looked.wait_for_plane(CAMERA)
                looked.wait_for_plane(BRIGHT)
                looked.wait(f"{NOTICE}.hidden")
                camera = np.array(looked.plane(CAMERA)).reshape(256, 256)
                assert (np.diff(camera[0]) >= 0).all() and camera[0, 255] > camera[0, 0] + 200
                first = level()
                looked.wait(f"pixeltree.panels.get('{BRIGHT}').view.marks?.boxes.length")
                box = f"pixeltree.panels.get('{BRIGHT}').view.marks.boxes[0]"
                assert looked.page.evaluate(box) == [0, first, 256, 256 - first]
                looked.wait(f"pixeltree.panels.get('{SHARE}').view.points.length > 1")
                looked.wait("document.querySelector('pre.text').textContent.includes('rows 0 to 255')")
                looked.set("element 0: threshold", -60)
                until(lambda: 0 < level() < first - 80, "the slider changes nothing")
                looked.press("element 1: box")
                looked.wait(f"pixeltree.panels.get('{BRIGHT}').view.marks?.boxes.length === 0")
            looked.wait(f"{NOTICE}.textContent.startsWith('The program has ended.')")
            with program_on(emulator, threshold_box):  # it begins with its own value, and the page shows that
                looked.wait(f"{NOTICE}.hidden")
                until(lambda: level() == first, "the next program is not shown")
                slider = looked.page.locator('input[data-control="element 0: threshold"]')
                until(lambda: slider.input_value() == "40")


def numbers(*values, channel):
    return payloads.numbers(DataType.FLOAT, np.array(values), channel).encode()


def test_plots_bars_ranges_and_elements_of_every_kind_come_to_the_board_and_a_lost_device_is_found_again():
    shapes = gui.Shape
    described = gui.displays(
        [
            gui.Display(shapes.BARPLOT, "bars", row=1, least=-5, most=5),
            gui.Display(shapes.SCOPE, "curves"),
            gui.Display(shapes.SCOPE, "curves", column=1),
        ]
    )
    moving = gui.elements(
        [
            gui.Element(shapes.BUTTON, "go"),
            gui.Element(shapes.SLIDER, "gain", 0, 10, 4),
            gui.Element(shapes.SLIDER, "gain", 9, 0, 40),
            gui.Element(shapes.CHECKBOX, "on", initial=1),
        ]
    )
    board = Board()
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with Running(Scamp5dFeed(address), board, rate=100):
            connected = stack.enter_context(server.accept()[0])
            connected.settimeout(60)
            connected.sendall(described.encode() + moving.encode())

            def controls():
                return {c.name: c.value for c in board.layout.controls if c.name.startswith("element")}

            initial = {
                "element 0: go": False,
                "element 1: gain": 4,
                "element 2: gain": 9,
                "element 3: on": True,
            }
            until(lambda: controls() == initial)
            connected.sendall(
                numbers(1, -2, float("nan"), channel=100)
                + numbers(1, -2, 3, channel=100)
                + numbers(7, float("inf"), channel=101)
                + numbers(*range(300), channel=7)
            )
            names = ["curves: 1", "curves: 2", "curves (channel 102)", "bars: bars", "channel 7: range"]
            until(lambda: [panel.name for panel in board.layout.panels][:5] == names)
            until(lambda: (seen := board.update_after(dict.fromkeys(names, 0))) and len(seen.values) == 2)
            seen = board.update_after(dict.fromkeys(names, 0))
            assert seen.values == {
                "bars: bars": [1, -2, 3], "channel 7: range": "1 rows, 300 columns, from 0.0 to 299.0"
            }  # fmt: skip
            assert [value for _, value in seen.series["curves: 1"]] == [7]
            assert "curves: 2" not in seen.series, "an infinite number is no point"
            board.turn("element 2: gain", 5)
            board.turn("element 0: go", True)
            said = FrameReader()
            expected = [
                (Code.HOST_ON, 0, 0),
                (Code.GUI_REQUEST, 0, 0),
                (Code.GUI_UPDATE, 2, 5),
                (Code.GUI_UPDATE, 0, 1),
            ]
            heard = []
            while len(heard) < len(expected):
                for packet in said.feed(connected.recv(4096)):
                    heard += [(m.code, m.item, m.signed) for m in packet.messages()]
            assert heard == expected
            connected.sendall(messages(Message(Route.HOST, Code.GUI_FEEDBACK, 1, 8)))
            until(lambda: controls()["element 1: gain"] == 8)
            connected.sendall(messages(Message(Route.HOST, Code.SLIDER_MAX, 1, 20)))
            until(lambda: ("element 1: gain", 20) in [(c.name, c.most) for c in board.layout.controls])
            connected.close()
            until(lambda: "Trying again" in board.said)
            connected = stack.enter_context(server.accept()[0])
            connected.settimeout(60)
            assert connected.recv(len(HELLO), socket.MSG_WAITALL) == HELLO
            until(lambda: board.said == "No program shows anything yet.")
            connected.sendall(moving.encode())
            until(lambda: board.said == "" and controls() == initial)
    with pytest.raises(pt.errors.LinkError, match="tcp://HOST:27888"):
        Scamp5dFeed("serial:///dev/ttyACM0")


def test_drawings_pictures_in_colour_patches_and_scatter_plots_come_to_the_page():
    described = gui.displays(
        [
            gui.Display(gui.Shape.DISPLAY, "drawn"),
            gui.Display(gui.Shape.SCATTER, "cloud", column=1, least=0, most=10, x_least=-5, x_most=5),
        ]
    )
    colours = np.zeros((4, 8, 3), np.uint8)
    colours[0, 1] = (100, 200, 50)
    line = draw([(Op.COLOUR, (255, 0, 16, 255)), (Op.LINE_WIDTH, (2, 1)), (Op.LINE, (0, 0, 64, 256))], 100)
    points = payloads.numbers(DataType.INT16, np.array([[-5, 0], [5, 10], [0, 99]]), 101)
    patch = payloads.patch(bytes([7] * 6), 3, (10, 20), 102)
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with page_of(f"scamp5d:tcp://127.0.0.1:{server.getsockname()[1]}") as looked:
            connected = stack.enter_context(server.accept()[0])
            for data in (described, payloads.image(colours, 100), line, points, patch):
                connected.sendall(data.encode())
            looked.wait("pixeltree.panels.get('drawn')?.view.marks?.lines.length")
            lines = looked.page.evaluate("pixeltree.panels.get('drawn').view.marks.lines")
            assert lines == [[[[4, 0], [0, 2]], "#ff0010ff", 2]]
            looked.wait_for_plane("drawn")
            assert looked.plane("drawn")[:3] == [0, (77 * 100 + 151 * 200 + 28 * 50) >> 8, 0]
            looked.wait_for_plane("cloud: points")
            cloud = np.array(looked.plane("cloud: points")).reshape(256, 256)
            assert np.argwhere(cloud).tolist() == [[0, 255], [255, 0]]
            looked.wait_for_plane("channel 102")
            assert np.argwhere(np.array(looked.plane("channel 102")).reshape(256, 256))[0].tolist() == [
                10,
                234,
            ]
