"""What ``--help`` teaches is true: groups, examples, exit statuses, and what was meant by a name."""

import re
import shlex
import subprocess
import sys

import pytest
import typer
from tests.support.command_line import pixeltree
from tests.support.invoked import invoke

from pixeltree.cli import failure
from pixeltree.cli.app import app, make_application
from pixeltree.cli.emulate import become
from pixeltree.datasets.named import held_out_part as images_named
from pixeltree.datasets.sources import from_table
from pixeltree.errors import DataError, LinkError, PresetError, TreeError
from pixeltree.links.emulator import daemon_options
from pixeltree.links.url import parse_url
from pixeltree.simulate.sequences import make_sequence
from pixeltree.swapping.line import line_named
from pixeltree.swapping.residency import policy_named
from pixeltree.tree import zoo
from pixeltree_emu.array.nonidealities import preset
from pixeltree_emu.array_port.__main__ import app as array_app
from pixeltree_emu.bench.__main__ import app as engine_app
from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.sensor.sources import open_source
from pixeltree_emu.serving.options import app as emulate_app
from pixeltree_protocol.names import known_names


def commands(command, words=("pixeltree",)):
    """Every command, by the words that lead to it; those of the emulator as it has them."""
    elsewhere = {
        "pixeltree emulate": emulate_app,
        "pixeltree emulate-array": array_app,
        "pixeltree bench engine": engine_app,
    }
    application = elsewhere.get(" ".join(words))
    command = typer.main.get_command(application) if application else command
    if not hasattr(command, "commands"):
        yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*words, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
NAMES = [" ".join(words) for words in COMMANDS]


def options(command):
    """Names of options."""
    return {
        name: not each.is_flag
        for each in command.params
        for name in each.opts + each.secondary_opts
        if name[0] == "-"
    }


@pytest.mark.parametrize("words", COMMANDS, ids=NAMES)
def test_every_command_has_a_sentence_examples_and_options_in_groups(words):
    command = COMMANDS[words]
    assert command.help[0].isupper()
    assert re.search(rf"^{' '.join(words)}\b", command.epilog, re.MULTILINE)
    for each in command.params:
        if each.param_type_name == "option" and each.name != "help":
            assert each.rich_help_panel, each.name
            assert each.help.rstrip()[-1] in ".;)", each.help


def test_every_command_that_measures_takes_json():
    measures = {
        "demo",
        "devices",
        "info",
        "train",
        "eval",
        "yield",
        "tree",
        "compile",
        "run",
        "compare",
        "explain",
        "import",
        "port",
        "run-kernel",
        "calibrate",
        "zoo",
        "simulate-swap",
        "trace",
    }
    taking = {words[-1] for words, command in COMMANDS.items() if "--json" in options(command)}
    assert taking == measures | {"engine", "compiler", "link", "swap", "throughput", "vendor", "view"}


def examples():
    """Every example of every help."""
    for name, command in zip(NAMES, COMMANDS.values(), strict=True):
        for line in command.epilog.splitlines():
            if line.startswith("pixeltree"):
                yield pytest.param(line, id=f"{name}: {line}")


@pytest.mark.parametrize("example", list(examples()))
def test_every_example_calls_a_command_with_options_that_exist(example):
    """It is parsed as far as that does nothing: options have values, and arguments are as many as needed."""
    given = shlex.split(example)
    words = next(words for words in COMMANDS if tuple(given[: len(words)]) == words)
    command = COMMANDS[words]
    parser = command.make_parser(typer.Context(command))
    values, left, _ = parser.parse_args(given[len(words) :])
    assert not left
    needed = {each.name for each in command.params if each.required}
    assert needed <= {name for name, value in values.items() if value is not None}
    known = options(command)
    assert {each.partition("=")[0] for each in given if each.startswith("-") and each != "-"} <= set(known)


def test_who_calls_one_command_waits_for_no_other():
    def prepared(*arguments):
        group = typer.main.get_command(make_application(arguments))
        return sorted(group.commands)

    everything = prepared()
    assert len(everything) > 20
    assert prepared("disasm", "a.block") == ["disasm"]
    assert prepared("bench", "link") == ["bench"]
    for all_of_them in (["--version"], ["dsasm"], ["--help"]):
        assert prepared(*all_of_them) == everything


