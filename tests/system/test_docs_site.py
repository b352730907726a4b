"""The documentation site is built in strict mode: every link leads somewhere, and nothing is fetched."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.once import once

ROOT = Path(__file__).resolve().parents[2]
TAG = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*>")
ELSEWHERE = re.compile(r'\s(?:src|href)="?(?:https?:)?//')


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ``make docs`` does."""
    return once(tmp_path_factory, "site", build)


def build(folder):
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


def test_every_page_is_in_the_navigation(site):
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in navigation, f"{page} is not in mkdocs.yml"


def test_nothing_is_fetched_from_the_net(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text()
        fetched = [tag for tag in TAG.findall(text) if ELSEWHERE.search(tag)]
        assert not fetched, f"{page.name}: {fetched}"
        assert 'class="mermaid"' not in text, f"{page.name}: a browser would fetch what draws it"


def test_blocks_are_rendered_as_blocks(site):
    for page in site.rglob("*.html"):
        assert "```" not in re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL), page.name
