"""``import pixeltree`` is all that a user needs, and all that the documentation shows."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pixeltree

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/index.md"]
PAGES += [page for room in ("get-started", "how-to") for page in sorted((ROOT / "docs" / room).rglob("*.md"))]
PAGES = [page for page in PAGES if page.exists()] + sorted((ROOT / "examples").rglob("*.py"))

ALL_BUT_TRAINING = """
import sys
import pixeltree
for name in pixeltree.__all__:
    getattr(pixeltree, name)
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("name", pixeltree.__all__)
def test_every_public_name_can_be_imported_and_says_what_it_is(name):
    value = getattr(pixeltree, name)
    assert name in dir(pixeltree)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)


def test_type_checkers_see_each_name_where_it_is_defined():
    tree = ast.parse((ROOT / "host/pixeltree/__init__.py").read_text())
    block = next(each for each in tree.body if isinstance(each, ast.If))
    seen = {"__version__": None}
    for line in block.body:
        if isinstance(line, ast.ImportFrom):
            seen |= {each.asname or each.name: f"{line.module}:{each.name}" for each in line.names}
    assert set(seen) == set(pixeltree.__all__)
    assert len(pixeltree.__all__) == len(seen)
    for name, home in seen.items():
        if home is not None:
            module, attribute = home.split(":")
            if inspect.ismodule(getattr(pixeltree, name)):
                assert getattr(pixeltree, name).__name__ == f"{module}.{attribute}"
            else:
                assert getattr(sys.modules[module], attribute) is getattr(pixeltree, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = pixeltree.nothing


def test_pytorch_is_imported_only_where_something_is_trained():
    subprocess.run([sys.executable, "-c", ALL_BUT_TRAINING], check=True)


def python_of(page):
    """The Python blocks of a page, without the prompts of a session."""
    text = page.read_text()
    if page.suffix == ".py":
        return [text]
    blocks = re.findall(r"^( *)```(?:python|py)\b[^\n]*\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}(?:>>> |\.\.\. )?", "", block, flags=re.MULTILINE) for indent, block in blocks]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_example_imports_anything_deeper(page):
    deeper = []
    for block in python_of(page):
        for each in ast.walk(ast.parse(block)):
            if isinstance(each, ast.Import):
                deeper += [name.name for name in each.names]
            elif isinstance(each, ast.ImportFrom):
                deeper.append(each.module)
    deeper = [name for name in deeper if name.startswith("pixeltree") and name != "pixeltree"]
    assert not deeper, f"{page.name} imports {', '.join(deeper)}; a user needs no more than pixeltree"


def test_a_tree_of_the_zoo_is_loaded_by_its_name():
    assert "digits" in pixeltree.zoo.names()
    assert pixeltree.zoo.load("digits").name == "digits"
    with pytest.raises(pixeltree.errors.TreeError, match="'nothing'; known: digits"):
        pixeltree.zoo.load("nothing")


def test_a_private_emulator_takes_options_by_name():
    with pixeltree.emulator(memory=65_536, source="moving") as device:
        assert device.welcome.capabilities.memory_bytes == 65_536
        device.chip.expose()
        device.chip.get_image(pixeltree.A, pixeltree.B)
        assert device.read_plane("A").any()
    with pytest.raises(pixeltree.errors.LinkError, match="no option 'colour'"):
        pixeltree.emulator(colour="red")
