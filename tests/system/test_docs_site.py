"""The documentation site is built in strict mode: every link leads somewhere, and nothing is fetched."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//[^"]*"[^>]*>""")
HARMLESS = re.compile(r'<link[^>]*rel="(?:canonical|next|prev)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` does."""
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_every_page_is_in_the_navigation(site):
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in navigation, f"{page} is not in mkdocs.yml"


def test_nothing_is_fetched_from_the_net(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text()
        fetched = [tag for tag in FETCHED.findall(text) if not HARMLESS.match(tag)]
        assert not fetched, f"{page.name}: {fetched}"
        assert 'class="mermaid"' not in text, f"{page.name}: the browser would fetch the program that draws it"


def test_blocks_are_rendered_as_blocks(site):
    for page in site.rglob("*.html"):
        assert "```" not in re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL), page.name
