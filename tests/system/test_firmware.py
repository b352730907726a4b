"""The firmware in C, on an emulated array: host and conformance suite work with it as with the emulator.

It is one module because its tests share the programs that are compiled for them.
"""

import contextlib
import ctypes
import hashlib
import hmac
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import tty

import numpy as np
import pytest
from tests.support.command_line import ROOT
from tests.support.command_line import pixeltree as run_pixeltree
from tests.support.control_programs import bent_program
from tests.support.effort import PROOF, effort
from tests.support.in_memory import in_memory_device
from tests.support.once import once
from tests.support.stepped_firmware import build
from tests.support.suite import QUICK, Run, counts
from tools.fuzz_firmware import fuzz

import pixeltree as pt
from pixeltree.demo.run import demo_tree
from pixeltree_protocol.chip.exposure import DARK, DEFAULT_US, next_exposure
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import ALL_COLUMNS, FullyConnected, ObjectKind, digest_of, parse_object
from pixeltree_protocol.objects.program import AddLogits, Proceed, Program, SetIn

FIRMWARE = ROOT / "firmware"
SOURCES = sorted(
    source for room in ("core", "ports", "ports/linux") for source in (FIRMWARE / room).glob("*.c")
)
GOLDEN = ROOT / "tests/protocol/golden"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O1")
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
TIME = 180
COMPILE_TIME = 300
LARGE = ("--memory-bytes", "4194304")
OBJECT_BYTES = 1 << 20
PATIENT = ("--answer-time", "60")
"""Sanitizers are slow, and the machine may be busy."""

MOST_IMAGES = 200 if PROOF else 6

compiler = shutil.which("cc")
pytestmark = pytest.mark.skipif(compiler is None, reason="there is no C compiler: cc is not on the PATH")


def compile_c(target, *options):
    command = [compiler, *STRICT, *options, "-o", target]
    return subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIME, check=False)


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    """A folder with the device, and the objects that it was linked of."""
    return once(tmp_path_factory, "firmware", compile_objects)


def compile_objects(folder):
    """With sanitizers where the compiler has them."""
    folder.mkdir()
    made = [folder / f"{source.stem}.o" for source in SOURCES]
    for options in (SANITIZE, ()):
        done = [compile_c(each, source, "-c", *options) for each, source in zip(made, SOURCES, strict=True)]
        done.append(compile_c(folder / "device", *made, *options))
        if not any(each.returncode for each in done):
            return
    assert not any(each.returncode for each in done), [each.stderr for each in done]


@pytest.fixture(scope="module")
def program(objects):
    """The device."""
    return objects / "device"


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    """Its coder of frames and digests, to be called from here."""
    target = tmp_path_factory.mktemp("codec") / "codec.so"
    done = compile_c(target, FIRMWARE / "core/codec.c", "-shared", "-fPIC")
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(str(target))
    library.frame_encode.restype = library.frame_decode.restype = ctypes.c_size_t
    return library


@pytest.fixture(scope="module")
def is_object(tmp_path_factory):
    """Its judgement about an object's bytes."""
    target = tmp_path_factory.mktemp("objects") / "objects.so"
    sources = [FIRMWARE / "core" / f"{name}.c" for name in ("codec", "objects", "blocks", "words")]
    done = compile_c(target, *sources, "-shared", "-fPIC")
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(str(target))
    library.is_object.restype = ctypes.c_bool
    library.is_object.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return lambda data: library.is_object(data, len(data))


def takes(data):
    """Whether the emulator takes an object."""
    try:
        parse_object(data)
    except ObjectError:
        return False
    return True


def test_every_object_of_a_tree_is_one(is_object):
    for data in demo_tree().objects.values():
        assert is_object(data)
        assert not is_object(data + b"\0")
        assert not is_object(data[:-1])


def test_a_program_may_add_logits_and_proceed_but_only_end_so(is_object):
    data = Program((SetIn(3), AddLogits(), Proceed())).encode()
    assert is_object(data)
    assert not is_object(data[:-1])
    for more in (b"\x08", b"\x0e", b"\x02\0"):
        assert not is_object(data[:2] + b"\4\0" + data[4:] + more)