def test_the_help_says_every_exit_status():
    said = {int(status) for status in re.findall(r"^(\d+):", failure.EXIT_STATUS_HELP, re.MULTILINE)}
    named = {
        value for name, value in vars(failure).items() if name.startswith("EXIT_") and isinstance(value, int)
    }
    assert named <= said
    assert "Exit status" in invoke("--help").output


def error_of(*arguments):
    """What a mistake gives: the status, and standard error."""
    done = pixeltree(*arguments)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("demmo",),
            "error: No such command 'demmo'. Did you mean 'demo'?\nTry 'pixeltree --help' for help.\n",
        ),
        (
            ("demo", "--imags", "3"),
            "error: No such option: --imags (Possible options: --images)\nTry 'pixeltree demo",
        ),
        (("emulate", "--prset", "x"), "No such option: --prset (Possible options: --bps, --preset"),
        (("emulate", "--engine", "fsat"), "there is no 'fsat'; did you mean 'fast'? known: fast, reference"),
        (
            ("bench", "engine", "--quik"),
            "No such option: --quik (Possible options: --quick)\nTry 'pixeltree",
        ),
    ],
)
def test_a_mistake_in_a_command_line_is_said_in_one_style(arguments, message):
    status, said = error_of(*arguments)
    assert status == failure.EXIT_BAD_INPUT
    assert message in said
    assert said.startswith("error: ")


@pytest.mark.parametrize(
    ("look_up", "error", "meant"),
    [
        (lambda: zoo.tree_file("digts"), TreeError, "digits"),
        (lambda: zoo.load("glyph"), TreeError, "glyphs"),
        (lambda: line_named("usb_12m"), DataError, "usb_12M"),
        (lambda: policy_named("expcted", None, None, ()), DataError, "expected"),
        (lambda: make_sequence("markof", 4, 9), DataError, "markov"),
        (lambda: images_named(64, data="digit"), DataError, "digits"),
        (lambda: from_table({"set": "glyps"}), DataError, "glyphs"),
        (lambda: daemon_options(parse_url("emu:?preset=tipical")), LinkError, "typical"),
        (lambda: daemon_options(parse_url("emu:?chp=3")), LinkError, "chip"),
        (lambda: preset("hrsh"), PresetError, "harsh"),
        (lambda: open_source("movin"), EmulatorError, "moving"),
        (lambda: CostModel().with_settings(["word_nss=3"]), EmulatorError, "word_ns"),
    ],
)
def test_a_name_that_nobody_knows_gets_the_one_that_was_meant(look_up, error, meant):
    with pytest.raises(error, match=rf"did you mean '{meant}'\? known: .*{meant}"):
        look_up()


def test_a_preset_and_a_register_of_a_command_get_the_one_that_was_meant():
    for arguments, meant in (
        (["eval", "digits", "--preset", "tipical"], "typical"),
        (["simulate-swap", "--array-us", "rot=3"], "root"),
    ):
        result = invoke(*arguments)
        assert f"did you mean '{meant}'? known: " in str(result.exception)


def test_a_name_that_is_like_none_gets_all_that_are_known():
    assert known_names("zzz", ("fast", "reference")) == "known: fast, reference"


def test_a_file_stands_before_a_tree_of_the_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert zoo.tree_file("digits") == zoo.path("digits")
    assert zoo.tree_file("absent.ptree").name == "absent.ptree"
    (tmp_path / "glyphs").mkdir()
    assert zoo.tree_file("glyphs") == zoo.path("glyphs"), "a folder of pictures, perhaps"
    (tmp_path / "digits").touch()
    assert str(zoo.tree_file("digits")) == "digits"


def test_a_tree_of_the_package_is_named_where_a_tree_file_is():
    for arguments in (["tree", "digits", "--json", "-"], ["compile", "digits", "--json", "-"]):
        result = invoke(*arguments)
        assert result.exit_code == 0, result.output
    assert set(zoo.names()) == {"digits", "glyphs", "localize", "mnist", "mnist-node", "segment"}


@pytest.mark.parametrize("arguments", [["demo"], ["bench"], ["bench", "link", "emulate"], []])
def test_only_commands_of_the_emulator_become_it(arguments, monkeypatch):
    monkeypatch.setattr("os.execv", lambda *_: pytest.fail("it became the emulator"))
    become(arguments)


@pytest.mark.parametrize("module", ["pixeltree_emu", "pixeltree_emu.bench"])
def test_the_emulators_help_loads_no_emulator(module):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module('{module}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "sys.exit(bool({'numpy', 'numba', 'pixeltree_emu.controller.device'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
