"""Write the pages of docs/reference that derive from code: recipes, the command line, the Python API.

Run it after a change to a recipe's dataclasses, to a command or to a public name; a test fails while its
outputs are stale. What a page says about a key, an option or a name is written once, where that is declared.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import json
import os
import re
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import griffe
import typer

from pixeltree.cli.app import app
from pixeltree.datasets.sources import DATA
from pixeltree.train.augment import Augmentation
from pixeltree.train.recipe import HEADS, LAYERS, Recipe
from pixeltree.train.specification import Input, NetworkSpecification
from pixeltree.train.tables import LocalizerTable, TreeTable
from pixeltree.train.training import TrainingSettings
from pixeltree_protocol.chip.registers import Analog, Digital, Direction

DOCS = Path(__file__).parent.parent / "docs/reference"

_RECIPES = """\
# Recipes

A recipe is a TOML file. It says which images a tree is trained on, what its networks look like, and how they
are trained. [Training](training.md) explains the choices. `recipes/folder.toml` is a recipe with a comment at
every line.

A key that is not on this page is refused, and the message lists the keys that are known. *Must be given*
means that a recipe without the key is refused. *Left out* means that the key has no value of its own; its
meaning says what happens then. `tools/make_reference.py` writes this page from the dataclasses that a recipe
becomes.
"""
_COMMAND_LINE = """\
# Command line

`pixeltree COMMAND --help` shows what is on this page. In a clone the program is `.venv/bin/pixeltree`.
`tools/make_reference.py` writes this page from the commands themselves.
"""
_PYTHON_API = """\
# Python API

This page has every public name with its docstring. Other modules are private by convention: their names may
change. `tools/make_reference.py` writes the list of names from the code.
"""

# ---- text


def _markdown(text: str) -> str:
    """Text of a docstring or a help text as one line of Markdown that stands in a table."""
    text = re.sub(r":[a-z]+:`~?(?:[A-Za-z_]+\.)*([A-Za-z_]+)`", r"`\1`", text).replace("``", "`")
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = tuple(head)
    for cells in (columns, ("---",) * len(columns), *rows):
        yield f"| {' | '.join(cells)} |"


def _page(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


# ---- recipes


def _docstring(thing: type) -> tuple[str, dict[str, str]]:
    """What a docstring says about a class, and about each of its fields."""
    text, fields = "", {}
    for section in griffe.Docstring(thing.__doc__ or "").parse("google"):
        if isinstance(section, griffe.DocstringSectionText):
            text += section.value + "\n\n"
        elif isinstance(section, griffe.DocstringSectionAttributes):
            fields |= {n.strip(): f.description for f in section.value for n in f.name.split(",")}
    return text.rstrip(), fields


_TYPE_NAMES = {int: "integer", float: "number", str: "text", bool: "true or false"}
_PLURALS = {"integer": "integers", "number": "numbers", "text": "texts", "table": "tables"}


def _type(hint: Any) -> str:  # noqa: ANN401 - any type
    """A type as somebody who writes TOML would say it."""
    if isinstance(hint, types.UnionType):
        options = (_type(option) for option in typing.get_args(hint) if option is not types.NoneType)
        return " or ".join(dict.fromkeys(options))
    if typing.get_origin(hint) is tuple:
        items = [item for item in typing.get_args(hint) if item is not Ellipsis]
        item = _type(items[0])
        return f"list of {f'{len(items)} ' if len(items) > 1 else ''}{_PLURALS.get(item, f'lists{item[4:]}')}"
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return " or ".join(f'`"{value}"`' for value in hint)
    return _TYPE_NAMES.get(hint, "table")


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is field.default_factory is dataclasses.MISSING:
        return "must be given"
    value = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return "left out" if value is None else f"`{json.dumps(value)}`"


def _keys(thing: type, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, ...]]:
    """A row for each field of a dataclass; a field without a meaning is a mistake."""
    _, meanings = _docstring(thing)
    hints = typing.get_type_hints(thing)
    for field in dataclasses.fields(thing):
        if wanted(field.name):
            yield (
                f"`{field.name}`",
                _type(hints[field.name]),
                _default(field),
                _sentence(meanings[field.name]),
            )


_HEADER = ("key", "type", "default", "meaning")


def _key_table(thing: type, *first: tuple[str, ...], without: str = "") -> Iterator[str]:
    yield from ("", _summary(thing), "")
    yield from _table(_HEADER, (*first, *_keys(thing, lambda name: name != without)))


def _summary(thing: type) -> str:
    """What a docstring says about a class, without the words that the heading has already."""
    return _sentence(
        re.sub(r"^(Settings of `\w+`, |The table `\[\w+\]`: )", "", _markdown(_docstring(thing)[0]))
    )


def _sentence(text: str) -> str:
    text = _markdown(text)
    return text if text[1] == " " else text[0].upper() + text[1:]


def _choices(heading: str, key: str, kinds: typing.Mapping[str, type]) -> Iterator[str]:
    """A table for each kind that a key chooses from."""
    yield f"\n## `{heading}`\n\nThe key `{key}` says which kind it is. The other keys depend on it."
    for name, kind in kinds.items():
        yield f'\n### `{key} = "{name}"`'
        yield from _key_table(kind)


def recipes() -> str:
    """The page about recipes: every key, its type, default and meaning."""
    lines = [
        _RECIPES,
        "## Top of the file",
        "",
        *_table(
            _HEADER,
            (
                *_keys(Recipe, lambda name: name in ("name", "noise_aware")),
                *_keys(NetworkSpecification, lambda name: name == "estimator"),
            ),
        ),
        *_choices("[data]", "set", DATA),
        "\n## `[input]`",
        *_key_table(Input),
        *_choices("[[layers]]", "type", LAYERS),
        *_choices("[head]", "type", HEADS),
        "\n## `[training]`",
        *_key_table(TrainingSettings, without="augmentation"),
        "\n## `[training.augmentation]`",
        *_key_table(Augmentation),
        "\n## `[tree]`",
        *_key_table(TreeTable),
        "\n## `[localizer]`",
        "",
        "`layers` and `head` are tables like those above: `[[localizer.layers]]` and `[localizer.head]`.",
        *_key_table(LocalizerTable),
    ]
    return _page(lines)


# ---- command line


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer has click inside
    """Every command below a command, with the words that call it, the command itself first."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _commands(below, f"{path} {name}")


