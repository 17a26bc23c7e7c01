"""Presets: what ships is whole, what comes from users is refused in one line that names the field."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import preset_files
from scalelab.errors import BadInput


def _refused(*overrides: str, base: str = "tiny") -> str:
    with pytest.raises(BadInput) as caught:
        preset_files.load(base, overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("name", ["tiny", "smoke", "laptop", "gpu", "wikitext103", "fineweb-edu", "translation", "qa"])
def test_a_shipped_preset_survives_being_stored(name: str) -> None:
    preset = preset_files.load(name)
    assert preset.name == name
    assert preset_files.loads(preset_files.dumps(preset), name) == preset


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("ladder.rungz=5", ["ladder.rungz", "did you mean rungs?"]),
        ("modle.context=64", ["modle", "did you mean model?"]),
        ("ladder.shapes=[]", ["ladder.shapes", "at least 1"]),
        ("ladder.shapes=16x1,16x1", ["twice"]),
        ("ladder.shapes=0x1", ["ladder.shapes[0]", "d_model x n_layer"]),
        ("ladder.shapes=16x1.5", ["ladder.shapes[0]", "d_model x n_layer"]),
        ("ladder.shapes=1e9x1", ["ladder.shapes[0]"]),
        ("ladder.rungs=5", ["all of from, to and rungs"]),
        ("model.context=0", ["model.context is 0", "8"]),
        ("model.context=1.5", ["model.context is 1.5", "a whole number"]),
        ("model.head_dim=-1", ["model.head_dim is -1"]),
        ("batch.sequences=many", ["batch.sequences is 'many'"]),
        ("budgets.tokens=[0]", ["budgets.tokens[0] is 0"]),
        ("budgets.tokens=nan", ["budgets.tokens"]),
        ("learning_rate.scale=0", ["learning_rate.scale is 0"]),
        ("learning_rate.scale=-1.0", ["learning_rate.scale"]),
        ("optimizer.weight_decay=nan", ["finite"]),
        ("optimizer.weight_decay=inf", ["finite"]),
        ("hardware.slots=0", ["hardware.slots is 0"]),
        ("hardware.slots=-1", ["hardware.slots is -1"]),
        ("hardware.slots=1000", ["hardware.slots is 1000", "256"]),
        ("seeds=[1, 1]", ["seed", "twice"]),
        ("name=../../x", ["name is '../../x'"]),
        ("name=-rf", ["name is '-rf'"]),
        ("batch=3", ["batch is 3", "a table of fields"]),
        ("seeds=[]", ["seeds is []", "at least 1 item"]),
        ("name=A B", ["name is 'A B'", "small letters"]),
        ("corpus.vocab_size=9", ["corpus.vocab_size is 9", "at least 257"]),
        ("hardware.compile=yes", ["hardware.compile is 'yes'", "true or false"]),
        ("model.context=" + "9" * 5000, ["model.context is"]),
        ("budgets.tokens=null", ["--set budgets.tokens is 'null'"]),
        ("nonsense", ["key=value"]),
        ("name.x=1", ["has no fields"]),
    ],
)
def test_a_bad_override_is_one_line_that_names_it(override: str, parts: list[str]) -> None:
    line = _refused(override)
    for part in parts:
        assert part in line, line


def test_an_override_by_another_way_takes_the_first_out() -> None:
    preset = preset_files.load("tiny", ["ladder.params=100k,400k", "budgets.flops=[1e12, 2e12]"])
    assert preset.ladder.shapes is None
    assert preset.ladder.params == [100_000.0, 400_000.0]
    assert preset.budgets.tokens is None


def test_flags_win_over_overrides() -> None:
    preset = preset_files.load("tiny", ["hardware.device=mps"], {"hardware.device": "cpu", "hardware.slots": None})
    assert preset.hardware.device == "cpu"
    assert preset.hardware.slots is None


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"name = ", "TOML"),
        (b"[" * 5000, "TOML"),
        (b'name = "x"', "missing"),
        (b"x" * 1_000_001, "at most"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(content)
    assert part in _refused(base=str(path))


@pytest.mark.parametrize("name", ["tinny", "", "no/such.toml", "a\0b", "../../x", "\x1b[31m"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    line = _refused(base=name)
    assert "\x1b" not in line


def test_a_folder_is_no_preset(tmp_path: Path) -> None:
    folder = tmp_path / "d.toml"
    folder.mkdir()
    assert "not a file" in _refused(base=str(folder))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_rubbish_is_refused_or_understood_but_never_a_traceback(key: str, value: str) -> None:
    try:
        preset_files.load("smoke", [f"{key}={value}"])
    except BadInput as error:
        assert "\n" not in str(error)
