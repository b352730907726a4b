"""The page, in a real browser, before emulated devices.

It is one module because its tests share one browser.
"""

import contextlib
import http.client
import json
import re
import tempfile
import threading

import numpy as np
import pytest
from mcap.reader import make_reader
from tests.support.browser import Looked, chromium, until
from tests.support.command_line import COMMAND_LINE, ROOT, Daemon, Process
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import pixeltree as pt
from pixeltree.errors import DataError
from pixeltree.recording.reader import Replay
from pixeltree.view.board import Board, Update
from pixeltree.view.devices import Devices
from pixeltree.view.encoding import encode_update
from pixeltree.view.feed import Running
from pixeltree.view.feed_device import DeviceFeed
from pixeltree.view.feed_kernel import KernelFeed
from pixeltree.view.feed_replay import ReplayFeed
from pixeltree.view.feed_tree import TreeFeed
from pixeltree.view.kernel_steps import LiveKernel
from pixeltree.view.panels import Panel
from pixeltree.view.recorder import Recorder
from pixeltree.view.server import PageServer
from pixeltree_protocol.chip.exposure import TARGET

SOBEL = ROOT / "examples" / "sobel.kernel"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def looking(browser, url):
    """A page at an address; whatever goes wrong in its scripts fails the test."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    looked = Looked(page)
    page.goto(url)
    try:
        yield looked
        assert looked.errors == []
    finally:
        page.close()


@contextlib.contextmanager
def command(*arguments):
    """``pixeltree view`` as a user starts it; gives the address that it prints."""
    with tempfile.TemporaryFile() as errors:
        process = Process(COMMAND_LINE, ["view", *map(str, arguments)], errors)
        try:
            line = process.stdout.readline()
            errors.seek(0)
            assert line.startswith("Page: http://127.0.0.1:"), errors.read().decode()
            yield line.split()[-1]
        finally:
            process.send_signal(15)
            process.communicate(60)
            assert process.returncode == 0


@contextlib.contextmanager
def served(feed, **options):
    """A page of a feed in this process: the board, what runs, and the page's address."""
    board = Board()
    with PageServer(board) as page, Running(feed, board, **options) as running:
        yield board, running, page.url


def kernel_feed(url="inproc:?source=moving", *others):
    return KernelFeed(Devices([url, *others]), LiveKernel(SOBEL))


def test_the_command_shows_moving_edges_and_a_slider_changes_them(browser):
    arguments = ("emu:", "--kernel", SOBEL, "--source", "moving")
    with command(*arguments) as url, looking(browser, url) as looked:
        looked.wait_for_plane("D")
        first, painted = looked.plane("D"), looked.painted("D")
        until(lambda: looked.plane("D") != first, "the edges stand still")
        assert looked.painted("D") != painted
        sharp = max(first)
        assert sharp > 20, "no edges"
        looked.set("parameter smooth", 20)
        looked.wait(f"Math.max(...pixeltree.panels.get('D').view.plane.data) < {sharp / 2}")
        assert max(looked.plane("D")) > 0


def test_pause_next_frame_and_next_word(browser):
    still = "inproc:?source=moving&source_clock=device"  # what moves waits while nobody steps
    with served(kernel_feed(still)) as (_, running, url), looking(browser, url) as looked:
        looked.wait_for_plane("D")
        looked.press("pause")
        held = until(lambda: running.held and running.frames)
        looked.press("step")
        until(lambda: running.frames == held + 1)
        for number, text in ((1, "all"), (2, "bus(NEWS, PIX)")):
            looked.press("step_word")
            said = f"word {number} of 66: {text}"
            looked.wait(f"document.querySelector('.note').textContent === {said!r}")
        assert looked.page.locator(".listing .now").inner_text().startswith("get_image(A)")
        looked.page.locator('nav button[data-group="NEWS"]').click()
        looked.wait_for_plane("NEWS")
        plane, sensor = np.array(looked.plane("NEWS")), np.array(looked.plane("sensor"))
        assert np.abs(plane + sensor).max() <= 1  # PIX went on integrating for a few microseconds
        looked.press("step")
        looked.wait("document.querySelector('.note').textContent === ''")
        assert running.frames == held + 2


