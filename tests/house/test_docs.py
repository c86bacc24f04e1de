"""What the documents name is there."""

from __future__ import annotations

import re

import pytest

from tests import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PATHS = re.compile(r"`((?:bot|adapters|config|tests|bench|tools|docs)/[\w./-]*)`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_are_there(document: object) -> None:
    """Who follows a path in the documents finds something at its end."""
    named = PATHS.findall(document.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
