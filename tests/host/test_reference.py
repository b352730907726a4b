"""What tools/make_reference.py writes is up to date and complete."""

import pytest
from tools import make_reference

from pixeltree.train.tables import TreeTable


@pytest.mark.parametrize("name", make_reference.PAGES)
def test_a_page_is_that_of_the_code(name):
    written = (make_reference.DOCS / name).read_text()
    assert written == make_reference.PAGES[name](), "run: python tools/make_reference.py"


def test_a_key_without_a_meaning_is_found(monkeypatch):
    monkeypatch.setattr(TreeTable, "__doc__", "A tree.\n\nAttributes:\n    segment_bytes: most bytes.\n")
    with pytest.raises(KeyError, match="outcomes"):
        make_reference.recipes()