def test_a_browser_that_draws_nothing_gets_two_updates_while_frames_go_on():
    with served(DeviceFeed(Devices(["inproc:?source=moving"])), rate=200) as (board, running, url):
        with connect(url.replace("http", "ws") + "live") as socket:
            until(lambda: board.layout.panels)
            socket.send(json.dumps({"type": "watch", "panels": ["A"]}))
            numbers = []
            while len(numbers) < 2:
                message = socket.recv(60)
                if isinstance(message, bytes):
                    numbers.append(head(message)["number"])
            until(lambda: running.frames > 30)
            with pytest.raises(TimeoutError):
                socket.recv(0.3)
            socket.send(json.dumps({"type": "drawn", "number": numbers[-1]}))
            assert head(socket.recv(60))["number"] > numbers[-1] + 5, "what was skipped was queued"
        until(lambda: not board.watched())


def test_a_panel_that_is_looked_at_later_may_come_with_the_number_of_the_update_before():
    board = Board()
    board.lay_out("two panels", [Panel(name, "text", name, "") for name in ("first", "second")], [])
    board.publish({"first": "a", "second": "b"})
    with PageServer(board) as page, connect(page.url.replace("http", "ws") + "live") as socket:
        for panels in (["first"], ["first", "second"]):
            socket.send(json.dumps({"type": "watch", "panels": panels}))
            assert next_update(socket)["number"] == 1
        for _ in range(2):
            socket.send(json.dumps({"type": "drawn", "number": 1}))
        for number in (2, 3):  # by the third a refusal would have come
            board.publish({"first": "c"})
            assert next_update(socket)["number"] == number
            socket.send(json.dumps({"type": "drawn", "number": number}))


def next_update(socket):
    """The next update; a message that is refused fails the test."""
    while isinstance(message := socket.recv(60), str):
        assert json.loads(message)["type"] != "error", message
    return head(message)


def head(message):
    size = int.from_bytes(message[:4], "little")
    return json.loads(message[4 : 4 + size])


def test_what_nobody_looks_at_is_not_read():
    devices = Devices(["inproc:?source=moving"])
    with served(DeviceFeed(devices), rate=200) as (board, running, _):
        until(lambda: running.frames > 5)
        read = []
        device = devices.opened[0]
        whole = device.read_plane
        device.read_plane = lambda register: (read.append(register), whole(register))[1]
        before = running.frames
        until(lambda: running.frames > before + 10)
        assert read == []
        board.watch("me", ["B"])
        until(lambda: read)
        board.watch("me", [])
        assert set(read) == {"B"}


HOSTILE = (
    b"\x00\xff", "", "null", "[]", "{", '{"type": "watch"}', '{"type": "watch", "panels": [1]}', "[" * 5000,
    '{"type": "set", "control": "exposure", "value": 1e999}',
    '{"type": "set", "control": "exposure", "value": -1}',
    '{"type": "set", "control": "exposure", "value": true}',
    '{"type": "set", "control": "exposure", "value": "1"}',
    '{"type": "set", "control": "no such", "value": 1}', '{"type": "set", "control": {}, "value": 1}',
    '{"type": "set", "control": "preset", "value": "../etc"}', '{"type": "drawn", "number": 99}',
    '{"type": "drawn", "number": NaN}', '{"type": "drawn", "number": []}', '{"type": ["set"]}',
)  # fmt: skip


def test_messages_that_make_no_sense_are_answered_and_in_the_end_refused():
    with served(DeviceFeed(Devices(["inproc:"]))) as (board, running, url):
        address = url.replace("http", "ws") + "live"
        until(lambda: board.layout.panels)
        settings = {control.name: control.value for control in board.layout.controls}
        with connect(address) as socket:
            for message in HOSTILE:
                socket.send(message)
                while (answer := json.loads(socket.recv(60)))["type"] != "error":
                    pass
                assert answer["detail"]
            with pytest.raises(ConnectionClosed) as closed:
                for _ in range(10):
                    socket.send("again")
                    socket.recv(60)
            assert closed.value.rcvd.code == 1008
        with connect(address) as socket, pytest.raises(ConnectionClosed) as closed:
            socket.send("x" * 100_000)
            while True:
                socket.recv(60)
        assert closed.value.rcvd.code == 1009
        assert {control.name: control.value for control in board.layout.controls} == settings
        before = running.frames
        until(lambda: running.frames > before)