def test_of_damaged_blocks_it_takes_what_the_emulator_takes(is_object):
    draws = random.Random(4)
    blocks = [data for data in demo_tree().objects.values() if data[0] == ObjectKind.BLOCK]
    judged = {True: 0, False: 0}
    for _ in range(1500):
        data = bytearray(draws.choice(blocks))
        if draws.random() < 0.5:
            data[draws.randrange(4, len(data))] ^= 1 << draws.randrange(8)
        else:
            count = draws.randrange(6)
            data = bytearray([1, 1, draws.randrange(1, 4), count, *draws.randbytes(count)])
        taken = is_object(bytes(data))
        judged[taken] += 1
        assert taken == takes(bytes(data))
    assert min(judged.values()) > 20


@pytest.mark.parametrize("planes", range(1, 8))
@pytest.mark.parametrize("columns", [ALL_COLUMNS, 7, 1 << 255 | 1 << 9 | 1 << 1, 1 << 200], ids=int.bit_count)
def test_of_fully_connected_segments_it_takes_what_the_emulator_takes(is_object, planes, columns):
    """Every byte before the weights, with every bit wrong; lengths; and biases at their limit and beyond."""
    inputs, outputs = 9, 2
    weights = random.Random(planes).randbytes(2 * planes * outputs)
    greatest = 2**31 - 1 - (2**planes - 1) * inputs
    layer = FullyConnected(inputs, (greatest, -greatest), weights, planes, columns).encode()
    assert is_object(layer)
    at = len(layer) - len(weights) - 4 * outputs
    biases = b"".join(n.to_bytes(4, "little", signed=True) for n in (-greatest - 1, greatest + 1))
    beyond = [layer[:at] + biases[:4] + layer[at + 4 :], layer[: at + 4] + biases[4:] + layer[at + 8 :]]
    damaged = [layer[:length] for length in range(len(layer))] + [layer + b"\0", *beyond]
    for place in range(at + 4 * outputs):
        damaged += [layer[:place] + bytes([layer[place] ^ 1 << bit]) + layer[place + 1 :] for bit in range(8)]
    for data in damaged:
        assert is_object(data) == takes(data), data.hex()
    assert not any(is_object(data) for data in beyond)


