"""Libraries that are missing or of another version."""

from __future__ import annotations

from importlib import metadata

import pytest

from scalelab.doctor import versions
from scalelab.doctor.line import Verdict


def test_what_is_installed_as_asked_for_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=1", "nothing-of-this-name; extra == 'test'"])
    python, libraries = versions.look()
    assert (python.verdict, libraries.verdict) == (Verdict.OK, Verdict.OK)
    assert f"numpy {metadata.version('numpy')}" in libraries.said


def test_each_that_is_missing_or_of_another_version_is_a_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=1", "numpy>=999", "nothing-of-this-name>=2"])
    _, old, missing = versions.look()
    assert (old.verdict, missing.verdict) == (Verdict.FAIL, Verdict.FAIL)
    assert "asked for is >=999" in old.said
    assert missing.todo == "pip install 'nothing-of-this-name>=2'"


def test_an_old_python_fails() -> None:
    assert versions._python((3, 10, 1)).verdict is Verdict.FAIL