def _help(text: str | None) -> Iterator[str]:
    """Paragraphs of a help text; a line that calls the program is shown as code."""
    for line in (text or "").replace("\b", "").splitlines():
        words = line.strip()
        calls = re.fullmatch(r"(Examples?: |\$ )?(pixeltree .*)", words)
        if calls:
            yield f"\nExample: `{calls[2]}`\n"
        else:
            yield words.replace("<", "&lt;").replace("``", "`")


def _parameter(parameter: Any, context: Any) -> tuple[str, str, str]:  # noqa: ANN401
    """Names, default or range, and meaning of an option or argument, as its help shows them."""
    names, text = parameter.get_help_record(context) or (parameter.name, getattr(parameter, "help", "") or "")
    found = re.fullmatch(r"(.*?)\s*(?:\[([^\[\]]*)\])?", text, re.DOTALL)
    assert found is not None
    limits = (found[2] or "").replace("default: ", "")
    return f"`{_markdown(names)}`".replace("&lt;", "<"), _markdown(limits), _markdown(found[1])


def _options(command: Any) -> Iterator[str]:  # noqa: ANN401
    """Tables of a command's arguments and options, one for each group."""
    context = command.context_class(command)
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for parameter in command.params:
        if not parameter.hidden:
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            group = getattr(parameter, "rich_help_panel", None) or kind
            groups.setdefault(group, []).append(_parameter(parameter, context))
    for group, rows in groups.items():
        yield f"\n**{group}**\n"
        yield from _table(("name", "default and range", "meaning"), rows)


def _passed_on(path: str) -> Iterator[str]:
    """The help of a command that hands its arguments to another program."""
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    shown = subprocess.run(
        [sys.executable, "-m", *path.split(), "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    yield from ("", "```text", *(line.rstrip() for line in shown.stdout.rstrip().splitlines()), "```")


def command_line() -> str:
    """The page about the command line: every command with its options."""
    root = typer.main.get_command(app)
    lines = [
        _COMMAND_LINE,
    ]
    for path, command in _commands(root, "pixeltree"):
        lines += [f"\n{'#' * len(path.split())} `{path}`\n" if command is not root else ""]
        lines += [*_help(command.help), "", *_help(command.epilog)]
        passes_on = command.context_settings.get("allow_extra_args")
        lines += _passed_on(path) if passes_on else _options(command)
    return _page(lines)


# ---- Python API

_MODULES = {
    "pixeltree": "What most programs need; `import pixeltree` is enough for these.",
    "pixeltree.kernels": "Kernels for the array, under the vendor's names ([kernel API](kernel_api.md)).",
    "pixeltree.datasets": "Labelled images, read or generated.",
    "pixeltree.evaluate.evaluation": "How good a tree is, on the integer reference and on devices.",
    "pixeltree.model": "Folded networks as data, and the integer reference.",
    "pixeltree.compiler": "From a folded network to a node of a tree.",
    "pixeltree.run": "One frame after another through a tree.",
    "pixeltree.swapping": "Lines, counters, traces, and the decisions about what is sent when.",
    "pixeltree.simulate": "Swapping without a device.",
    "pixeltree.train.from_recipe": "From a recipe to a tree. It needs PyTorch.",
    "pixeltree.errors": "Every error that Pixeltree raises on purpose.",
}
"""Modules with public names, and one sentence about each."""


def _names(module: str) -> list[str]:
    """Public names of a module: what it says is public, else what is written in it."""
    loaded = importlib.import_module(module)
    written = (n for n, v in vars(loaded).items() if getattr(v, "__module__", None) == module and n[0] != "_")
    return list(getattr(loaded, "__all__", None) or written)


_REGISTERS = (Analog, Digital, Direction, frozenset)
"""Types of the vendor's names, which have no docstrings of their own."""


def _code(name: str) -> str:
    return f"`{name}`"


def python_api() -> str:
    """The page about the Python API: a directive for each public name, which mkdocstrings fills in."""
    lines = [
        _PYTHON_API,
    ]
    shown = {"__version__"}
    for module, sentence in _MODULES.items():
        loaded = importlib.import_module(module)
        names = [name for name in _names(module) if name not in shown]
        shown.update(names)
        lines += [f"\n## `{module}`\n", sentence, ""]
        registers = [name for name in names if isinstance(getattr(loaded, name), _REGISTERS)]
        if registers:
            names = [name for name in names if name not in registers]
            lines.append(
                f"The vendor's names of registers and directions: {', '.join(map(_code, registers))}.\n"
            )
        lines += [f"::: {module}.{name}\n" for name in names]
    return _page(lines)


PAGES: dict[str, Callable[[], str]] = {
    "recipes.md": recipes,
    "command_line.md": command_line,
    "python_api.md": python_api,
}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())


if __name__ == "__main__":
    main()