def weight_planes(planes, inputs, columns):
    """An object of layout 4, of the right size for its planes and inputs."""
    head = bytes([2, 1, 4]) + inputs.to_bytes(2, "little") + bytes([1, planes])
    return head + columns.to_bytes(32, "little") + bytes(4) + bytes(planes * ((inputs + 7) // 8))


@pytest.mark.parametrize("columns", [ALL_COLUMNS, ALL_COLUMNS >> 1, 0xFF], ids=int.bit_count)
def test_weights_have_one_to_seven_planes(is_object, columns):
    for planes in range(10):
        data = weight_planes(planes, columns.bit_count(), columns)
        assert is_object(data) == takes(data) == (1 <= planes <= 7)


@pytest.mark.parametrize("taken", [0, 1, 2, 100, 129, 255, 256])
def test_inputs_are_whole_rows_of_the_bits_taken_where_some_are_left_out(is_object, taken):
    columns = sum(1 << bit for bit in random.Random(taken).sample(range(256), taken))
    for inputs in (0, 1, 2, 99, 100, 200, 255, 256, 257, 258, 510, 0xFFFF):
        data = weight_planes(2, inputs, columns)
        whole = taken == 256 or (taken > 0 and inputs % taken == 0)
        assert is_object(data) == takes(data) == (whole and inputs > 0)


class Device:
    """The device as a process; whatever sanitizers say fails the test."""

    def __init__(self, program, log, *options):
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [program, *options],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
            )

    @property
    def url(self):
        return self.process.stdout.readline().split()[-1]

    def stop(self):
        self.process.terminate()
        try:
            self.process.communicate(timeout=TIME)
        finally:
            self.process.kill()
        assert self.log.read_text() == ""
        assert self.process.returncode == 0


@contextlib.contextmanager
def served_array(folder, *options):
    """An array as a process of its own; yields its URL."""
    url = f"unix://{folder}/array"
    command = [
        sys.executable,
        "-P",
        "-m",
        "pixeltree_emu.array_port",
        "--listen",
        url,
        "--until-eof",
        *options,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert url in process.stdout.readline()
            yield url
        finally:
            process.stdin.close()
            process.wait(TIME)


@pytest.fixture(scope="module")
def array():
    """An ideal array; one device after the other drives it. A path of a socket must be short."""
    with tempfile.TemporaryDirectory(prefix="array") as folder, served_array(folder) as url:
        yield url


@pytest.fixture
def start(program, array, tmp_path):
    """Starts the device; at the end it must stop of itself when asked to, and have nothing to complain of."""
    devices = []

    def start_device(*options):
        devices.append(Device(program, tmp_path / f"log{len(devices)}", "--array", array, *options))
        return devices[-1]

    yield start_device
    for device in devices:
        device.stop()


class Relay:
    """Joins each connection to another one at the device's port, until it is cut."""

    def __init__(self, url):
        host, port = url.removeprefix("tcp://").split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = []
        self._threads = []
        self.cut_after = None
        self.connections = 0
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._serve)

    def _start(self, target, *arguments):
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _serve(self):
        while True:
            try:
                near = self._listener.accept()[0]
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._sockets += [near, far]
            self.connections += 1
            for source, sink in ((near, far), (far, near)):
                self._start(self._pump, source, sink)

    def _pump(self, source, sink):
        passed = 0
        with contextlib.suppress(OSError):  # cut
            while data := source.recv(4096):
                sink.sendall(data)
                passed += len(data)
                if self.cut_after is not None and passed >= self.cut_after:
                    self.cut_after = None
                    break
        for end in (source, sink):
            _shut(end)

    def cut(self):
        for end in self._sockets:
            _shut(end)

    def close(self):
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(TIME)
        for end in (self._listener, *self._sockets):
            end.close()


def _shut(end):
    with contextlib.suppress(OSError):  # it was shut before
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def relay():
    """Makes relays."""
    relays = []

    def make(url):
        relays.append(Relay(url))
        return relays[-1]

    yield make
    for each in relays:
        each.close()


def big_object(seed):
    """A segment of somewhat more than 1 MiB, the greatest kind of object that there is."""
    inputs, outputs = 65_528, 129
    source = random.Random(seed)
    data = FullyConnected(inputs, (0,) * outputs, source.randbytes(inputs // 8 * outputs))
    assert inputs // 8 * outputs > OBJECT_BYTES
    return data.encode()


# ---- bytes


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("[A-Z]*.json")), ids=lambda path: path.stem)
def test_frames_are_the_golden_ones(codec, path):
    golden = json.loads(path.read_text())
    payload, frame = bytes.fromhex(golden["payload"]), bytes.fromhex(golden["frame"])
    out = ctypes.create_string_buffer(2 * len(frame))
    size = codec.frame_encode(out, payload, ctypes.c_size_t(len(payload)))
    assert out.raw[:size] == frame
    buffer = ctypes.create_string_buffer(frame)
    assert codec.frame_decode(buffer, ctypes.c_size_t(len(frame) - 1)) == len(payload)
    assert buffer.raw[2 : 2 + len(payload)] == payload


def test_damaged_frames_are_known_for_what_they_are(codec):
    for damaged in json.loads((GOLDEN / "damaged.json").read_text()):
        if "before" not in damaged:
            frame = bytes.fromhex(damaged["frame"])
            buffer = ctypes.create_string_buffer(frame)
            assert codec.frame_decode(buffer, ctypes.c_size_t(len(frame) - 1)) == 0, damaged["what"]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 256, 1000])
def test_digests_are_those_of_hashlib(codec, size):
    data = random.Random(size).randbytes(size)
    found = ctypes.create_string_buffer(32)
    codec.blake2b_128(found, data, ctypes.c_size_t(size))
    assert found.raw[:16] == hashlib.blake2b(data, digest_size=16).digest()
    nonce, challenge = bytes(range(16)), bytes(range(16, 32))
    codec.hmac_sha256(found, data, ctypes.c_size_t(size), b"pixeltree host", nonce, challenge)
    assert found.raw == hmac.digest(data, b"pixeltree host" + nonce + challenge, "sha256")


