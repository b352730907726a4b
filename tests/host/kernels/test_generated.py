"""What tools/make_kernel_api.py writes is up to date."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_methods_and_documents_are_those_of_the_tables():
    spec = importlib.util.spec_from_file_location("make_kernel_api", ROOT / "tools/make_kernel_api.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    advice = "run: python tools/make_kernel_api.py"
    assert tool.METHODS.read_text() == tool.methods(), advice
    for name in tool.DOCUMENTS:
        assert (tool.DOCS / name).read_text() == tool.document(name), advice
