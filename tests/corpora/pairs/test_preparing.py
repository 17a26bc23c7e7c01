"""Pairs become windows with marked targets; no prompt stands on both sides; what is wrong is told in one line."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scalelab.corpora import Need, load_tokenizer, prepare_pairs, read_held_out
from scalelab.corpora.pairs.made import MADE_SETS
from scalelab.errors import BadInput
from scalelab.preset import CorpusSpec
from scalelab.records import TokenSet

ROWS = [{"source": f"one {n} two", "target": f"eins {n} zwei"} for n in range(400)]
NEED = Need(train=6_000, held_out=1_100)


def prepared(source: str, cache: Path, *, task: str = "translation", context: int = 32, **changes: Any) -> TokenSet:
    return prepare_pairs(task, CorpusSpec(source=source, **changes), context, cache, need=NEED)


def jsonl(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return f"pairs:{path}"


def examples(tokens: TokenSet, part: str) -> list[tuple[str, str]]:
    """Prompt and target of every example, read back from tokens and marks alone."""
    flat = np.fromfile(Path(tokens.directory) / f"{part}.bin", dtype="<u2")
    marks = np.fromfile(Path(tokens.directory) / f"{part}.targets.bin", dtype=bool)
    tokenizer = load_tokenizer(Path(tokens.directory))
    found = []
    for place in np.flatnonzero(flat == tokenizer.separator):
        first = int(np.flatnonzero(flat[:place] == tokenizer.end_of_text)[-1])
        last = int(place + 1 + np.flatnonzero(flat[place + 1 :] == tokenizer.end_of_text)[0])
        assert not marks[first + 1 : place + 1].any() and marks[place + 1 : last + 1].all()
        assert first // tokens.pairs.context == (last - 1) // tokens.pairs.context, "cut by a window's border"  # type: ignore[union-attr]
        found.append((tokenizer.decode(flat[first:place].tolist()), tokenizer.decode(flat[place + 1 : last].tolist())))
    return found


@pytest.mark.parametrize("kind", ["bpe", "bytes"])
def test_every_pair_stands_whole_in_a_window_with_its_target_marked(tmp_path: Path, kind: str) -> None:
    tokens = prepared(jsonl(tmp_path / "a.jsonl", ROWS), tmp_path / "cache", tokenizer=kind, vocab_size=300)
    assert tokens.pairs is not None
    both = examples(tokens, "train") + examples(tokens, "held_out")
    assert sorted(both) == sorted((row["source"], row["target"]) for row in ROWS)
    for part, count in (("train", tokens.pairs.train_targets), ("held_out", tokens.pairs.held_out_targets)):
        marks = np.fromfile(Path(tokens.directory) / f"{part}.targets.bin", dtype=bool)
        assert marks.sum() == count and len(marks) % tokens.pairs.context == 1
    assert tokens.vocab_size == (258 if kind == "bytes" else 300)
    assert (tokens.pairs.train_pairs, tokens.pairs.held_out_pairs) == (len(examples(tokens, "train")), len(both) - len(
        examples(tokens, "train")))  # fmt: skip
    assert tokens.bytes_per_token == tokens.pairs.held_out_target_bytes / tokens.pairs.held_out_targets


def test_no_prompt_stands_on_both_sides_however_it_is_written(tmp_path: Path) -> None:
    rows = [{"source": text, "target": f"{n} {m}"} for n in range(300) for m, text in enumerate((
        f"ask {n}", f"ASK  {n}", f" ask {n} "))]  # fmt: skip
    tokens = prepared(jsonl(tmp_path / "a.jsonl", rows), tmp_path / "cache", held_out=0.2)
    sides = [{" ".join(prompt.split()).casefold() for prompt, _ in examples(tokens, part)}
             for part in ("train", "held_out")]  # fmt: skip
    assert sides[0].isdisjoint(sides[1]) and len(sides[0] | sides[1]) == 300
    assert 30 < len(sides[1]) < 90


def test_the_vocabulary_is_learnt_from_the_training_side_alone(tmp_path: Path) -> None:
    tokens = prepared(jsonl(tmp_path / "a.jsonl", ROWS), tmp_path / "a", vocab_size=300)
    held_out = {prompt for prompt, _ in examples(tokens, "held_out")}
    changed = [{**row, "target": "qqqq qqqq"} if row["source"] in held_out else row for row in ROWS]
    again = prepared(jsonl(tmp_path / "b.jsonl", changed), tmp_path / "b", vocab_size=300)
    one, two = (Path(each.directory, "tokenizer.json").read_text() for each in (tokens, again))
    assert one == two and tokens.key != again.key


def test_a_set_that_grows_holds_out_what_it_held_out(tmp_path: Path) -> None:
    few = prepared(jsonl(tmp_path / "a.jsonl", ROWS[:200]), tmp_path / "cache", held_out=0.2)
    more = prepared(jsonl(tmp_path / "b.jsonl", ROWS), tmp_path / "cache", held_out=0.2)
    assert {prompt for prompt, _ in examples(few, "held_out")} < {prompt for prompt, _ in examples(more, "held_out")}


def _csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["other", "source", "target"])
        writer.writeheader()
        writer.writerows({**row, "other": "x, y"} for row in ROWS)


def _gz(path: Path) -> None:
    path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in ROWS).encode()))


def _parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(("name", "write"), [("a.csv", _csv), ("a.jsonl.gz", _gz), ("a.parquet", _parquet)])
def test_every_format_gives_the_same_tokens(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    expected = prepared(jsonl(tmp_path / "plain.jsonl", ROWS), tmp_path / "cache", vocab_size=300)
    assert prepared(f"pairs:{tmp_path / name}", tmp_path / "cache", vocab_size=300).key == expected.key


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_column_may_have_a_dot_in_its_own_name(tmp_path: Path, ending: str) -> None:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet

    table = pa.table({f"text.{name}": [row[name] for row in ROWS] for name in ("source", "target")})
    path = str(tmp_path / f"a.{ending}")
    (arrow_csv.write_csv if ending == "csv" else parquet.write_table)(table, path)
    tokens = prepared(f"pairs:{path}#text.source,text.target", tmp_path / "cache")
    assert tokens.key == prepared(jsonl(tmp_path / "plain.jsonl", ROWS), tmp_path / "cache").key


def test_a_header_written_with_blanks_names_its_columns(tmp_path: Path) -> None:
    lines = "".join(f"{row['source']}, {row['target']}\n" for row in ROWS)
    (tmp_path / "a.csv").write_text("\ufeffsource, target \n" + lines)
    tokens = prepared(f"pairs:{tmp_path / 'a.csv'}", tmp_path / "cache")
    assert tokens.key == prepared(jsonl(tmp_path / "plain.jsonl", ROWS), tmp_path / "cache").key


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("source,target,target\n" + "a,b,c\n" * 50)
    with pytest.raises(BadInput, match="2 columns 'target'"):
        prepared(f"pairs:{tmp_path / 'a.csv'}", tmp_path / "cache")


def test_nested_columns_and_several_answers_are_found(tmp_path: Path) -> None:
    rows = [{"context": f"it is {n}.", "question": f"what is {n}?", "answers": {
             "text": [f"no {n}", f"nr {n}", f"no {n}"],
             "answer_start": [1, 2, 3]}} for n in range(200)]  # fmt: skip
    source = jsonl(tmp_path / "a.jsonl", rows) + "#context,question,answers.text"
    tokens = prepared(source, tmp_path / "cache", task="qa", context=64, held_out=0.2)
    found = read_held_out(Path(tokens.directory), 5)
    number = found[0].prompt.split()[-1].rstrip("?")
    assert found[0].prompt == f"it is {number}.\nwhat is {number}?" and len(found) == 5
    assert found[0].targets == (f"no {number}", f"nr {number}")


def test_an_unchanged_source_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = jsonl(tmp_path / "a.jsonl", ROWS)
    first = prepared(source, tmp_path / "cache")
    monkeypatch.setattr("scalelab.corpora.pairs.preparing._make", pytest.fail)
    assert prepared(source, tmp_path / "cache") == first


def test_empty_and_too_long_pairs_are_left_out_and_counted(tmp_path: Path) -> None:
    odd = [{"source": "x", "target": " "}, {"source": "", "target": "y"}, {"source": None, "target": "z"},
           {"source": "v", "target": float("nan")}, {"source": "long " * 100, "target": "w"}]  # fmt: skip
    tokens = prepared(jsonl(tmp_path / "a.jsonl", ROWS + odd), tmp_path / "cache")
    assert tokens.pairs is not None and (tokens.pairs.empty, tokens.pairs.too_long) == (4, 1)


GOOD = json.dumps(ROWS[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{GOOD}\n" + '{"source": "a"}\n', r"line 2 has no column 'target'.*source"),
        (f"{GOOD}\n[1]\n", r"line 2 is no JSON object"),
        (f"{GOOD}\nnot\n", r"line 2 is no JSON"),
        ('{"source": "a", "target": {"x": 1}}\n', r"line 1: 'target' holds dict, no text"),
        ('{"source": "a", "target": "\\ud800"}\n', r"line 1: 'target' holds half a surrogate pair"),
        (f"{GOOD}\n", r"holds 1 pair.*at least 32"),
        ('{"source": "a", "target": ""}\n' * 50, r"holds 0 different pairs and 50 without a prompt or a target"),
    ],
)
def test_bad_lines_are_told_in_one(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(BadInput, match=told) as problem:
        prepared(f"pairs:{tmp_path / 'a.jsonl'}", tmp_path / "cache")
    assert "\n" not in problem.value.line()


def test_a_context_that_most_pairs_are_longer_than_is_refused_with_one_that_serves(tmp_path: Path) -> None:
    rows = [{"source": f"{n} " + "word " * 30, "target": "x"} for n in range(100)]
    with pytest.raises(BadInput, match=r"model.context is 16 and 100 of 100 pairs.*set model.context = \d+"):
        prepared(jsonl(tmp_path / "a.jsonl", rows), tmp_path / "cache", context=16, tokenizer="bytes")


def test_a_table_without_the_column_is_refused_with_those_it_has(tmp_path: Path) -> None:
    _csv(tmp_path / "a.csv")
    with pytest.raises(BadInput, match=r"no column 'de'.*other, source, target"):
        prepared(f"pairs:{tmp_path / 'a.csv'}#source,de", tmp_path / "cache")


@pytest.mark.parametrize("name", ["conlang", "facts"])
def test_made_sets_are_the_same_every_time_and_others_by_another_seed(name: str) -> None:
    first, again, other = (list(islice(MADE_SETS[name].pairs(seed), 200)) for seed in (0, 0, 1))
    assert first == again != other
    answers: dict[str, set[str]] = {}
    for prompt, target in islice(MADE_SETS[name].pairs(0), 5_000):
        answers.setdefault(prompt, set()).add(target)
    assert all(len(each) == 1 for each in answers.values()), "a prompt with two answers cannot be learnt"
    assert len(answers) > 3_500


def test_a_made_set_gives_as_much_as_is_needed(tmp_path: Path) -> None:
    tokens = prepared("facts", tmp_path / "cache", task="qa", context=48)
    assert tokens.train_tokens >= NEED.train and tokens.held_out_tokens >= NEED.held_out


def test_where_many_pairs_are_too_long_more_are_taken_until_it_is_enough(tmp_path: Path) -> None:
    rows = [{"a": f"{n} {'so ' * (10 if n % 5 else 200)}on", "b": f"ja {n}"} for n in range(6000)]
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    tokens = prepared(f"hf:{tmp_path / 'set'}#a,b", tmp_path / "cache", tokenizer="bytes", context=64)
    assert tokens.train_tokens >= NEED.train and tokens.held_out_tokens >= NEED.held_out
    assert tokens.pairs is not None and tokens.pairs.train_pairs < 3000, "no more than about as much as is needed"


def test_a_folder_in_hub_layout_serves_as_the_hub_does(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    rows = [{"translation": {"de": row["source"], "en": row["target"]}} for row in ROWS]
    jsonl(tmp_path / "set" / "train.jsonl", rows)
    tokens = prepared(f"hf:{tmp_path / 'set'}#translation.de,translation.en", tmp_path / "cache", vocab_size=300)
    expected = prepared(jsonl(tmp_path / "plain.jsonl", ROWS), tmp_path / "other", vocab_size=300)
    assert tokens.key == expected.key
    with pytest.raises(BadInput, match=r"no column 'none'.*translation"):
        prepared(f"hf:{tmp_path / 'set'}#none,translation.en", tmp_path / "cache")