def test_its_tables_are_those_of_the_declarations():
    command = [sys.executable, "-m", "tools.make_firmware_tables", "--check"]
    done = subprocess.run(command, cwd=ROOT, timeout=TIME, check=False)
    assert done.returncode == 0, "run: python -m tools.make_firmware_tables"


# ---- with the host


def test_the_command_line_shows_it(start):
    shown = run_pixeltree("info", start("--port", "0").url)
    assert shown.returncode == 0, shown.stderr
    assert "Pixeltree firmware" in shown.stdout
    assert "65,536" in shown.stdout


def test_an_upload_goes_on_over_a_second_wire(start, relay):
    between = relay(start("--port", "0", *LARGE).url)
    data = big_object(1)
    between.cut_after = OBJECT_BYTES // 2
    with pt.connect(between.url) as device:
        device.ping()
        device.upload({digest_of(data): data})
        assert between.connections == 2
        assert device.cuts == 1
        assert device.wire_bytes_sent < 1.5 * len(data), "the upload began anew"
        status = device.status()
        assert (status.objects, status.used_bytes, status.driver) == (1, len(data), "pixeltree")
        between.cut()
        device.ping()
        assert device.cuts == 2
        assert device.status().objects == 1


def test_objects_make_room_and_outlive_sessions(start):
    url = start("--port", "0", *LARGE).url
    objects = [big_object(seed) for seed in range(4)]
    digests = [digest_of(data) for data in objects]
    with pt.connect(url) as device:
        for digest, data in zip(digests, objects, strict=True):
            device.upload({digest: data})
    with pt.connect(url) as device:
        held = device.holdings(digests)
        assert [held[digest] == 0 for digest in digests] == [True, False, False, False]
        assert device.status().sessions == 1, "the session before has left"


def results(device, tree, images, **options):
    runner = pt.TreeRunner.open(device, tree, **options)
    found = []
    for result in map(runner.infer, images):
        path = [(visit.node, visit.outcome, tuple(visit.logits), visit.device_us) for visit in result.path]
        found.append((result.label, path, result.device_us, result.words))
    return found


@pytest.mark.parametrize("preset", ["ideal", "typical"])
def test_a_tree_gives_what_it_gives_on_the_emulated_controller(program, preset, tmp_path):
    """Labels, logits, paths, device time and words, to the bit; with nodes that are swapped."""
    tree, images = pt.zoo.load("digits"), pt.zoo.held_out("digits").images[:MOST_IMAGES]
    with (
        tempfile.TemporaryDirectory(prefix="array") as folder,
        served_array(folder, "--preset", preset) as url,
    ):
        device = Device(program, tmp_path / "log", "--array", url, "--port", "0")
        with pt.connect(device.url) as firmware:
            found = results(firmware, tree, images, memory_limit=8000)
        device.stop()
    with pt.emulator(preset=preset) as emulated:
        assert found == results(emulated, tree, images, memory_limit=8000)


def dim(picture, brightness):
    """A picture as seen in another light; the sensor sees a grey field around its window."""
    return (np.where(picture > 0, picture, 60) * brightness).astype(np.uint8)


def exposed_frames(device, tree, pictures):
    """Automatic exposures, and what the tree says of each."""
    runner = pt.TreeRunner.open(device, tree, exposure="auto")
    found = []
    for picture in pictures:
        before = device.exposure().microseconds
        result = runner.infer(picture)
        logits = [tuple(visit.logits) for visit in result.path]
        found.append((before, result.label, logits, result.device_us, device.exposure()))
    return found


