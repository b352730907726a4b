"""``pixeltree run`` as a user types it, against real daemons and in a real terminal."""

import configparser
import contextlib
import csv
import json
import os
import pty
import re
import shlex
import signal
import sys
import tempfile
import threading
import urllib.request
from itertools import groupby

import numpy as np
import pytest
import typer
from mcap.reader import make_reader
from PIL import Image
from tests.support.browser import until
from tests.support.command_line import COMMAND_LINE, ROOT, Process, pixeltree
from tests.support.invoked import invoke
from websockets.sync.client import connect

import pixeltree as pt
from pixeltree.cli.app import app
from pixeltree.cli.run_record import recording, told
from pixeltree.recording.reader import Replay

CLASSES, EACH = 10, 9


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """Nine digits of each class that the tree knows, in folders that are named after them."""
    folder = tmp_path_factory.mktemp("album")
    digits = pt.zoo.held_out("digits")
    with pt.connect("inproc:") as device:
        runner = pt.TreeRunner.open(device, pt.zoo.load("digits"))
        for image, target in zip(digits.images, digits.targets, strict=True):
            place = folder / str(target)
            place.mkdir(exist_ok=True)
            count = len(list(place.iterdir()))
            if count < EACH and runner.infer(image).label == target:
                Image.fromarray(image).save(place / f"{count}.png")
    assert len(list(folder.rglob("*.png"))) == CLASSES * EACH
    return folder


def lines_of(run):
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_pictures_of_a_folder_are_classified_in_order_each_once(album, shared, tmp_path):
    run = pixeltree(
        *("run", "digits", album, "--device", shared.url, "--memory", 8000),
        *("--save", tmp_path / "run.csv", "--json", tmp_path / "summary.json"),
    )
    lines = lines_of(run)
    assert [line["picture"] for line in lines] == [str(path) for path in sorted(album.rglob("*.png"))]
    assert all(line["label_name"] == line["expected"] for line in lines)
    assert all(line["margin"] >= 0 and line["path"][0] == "root" for line in lines)
    assert "90 frames, latency" in run.stderr
    assert "90 of 90 as their folders say" in run.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["frames"], summary["known"], summary["right"], summary["link_cuts"]) == (90, 90, 90, 0)
    assert summary["swaps"] == sum(line["faults"] > 0 for line in lines for _ in line["swaps"]) > 5
    rows = list(csv.DictReader((tmp_path / "run.csv").read_text().splitlines()))
    assert [row["label_name"] for row in rows] == [line["label_name"] for line in lines]
    assert rows[0]["path"] == ">".join(lines[0]["path"])


def messages_of(path, topic):
    with path.open("rb") as file:
        return [json.loads(message.data) for _, _, message in make_reader(file).iter_messages(topics=[topic])]


def test_a_run_is_recorded_for_other_programs_and_for_replay(album, shared, tmp_path):
    """Read with the library of MCAP itself: what was shown, what came of it, the device's clock."""
    record = tmp_path / "run.mcap"
    run = pixeltree("run", "digits", album, "--device", shared.url, "--frames", 3, "--record", record)
    lines = lines_of(run)
    assert [each["value"]["label"] for each in messages_of(record, "/panels/result")] == [
        line["label_name"] for line in lines
    ]
    assert [each["value"] for each in messages_of(record, "/panels/picture")] == [
        line["picture"] for line in lines
    ]
    assert messages_of(record, "/panels/tree")[2]["value"]["path"] == lines[2]["path"]
    clock = [each["device_ns"] for each in messages_of(record, "/update")]
    spent = [line["device_us"] + line["stall_us"] for line in lines]
    assert all(1e-3 * (b - a) >= us - 1 for a, b, us in zip(clock, clock[1:], spent[1:], strict=False))
    assert pixeltree("replay", record, "--pictures", tmp_path / "seen.npy").returncode == 0
    tree = pt.zoo.load("digits")
    for line, seen in zip(lines, np.load(tmp_path / "seen.npy"), strict=True):
        pixels, top, left = tree.place(np.asarray(Image.open(line["picture"])))
        assert np.array_equal(seen[top : top + pixels.shape[0], left : left + pixels.shape[1]], pixels)
        assert seen.sum() == pixels.sum()


@pytest.mark.parametrize(("has_pix", "plane"), [(True, "sensor"), (False, "R5")])
def test_a_recording_of_a_sensor_has_pix_or_the_input_of_the_tree(has_pix, plane, tmp_path, mocker):
    """A real chip refuses to send PIX."""
    read = pt.Device.read_plane

    def refuse(device, name, *arguments):
        if name == "PIX" and not has_pix:
            raise pt.errors.DeviceError("BAD_REGISTER", "no PIX")
        return read(device, name, *arguments)

    mocker.patch.object(pt.Device, "read_plane", refuse)
    digits = pt.zoo.held_out("digits").images[:2]
    with pt.connect("inproc:") as device, recording(tmp_path / "run.mcap") as file:
        runner = pt.TreeRunner.open(device, pt.zoo.load("digits"))
        assert len(list(told(runner.run(digits), runner, None, file, None))) == 2
    with Replay(tmp_path / "run.mcap") as found:
        moments = [found.moment(place) for place in range(2)]
        panels = [panel["name"] for panel in found.layout(1)["panels"]]
    assert panels[0] == plane
    assert all(list(moment.values) == panels and moment.values[plane].any() for moment in moments)
    assert moments[0].device_ns < moments[1].device_ns