def test_a_foreign_page_cannot_look_and_a_foreign_name_finds_nothing():
    with PageServer(Board()) as page:
        address = page.url.replace("http", "ws") + "live"
        with connect(address, additional_headers={"Origin": "http://evil.example"}) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(60)
            assert (closed.value.rcvd.code, "may not look" in closed.value.rcvd.reason) == (1008, True)
        server = http.client.HTTPConnection(page.url.split("/")[2], timeout=60)
        for name, status in (("evil.example", 403), ("localhost:1", 200)):
            server.request("GET", "/", headers={"Host": name})
            answer = server.getresponse()
            answer.read()
            assert answer.status == status
        server.close()


def test_beyond_loopback_a_token_is_needed():
    with PageServer(Board(), "0.0.0.0") as page:
        address, _, token = page.url.partition("#")
        address = re.sub("http://0.0.0.0", "ws://127.0.0.1", address) + "live"
        for query in ("", "?token=wrong"):
            with connect(address + query) as socket, pytest.raises(ConnectionClosed) as closed:
                socket.recv(60)
            assert "token is missing or wrong" in closed.value.rcvd.reason
        assert len(token) >= 32
        with connect(f"{address}?token={token}") as socket:
            socket.send("no JSON")
            assert json.loads(socket.recv(60))["type"] == "error"