@pytest.mark.parametrize("preset", effort(("ideal", "typical"), ("ideal",)))
def test_frames_of_a_tree_are_exposed_as_on_the_emulated_controller(program, preset, tmp_path):
    """A dark picture, then a bright one: exposures, labels and logits are the rule's and the reference's."""
    tree, digit = pt.zoo.load("digits"), pt.zoo.held_out("digits").images[0]
    pixels, top, left = tree.place(digit)
    picture = np.zeros((256, 256), np.uint8)
    picture[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    pictures = [dim(picture, 0.2)] * 4 + [dim(picture, 1)] * 3
    with (
        tempfile.TemporaryDirectory(prefix="array") as folder,
        served_array(folder, "--preset", preset) as url,
    ):
        device = Device(program, tmp_path / "log", "--array", url, "--port", "0")
        with pt.connect(device.url) as firmware:
            found = exposed_frames(firmware, tree, pictures)
        device.stop()
    with pt.emulator(preset=preset) as emulated:
        assert found == exposed_frames(emulated, tree, pictures)
    exposures = [before for before, *_ in found]
    assert max(exposures) > 2 * exposures[0], "longer in the dark"
    assert exposures[-1] < max(exposures), "and shorter in the light"
    if preset == "typical":
        return
    for (before, label, logits, _, after), light in zip(found, pictures, strict=True):
        pix = np.minimum(light.astype(int) * before // (2 * DEFAULT_US), 254) - 127
        code = 128 + (2 * int(-pix.sum()) + pix.size) // (2 * pix.size)
        assert after == pt.FrameExposure(next_exposure(DARK - code, before), automatic=True)
        as_seen = np.minimum(2 * (pix + 127), 255).astype(np.uint8)  # as long as a whole exposure leaves it
        reference, visits = tree.reference(as_seen)
        assert (label, logits) == (reference, [visit.logits for visit in visits])


def test_registers_and_the_controller_api_are_those_of_the_emulator(start):
    """A tour of the API, of which every read-out and every register is compared."""

    def tour(device):
        chip, seen = device.chip, []
        picture = np.add.outer(np.arange(256), np.arange(256) // 3).astype(np.uint8)
        device.show(picture)
        chip.expose(12_000)
        chip.get_image(pt.A, pt.B, gain=2)
        chip.shift(pt.A, 5, -3)
        chip.diffuse(pt.B, 3)
        chip.load_in(pt.C, -40)
        seen += [chip.read_areg(pt.A, 3, 200), *chip.global_sum_16(pt.A), *chip.global_sum_64(pt.B)]
        chip.load_rect(pt.R5, 10, 20, 60, 90)
        chip.draw_begin(pt.R6)
        chip.draw_circle(100, 120, 33)
        chip.draw_line(5, 5, 250, 90)
        chip.draw_negate()
        chip.draw_end()
        chip.shift(pt.R5, -7, 4)
        chip.load_point(pt.R7, 40, 60)
        chip.flood(pt.R7, pt.R6, boundary=1, iterations=4)
        seen += [chip.global_or(pt.R7), chip.global_count(pt.R6, pt.D), *chip.scan_boundingbox(pt.R5)]
        seen += chip.scan_events(pt.R5, 20).tolist()
        planes = [
            device.read_plane(name)
            for name in (*"ABCDEF", "NEWS", "PIX", "FLAG", *(f"R{i}" for i in range(13)))
        ]
        return [str(value) for value in seen], planes, device.status().device_ns

    with pt.connect(start("--port", "0").url) as firmware, pt.emulator() as emulated:
        found, expected = tour(firmware), tour(emulated)
    assert found[0] == expected[0]
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(found[1], expected[1], strict=True))
    assert found[2] == expected[2]


def test_programs_of_loops_are_refused_or_run_as_on_the_emulator(start):
    """Which of them may run, what they answer, and their device time and words."""
    dice = random.Random(5)
    programs = [bent_program(dice) for _ in range(effort(3_000, 60))]

    def outcome(device, steps):
        try:
            return device.chip.execute(*steps)
        except pt.errors.DeviceError as error:
            return error.code

    emulated = in_memory_device()
    with pt.connect(start("--port", "0").url) as firmware:
        found = [(outcome(firmware, steps), outcome(emulated, steps)) for steps in programs]
    for (mine, expected), steps in zip(found, programs, strict=True):
        assert mine == expected, steps
    refused = sum(mine == "BAD_OBJECT" for mine, _ in found)
    assert 0.2 < refused / len(found) < 0.8


def test_it_works_over_a_tty(start):
    """Two pseudo terminals, joined as by a cable."""
    ends = [os.openpty() for _ in range(2)]
    for _, far in ends:
        tty.setraw(far)

    def pump(source, sink):
        try:
            while True:
                data = os.read(source, 4096)
                while data:
                    data = data[os.write(sink, data) :]
        except OSError:  # closed at the end of the test
            pass

    (near, near_tty), (far, far_tty) = ends
    for source, sink in ((near, far), (far, near)):
        threading.Thread(target=pump, args=(source, sink), daemon=True).start()
    start("--tty", os.ttyname(near_tty))
    for _ in range(2):
        with pt.connect(f"serial://{os.ttyname(far_tty)}") as device:
            device.ping()
            assert len(device.read_plane("A")) == 256


# ---- without a host


def path_of(visits):
    return [(visit.outcome, tuple(visit.logits)) for visit in visits]


def test_a_tree_in_flash_runs_without_a_host(array, objects, tmp_path):
    """`pixeltree export`: an observer sees the results; who drives finds all objects there."""
    exported = run_pixeltree(
        *("export", "digits", "--format", "c", "-o", tmp_path / "out", "--every-ms", "20"),
        *("--exposure", "auto"),
    )
    assert exported.returncode == 0, exported.stderr
    target = tmp_path / "device"
    sources = FIRMWARE / "ports/linux/main.c", tmp_path / "out/tree_in_flash.c"
    others = [each for each in objects.glob("*.o") if each.stem != "main"]
    done = compile_c(target, *sources, *others, *SANITIZE, "-DFLASH=tree_in_flash", "-I", FIRMWARE / "core")
    assert done.returncode == 0, done.stderr
    device = Device(target, tmp_path / "log", "--array", array, "--port", "0")
    url, tree = device.url, pt.zoo.load("digits")
    with pt.emulator() as emulated:
        runner = pt.TreeRunner.open(emulated, tree, exposure="auto")
        runner.run_frame()
        expected = runner.run_frame()
        dark = path_of(expected.path)
    with pt.connect(url, observe=True) as observer:
        seen = [observer.watch() for _ in range(2)]
    assert seen[1].words == expected.words, "two of them are the look at the brightness"
    assert seen[1].frame == seen[0].frame + 1
    assert [path_of(result.path) for result in seen] == [dark, dark]
    with pt.connect(url) as driver:
        assert str(driver.exposure()) == "16,666 us, fixed"
        runner = pt.TreeRunner.open(driver, tree)
        before = driver.status().frames
        results = [runner.infer(image) for image in pt.zoo.held_out("digits").images[:2]]
        assert [result.faults for result in results] == [0, 0]
        assert driver.status().frames == before + 2
    with pt.connect(url, observe=True) as observer:
        assert observer.watch() is not None
    device.stop()


def test_it_stands_hostile_frames(tmp_path):
    """`make firmware-proof` sends many more."""
    programs = tmp_path / "large", tmp_path / "small"
    for target, small in zip(programs, (False, True), strict=True):
        build(target, small, optimize="-O1" if PROOF else "-O0")
    assert fuzz(programs, 200_000 if PROOF else 2_000, seed=1, round_frames=10_000 if PROOF else 1_000) == []


# ---- with the conformance suite


def test_it_passes_the_conformance_suite(start):
    status, text = Run(start("--port", "0", *QUICK).url, *PATIENT).wait()
    assert status == 0, text[-8_000:]
    found = counts(text)
    assert found["passed"] >= 380, text[-2_000:]
    reasons = [line for line in text.splitlines() if line.startswith("SKIPPED")]
    assert len(reasons) <= 10, reasons


def test_it_proves_and_wants_proof_of_a_token(start, tmp_path):
    file = tmp_path / "token"
    file.write_text("a token that is long enough\n")
    file.chmod(0o600)
    url = start("--port", "0", "--token-file", str(file), *QUICK).url
    status, text = Run(url, "--token-file", str(file), *PATIENT, "-k", "authentication or handshake").wait()
    assert status == 0, text[-8_000:]
    assert "wants no token" not in text
