"""The example notebook runs from its first cell to its last, and what it ends cells with shows itself."""

import ast
import json

from tests.support.command_line import ROOT

NOTEBOOK = ROOT / "examples" / "first_look.ipynb"


def shown(source, names):
    """Run a cell; the value of its last line, as a notebook takes it."""
    *before, last = ast.parse(source).body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    if not isinstance(last, ast.Expr):
        exec(compile(ast.Module([last], []), "cell", "exec"), names)
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_every_cell_runs_and_planes_results_and_trees_show_themselves():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in cells), "the committed notebook has no outputs"
    names = {}
    try:
        tree, result, bits, levels, _, _ = (shown("".join(cell["source"]), names) for cell in cells)
    finally:
        names["device"].close()
    drawing = tree._repr_html_()
    assert all(f">{name}</text>" in drawing for name in ("root", "root.0", "7"))
    assert f"<b>{result.label_name}</b>" in result._repr_html_()
    for plane in (bits, levels):
        assert plane._repr_png_().startswith(b"\x89PNG")
        assert plane[0]._repr_png_() is None