def test_what_is_seen_is_recorded_and_played_into_the_page_again(browser, tmp_path):
    path = tmp_path / "seen.mcap"
    board = Board()
    recorder = Recorder(board, path)
    with (
        PageServer(board) as page,
        Running(kernel_feed(), board, recorder=recorder) as running,
        looking(browser, page.url) as looked,
    ):
        looked.wait_for_plane("D")
        looked.press("record")
        until(lambda: recorder.running)
        first = looked.drawn()
        until(lambda: looked.drawn() > first + 6)
        looked.press("pause")
        until(lambda: running.held)  # no frame may end after the recording
        looked.press("record")
        until(lambda: not recorder.running)
        looked.wait("document.getElementById('notice').textContent.startsWith('Recorded ')")
        newest = board.update_after({"R5": 0}).values["R5"]
        until(lambda: np.array_equal(looked.plane("R5"), newest.ravel()), "the last frame is not drawn")
        names = ("sensor", "D", "R5")
        last = dict(zip(names, looked.planes(*names), strict=True))

    with path.open("rb") as file:
        messages = list(make_reader(file).iter_messages())
    topics = {channel.topic for _, channel, _ in messages}
    assert {
        "/update",
        "/layout",
        "/panels/sensor",
        "/panels/D",
        "/panels/R5",
        "/panels/device_clock",
    } <= topics
    images = [json.loads(m.data) for s, _, m in messages if s.name == "foxglove.CompressedImage"]
    assert all(set(image) == {"timestamp", "frame_id", "data", "format"} for image in images)
    updates = [json.loads(m.data) for _, channel, m in messages if channel.topic == "/update"]
    clocks = [update["device_ns"] for update in updates if update["device_ns"] is not None]
    assert len(set(clocks)) >= 5
    assert clocks == sorted(clocks)

    feed = ReplayFeed(path)
    with served(feed, rate=200) as (_, running, url), looking(browser, url) as looked:
        until(lambda: feed.ended)
        looked.wait_for_plane("R5")
        for name, plane in last.items():
            until(lambda name=name, plane=plane: looked.plane(name) == plane, f"{name} is another one")
        looked.press("pause")  # else the recording plays on to its end before the page has drawn the moment
        until(lambda: running.held)
        looked.set("moment", 0)
        until(lambda: looked.plane("sensor") != last["sensor"])
    with Replay(path) as recorded:
        pictures = list(recorded.pictures())
    seen = np.array(last["sensor"]).reshape(256, 256)
    assert np.array_equal(pictures[-1] // 2, seen + 127)


def test_two_devices_are_compared_and_one_slider_moves_both(browser):
    feed = kernel_feed("inproc:?source=moving", "inproc:?source=moving&preset=typical&chip=3")
    with served(feed) as (_, _, url), looking(browser, url) as looked:
        looked.wait_for_plane("D difference")
        planes = [np.array(plane) for plane in looked.planes("D", "D 2", "D difference")]
        assert np.array_equal(planes[2], np.clip(planes[1] - planes[0], -128, 127))
        assert planes[2].any()
        looked.set("exposure", 0)
        looked.wait("Math.max(...pixeltree.panels.get('D').view.plane.data) === 0")
        assert np.array(looked.plane("D 2")).max() < planes[1].max()
        looked.set("exposure", 16_667)
        looked.page.locator('select[data-control="source"]').select_option("darkness")
        looked.page.locator('nav button[data-group="sensor"]').click()
        looked.wait("Math.max(...pixeltree.panels.get('sensor')?.view.plane?.data ?? [0]) === -127")
        looked.wait("document.getElementById('notice').textContent.includes('sees nothing yet')")


def test_auto_exposure_moves_its_slider_to_a_brightness_and_ends_when_that_is_moved(browser):
    feed = DeviceFeed(Devices(["inproc:?source=moving"]))
    with served(feed, rate=100) as (board, _, url), looking(browser, url) as looked:
        looked.wait_for_plane("sensor")
        counts = "pixeltree.panels.get('sensor').view.plane.data.reduce((a, b) => a + b + 127, 0) / 65536"
        looked.wait(f"{counts} < 40")
        looked.press("auto exposure")
        looked.wait(f"Math.abs({counts} - {TARGET}) < {TARGET / 8}")
        shown = "document.querySelector('input[data-control=exposure]').value"
        looked.wait(f"{shown} > 20000")
        looked.set("exposure", 5_000)
        looked.wait(f"{counts} < 20")
        assert not {control.name: control.value for control in board.layout.controls}["auto exposure"]


def test_a_trees_exposure_moves_its_slider_and_is_set_by_it():
    with served(TreeFeed(Devices(["inproc:?source=moving"]), pt.zoo.load("digits")), rate=100) as (
        board,
        _,
        _,
    ):

        def controls():
            return {control.name: control.value for control in board.layout.controls}

        until(lambda: "auto exposure" in controls())
        assert (controls()["exposure"], controls()["auto exposure"]) == (16_666, False)
        board.turn("auto exposure", True)
        until(lambda: controls()["exposure"] > 20_000)
        board.turn("exposure", 5_000)
        until(lambda: not controls()["auto exposure"])
        assert controls()["exposure"] == 5_000


def test_a_curve_shows_the_mean_of_a_register_and_reads_it_only_then(browser):
    feed = kernel_feed()
    feed.open()
    assert not feed.turn("curve", "D")
    assert feed.changed
    both = feed.frame(frozenset({"D", "mean of D"}), 1 / 30)
    assert both["mean of D"] == pytest.approx(both["D"].mean(), abs=1e-4)
    assert {"D", "mean of D"} & set(feed.frame(frozenset({"mean of D"}), 1 / 30)) == {"mean of D"}
    feed.close()
    feed = DeviceFeed(Devices(["inproc:?source=moving"]))
    with served(feed) as (board, _, url), looking(browser, url) as looked:
        looked.wait_for_plane("A")
        looked.page.locator('select[data-control="curve"]').select_option("A")
        looked.wait("pixeltree.panels.has('mean of A')")
        until(lambda: "mean of A" in board.watched())
        until(lambda: (update := board.update_after({"mean of A": 0})) and update.series["mean of A"])


def test_the_page_by_keys_and_on_a_phone(browser):
    with (
        served(DeviceFeed(Devices(["inproc:?source=moving"]))) as (_, _, url),
        looking(browser, url) as looked,
    ):
        looked.wait_for_plane("A")
        button = looked.page.locator('nav button[data-group="R6"]')
        button.focus()
        button.press(" ")  # presses what has the focus, and does not pause
        looked.wait("pixeltree.panels.get('R6')")
        assert looked.page.evaluate("document.activeElement.dataset.group") == "R6"
        pressed = (
            "document.querySelector('button[data-control=pause]').getAttribute('aria-pressed') === 'true'"
        )
        assert not looked.page.evaluate(pressed)
        looked.page.locator('canvas[data-panel="A"]').press("+")
        looked.wait("pixeltree.panels.get('A').view.view.scale === 1.25")
        looked.page.locator('input[data-control="rate"]').press(" ")
        looked.wait(pressed)
        looked.page.set_viewport_size({"width": 390, "height": 844})
        plane = looked.page.locator('canvas[data-panel="sensor"]').bounding_box()
        slider = looked.page.locator('input[data-control="rate"]').bounding_box()
        assert plane["y"] < 300 < slider["y"] < 844, "the picture is above, the slider in reach"
        assert looked.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_device_that_is_not_there_at_the_start_is_said_and_not_waited_for():
    told = threading.Event()
    with Running(DeviceFeed(Devices(["unix:///nowhere/device"])), Board(), told=told.set) as running:
        assert told.wait(60)
        assert "no device answers" in str(running.failure)


def test_a_device_that_was_killed_is_found_again(browser, tmp_path):
    url = f"unix://{tmp_path}/device"
    device = Daemon("--listen", url, "--source", "moving")
    try:
        with served(DeviceFeed(Devices([url]))) as (_, running, page), looking(browser, page) as looked:
            looked.wait_for_plane("A")
            device.stop()
            looked.wait("!document.getElementById('notice').hidden")
            device = Daemon("--listen", url, "--source", "moving")
            frames = running.frames
            until(lambda: running.frames > frames + 3)
            looked.wait("document.getElementById('notice').hidden")
            drawn = looked.drawn()
            until(lambda: looked.drawn() > drawn + 2)
    finally:
        device.stop()


def test_a_kernel_file_that_changes_is_read_again_and_what_is_wrong_with_it_is_said(tmp_path):
    path = tmp_path / "live.kernel"
    path.write_text("param times = 2 in 1..9\nall\nget_image(A)\nSET(R1, R2)\ngauss(B, A, times)\n")
    feed = KernelFeed(Devices(["inproc:"]), LiveKernel(path, {"times": 3}))
    with served(feed, rate=200) as (board, _, _):

        def sliders():
            return {c.name: c.value for c in board.layout.controls if c.name.startswith("parameter ")}

        until(lambda: sliders() == {"parameter times": 3})
        path.write_text("param times = 2 in 1..9\nparam it = 1 in 0..4\nall\nget_image(A)\ngauss(B, A, it)\n")
        until(lambda: sliders() == {"parameter times": 3, "parameter it": 1})
        path.write_text("sub(A, A, A)\n")
        said = f"{path}:1: sub(A, A, A)"  # at first the file may be seen empty: it is not written at once
        until(lambda: (u := board.update_after({"kernel": 0})) and said in u.values["kernel"]["note"])
        with pytest.raises(DataError, match="parameter it takes whole numbers from 0 to 4"):
            board.turn("parameter it", 5)


@pytest.mark.parametrize(
    ("plane", "scale", "data"),
    [
        (np.array([[True, False, True]]), "bits", b"\x05"),
        (np.array([[-128, 127, 0]], np.int16), "levels", b"\x80\x7f\x00"),
        (np.array([[0, 255, 7]], np.uint8), "grey", b"\x00\xff\x07"),
        (np.array([[-255, 255, 1]], np.int16), "difference", b"\x80\x7f\x01"),
    ],
)
def test_a_plane_is_sent_as_it_is_meant(plane, scale, data):
    update = Update(7, 1.5, {"p": plane, "t": "text"}, {"s": [(1.0, 2)]})
    message = encode_update(update, {"p": "difference" if scale == "difference" else ""})
    assert head(message) == {
        "number": 7,
        "time": 1.5,
        "planes": [{"panel": "p", "rows": 1, "columns": 3, "scale": scale, "bytes": len(data)}],
        "values": {"t": "text"},
        "series": {"s": [[1.0, 2]]},
    }
    assert message.endswith(data)


def test_foxglove_gets_the_planes_that_it_subscribes_to():
    foxglove = pytest.importorskip("foxglove", reason="needs the extra foxglove")
    assert foxglove
    from pixeltree.view.foxglove_server import FoxgloveServer  # noqa: PLC0415

    board = Board()
    feed = DeviceFeed(Devices(["inproc:?source=moving"]))
    with FoxgloveServer(board) as server, Running(feed, board):
        with connect(server.url, subprotocols=["foxglove.sdk.v1"]) as socket:
            channels = {}
            while "/panels/A" not in channels:
                message = json.loads(socket.recv(60))
                channels |= {each["topic"]: each for each in message.get("channels", [])}
            plane = channels["/panels/A"]
            assert (plane["schemaName"], plane["encoding"]) == ("foxglove.CompressedImage", "json")
            asked = {"op": "subscribe", "subscriptions": [{"id": 1, "channelId": plane["id"]}]}
            # Foxglove's server tells of a channel a moment before it lets anybody subscribe to it.
            until(lambda: board.watched() == {"A"} or socket.send(json.dumps(asked)))
            while not isinstance(message := socket.recv(60), bytes):
                pass
            image = json.loads(message[13:])  # operation, subscription, time; then the message itself
            assert image["format"] == "png"
        until(lambda: not board.watched())


IN_PLACE = """all; get_image(A); where(A); MOV(R5, FLAG); all
NOT(R5); MOV(R6, R5); OR(R6, R7); NOR(R7, R5)
load_in(7); add(B, A, IN)
"""


@pytest.mark.parametrize("text", [SOBEL.read_text(), IN_PLACE], ids=["sobel", "in place"])
def test_a_kernel_word_by_word_gives_what_it_gives_whole(text, tmp_path):
    """The read bus, which words in pairs need, outlives a block as all registers do."""
    path = tmp_path / "some.kernel"
    path.write_text(text)
    image = np.random.default_rng(1).integers(0, 256, (256, 256), dtype=np.uint8)
    names = frozenset({"A", "B", "C", "D", "E", "F", "R5", "R6", "R7", "FLAG"})
    found = []
    for pieces in (False, True):
        kernel = LiveKernel(path)
        devices = Devices(["inproc:"])
        feed = KernelFeed(devices, kernel)
        feed.open()
        devices.opened[0].show(image)
        if pieces:
            for word in kernel.words():
                values = feed.word(names)
                assert word.text in values["kernel"]["note"]
        else:
            values = feed.frame(names, 0.0)
        found.append({name: values[name] for name in names})
        feed.close()
    for name in names:
        assert np.array_equal(found[0][name], found[1][name]), name
    assert found[0]["R5"].any()


def test_a_tree_shows_label_path_and_window_and_a_hidden_page_looks_at_nothing(browser):
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits")
    feed = TreeFeed(Devices(["inproc:"]), tree, images, memory=8000)
    with served(feed, paused=True) as (board, _, url), looking(browser, url) as looked:
        looked.wait("pixeltree.panels.get('tree')")
        for place in range(3):
            label, path = tree.reference(images.images[place])
            drawn = looked.drawn()
            looked.press("step")
            until(lambda drawn=drawn: looked.drawn() > drawn)
            looked.wait(f"document.querySelector('.big')?.textContent.startsWith({tree.labels[label]!r})")
            taken = looked.page.locator("svg.tree text.taken").all_text_contents()
            assert sorted(taken) == sorted([*(visit.node for visit in path), tree.labels[label]])
        seen = np.array(looked.plane("sensor")).reshape(256, 256)
        pixels, top, left = tree.place(images.images[2])
        assert np.array_equal(seen[top : top + pixels.shape[0], left : left + pixels.shape[1]], pixels)
        assert board.watched() >= {"sensor", "result", "tree", "R5"}
        looked.page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        until(lambda: not board.watched())