def test_a_link_that_breaks_while_the_sensor_is_read_ends_neither_run_nor_recording(tmp_path, mocker):
    read = pt.Device.read_plane
    mocker.patch.object(pt.Device, "read_plane", side_effect=[pt.errors.LinkError("cut"), mocker.DEFAULT])
    with pt.connect("inproc:") as device, recording(tmp_path / "run.mcap") as file:
        pt.Device.read_plane.return_value = read(device, "R5")
        runner = pt.TreeRunner.open(device, pt.zoo.load("digits"))
        digits = pt.zoo.held_out("digits").images[:2]
        assert len(list(told(runner.run(digits), runner, None, file, None))) == 2
    with Replay(tmp_path / "run.mcap") as found:
        first, second = (found.moment(place) for place in range(2))
        assert [panel["name"] for panel in found.layout(0)["panels"]] == list(first.values)
        assert [panel["name"] for panel in found.layout(1)["panels"]] == list(second.values)
    assert "sensor" not in first.values
    assert "sensor" in second.values


def test_a_folder_before_the_sensor_at_30_a_second_shows_each_class_in_turn(album, start, tmp_path):
    """The source follows the wall clock: 90 pictures in three seconds, whatever a frame takes."""
    whole = tmp_path / "whole"
    for path in album.rglob("*.png"):
        picture = np.zeros((256, 256), np.uint8)
        pixels, top, left = pt.zoo.load("digits").place(np.asarray(Image.open(path)))
        picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        target = whole / path.relative_to(album)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(target)
    daemon = start("--listen", f"unix://{tmp_path}/device", "--source", str(whole), "--source-rate", "30")
    told = json.loads(pixeltree("info", daemon.url, "--json", "-").stdout)["settings"]
    assert (told["source"], told["source_clock"], told["source_rate"]) == (str(whole), "wall", "30 Hz")
    assert (told["preset"], told["chip"], told["seed"]) == ("ideal", "0", "0")
    lines = lines_of(pixeltree("run", "digits", "--device", daemon.url, "--rate", "30", "--frames", "90"))
    labels = [line["label"] for line in lines]
    assert len(labels) == 90
    assert set(labels) == set(range(CLASSES))
    turns = len(list(groupby(labels)))
    seconds = lines[-1]["time"] - lines[0]["time"]
    assert turns <= seconds * 30 / EACH + 3, "a class is seen until the next one's turn has come"


class Terminal:
    """A command in a terminal; what it writes there is collected, errors go to a file."""

    def __init__(self, *arguments):
        self._master, slave = pty.openpty()
        self.shown = ""
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the command
        with os.fdopen(slave, "w") as output:
            self.process = Process(
                COMMAND_LINE,
                [str(each) for each in arguments],
                self.errors,
                output,
                COLUMNS="120",
                TERM="xterm-256color",
            )
        self._grew = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 4096)
            except OSError:  # nobody has the terminal open any more
                data = b""
            with self._grew:
                self.shown += data.decode(errors="replace")
                self._grew.notify_all()
            if not data:
                return

    def wait_for(self, pattern):
        with self._grew:
            assert self._grew.wait_for(lambda: re.search(pattern, self.shown), 120), self.shown

    def end(self, number):
        """Send a signal; returns the exit status and what was said on standard error."""
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join()
        os.close(self._master)
        self.errors.seek(0)
        with self.errors:
            return status, self.errors.read()


def test_a_terminal_shows_a_live_table_until_ctrl_c_and_prometheus_reads_the_same(album, shared):
    terminal = Terminal(
        *("run", "digits", "--source", album, "--device", shared.url, "--rate", 200, "--metrics", 0)
    )
    try:
        terminal.wait_for(r"path[^\n]*root > root")
        terminal.wait_for(r"frames[^\n]* [1-9]\d*, [\d.]+ a second")
        terminal.errors.seek(0)
        url = re.search(r"metrics: (http://127\.0\.0\.1:\d+/metrics)", terminal.errors.read())[1]
        with urllib.request.urlopen(url, timeout=30) as answer:
            served = answer.read().decode()
    finally:
        status, said = terminal.end(signal.SIGINT)
    assert float(re.search(r"^pixeltree_frames_total (\S+)", served, re.MULTILINE)[1]) > 0
    assert "pixeltree_frame_latency_seconds_bucket" in served
    assert status == 0, said
    assert re.search(r"\d+ frames?, latency", said)
    assert "Traceback" not in said


def test_the_service_unit_runs_a_tree_with_options_that_there_are():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(ROOT / "tools/systemd/pixeltree-run.service")
    given = shlex.split(unit["Service"]["ExecStart"])
    command = typer.main.get_command(app).commands[given[1]]
    values, left, _ = command.make_parser(typer.Context(command)).parse_args(given[2:])
    assert not left
    assert (values["tree"], values["metrics"]) == ("digits", "9464")
    assert set(values) == {"tree", "pictures", "device", "rate", "metrics"}


def test_the_controller_exposes_a_run_automatically(shared, tmp_path):
    dark = tmp_path / "dark.png"
    Image.fromarray(np.full((256, 256), 8, np.uint8)).save(dark)
    run = pixeltree(
        *("run", "digits", dark, dark, "--device", shared.url, "--exposure", "auto"),
        *("--json", tmp_path / "summary.json"),
    )
    assert len(lines_of(run)) == 2
    assert "exposure of the next frame: 66,664 us, auto" in run.stderr
    assert json.loads((tmp_path / "summary.json").read_text())["exposure_us"] == 66_664
    with pt.connect(shared.url) as device:
        assert str(device.exposure()) == "16,666 us, fixed", "the next host finds it as it was"


def test_foxglove_sees_a_run_as_it_goes_on(shared):
    pytest.importorskip("foxglove", reason="needs the extra foxglove")
    digits = ("run", "digits", "--source", "moving", "--device", shared.url)
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile() as output:
        process = Process(COMMAND_LINE, [*digits, "--rate", "50", "--foxglove", "0"], errors, output)
        try:
            until(lambda: errors.seek(0) == 0 and "Foxglove: ws://" in errors.read())
            errors.seek(0)
            url = re.search(r"Foxglove: (ws://\S+)", errors.read())[1]
            assert told_to_foxglove(url, "/panels/result")["value"]["label"] in pt.zoo.load("digits").labels
            assert told_to_foxglove(url, "/panels/sensor")["format"] == "png"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


def told_to_foxglove(url, topic):
    """The first message of a topic, to which Foxglove subscribes."""
    channels = {}

    def subscribe():
        if topic in channels:
            one = {"id": 1, "channelId": channels[topic]}
            socket.send(json.dumps({"op": "subscribe", "subscriptions": [one]}))

    with connect(url, subprotocols=["foxglove.sdk.v1"]) as socket:
        for _ in range(60):
            with contextlib.suppress(TimeoutError):
                while not isinstance(message := socket.recv(1), bytes):
                    new = {each["topic"]: each["id"] for each in json.loads(message).get("channels", [])}
                    channels |= new
                    if topic in new:
                        subscribe()
                return json.loads(message[13:])  # behind operation, subscription, time
            subscribe()  # Foxglove's server tells of a channel a moment before anybody may subscribe to it
    raise AssertionError(f"Foxglove is told nothing of {topic}, only of {list(channels)}")


def test_an_extra_that_is_missing_is_said_before_anything_starts(mocker):
    connecting = mocker.patch("pixeltree.cli.run.connect")
    for module, option in (("prometheus_client", "--metrics"), ("foxglove", "--foxglove")):
        mocker.patch.dict(sys.modules, {module: None})
        sys.modules.pop("pixeltree.view.foxglove_server", None)
        error = invoke("run", "digits", "--source", "moving", option, "0").exception
        assert f"pip install '.[{option[2:]}]'" in str(error)
    assert not connecting.called


def test_help_calls_arguments_by_their_names():
    said = invoke("run", "--help", env={"COLUMNS": "90"}).stdout
    assert "PICTURES        Classify these pictures" in said
    assert "list[" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits",), "the emulated sensor would see nothing"),
        (("examples/sobel.kernel", "x.png"), "run it by 'pixeltree run-kernel'"),
        (("digits", "x", "--source", "moving"), "give one of them"),
        (("digits", "/nowhere/x.png"), "cannot read /nowhere/x.png"),
        (("digits", "--source", "camera:/nowhere"), "camera:/nowhere cannot be opened as a camera"),
        (("digits", "--source", "moving", "--source-clock", "device"), "known: wall, frame"),
        (("digits", "--source", "moving", "--save", "run.txt"), "known: .csv, .jsonl"),
        (("digits", "--source", "moving", "--exposure", "dark"), "'dark' is none of them"),
        (("digits", "--source", "moving", "--exposure", "0"), "from 1 to 1,000,000, not 0"),
    ],
)
def test_a_mistake_gives_one_clear_error(arguments, message):
    run = pixeltree("run", *arguments)
    assert run.returncode == 2, run.stderr
    assert message in run.stderr
    assert "Traceback" not in run.stderr
