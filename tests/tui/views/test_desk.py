"""A plan under work, edited as a person does: tasks, texts, groups; whatever is done, command and file say the same."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import preset_files
from scalelab.lab.paths import lab_paths
from scalelab.records import DeviceInfo
from scalelab.tui.views.desk import Desk
from scalelab.tui.views.draft import SPAN, Draft
from scalelab.tui.views.planning import planned, save, unfinished
from scalelab.tui.views.rows import Field

CPU = DeviceInfo(
    name="cpu", label="two cores", memory_bytes=16 * 10**9, slots=2, peak_flops=80e9, peak_source="measured"
)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def desk(base: str, *edits: tuple[str, str]) -> Desk:
    made = Desk(base, [CPU])
    for key, text in edits:
        put(made, key, text)
    return made


def put(made: Desk, key: str, text: str) -> None:
    made.take(key, text, done=True)
    made.plan()


def field(made: Desk, key: str) -> Field:
    return next(row for row in made.rows() if isinstance(row, Field) and row.key == key)


def keys(made: Desk) -> list[str]:
    return [row.key for row in made.rows() if isinstance(row, Field)]


@pytest.mark.parametrize("base", list(preset_files.shipped()))
def test_every_shipped_preset_opens_whole(base: str) -> None:
    card = DeviceInfo(
        name="cuda:0", label="a card", memory_bytes=80 * 10**9, slots=1, peak_flops=9e14, peak_source="nominal"
    )
    Path("text").mkdir()
    Path("text/your-own.txt").touch()
    made = Desk(base, [card, CPU])
    preset = preset_files.load(base)
    assert made.now.preset == preset and made.now.sets == () and made.now.problems == {}
    assert field(made, "task").value == preset.task
    assert [field(made, f"groups[{place}].name").value for place in range(len(preset.groups))] == [
        group.name for group in preset.groups
    ]


@pytest.mark.parametrize(("task", "source"), [("translation", "conlang"), ("qa", "facts")])
def test_a_task_brings_pairs_that_serve_it_and_goes_again(task: str, source: str) -> None:
    made = desk("tiny", ("corpus.source", "python"))
    put(made, "task", task)
    assert made.now.preset is not None and made.now.plan is not None
    assert (made.now.preset.task, made.now.preset.corpus.source, made.now.preset.model.context) == (task, source, 32)
    assert "evaluation.pairs" in keys(made) and "corpus.text_column" not in keys(made)
    put(made, "task", "lm")
    assert made.now.sets == ("corpus.source=python",), "what was said for the text is not lost on the way"
    put(made, "task", task)
    made.revert("task")
    assert made.now.sets == ()


def test_text_groups_are_laid_aside_for_a_task_and_come_back() -> None:
    made = desk("augment", ("groups[2].copies", "4"))
    put(made, "task", "translation")
    assert made.now.preset is not None and made.now.preset.groups == []
    put(made, "task", "lm")
    assert made.now.preset is not None and made.now.preset.groups[2].copies == 4


def test_columns_of_pairs_are_fields_of_their_own() -> None:
    made = desk("tiny", ("task", "qa"))
    assert "pairs.prompt" not in keys(made), "a made set has none to name"
    Path("my.csv").touch()
    put(made, "corpus.source", "pairs:my.csv")
    assert (field(made, "pairs.prompt").empty, field(made, "pairs.target").empty) == ("question", "answer")
    put(made, "pairs.prompt", "context, question")
    assert "corpus.source=pairs:my.csv#context,question,answer" in made.now.sets
    put(made, "pairs.target", "reply")
    put(made, "pairs.prompt", "")
    assert "corpus.source=pairs:my.csv#question,reply" in made.now.sets
    put(made, "corpus.source", "hf:rajpurkar/squad")
    assert "names no columns" in field(made, "corpus.source").problem
    put(made, "pairs.target", "answers.text")
    assert "names no two columns" in field(made, "pairs.target").problem
    put(made, "pairs.prompt", "context, question")
    assert made.now.problems == {}
    assert made.now.preset is not None
    assert made.now.preset.corpus.source == "hf:rajpurkar/squad#context,question,answers.text"


def test_groups_come_change_and_go() -> None:
    made = desk("tiny")
    before = made.now.plan
    assert made.add("groups") == "groups[0].name"
    assert made.add("groups[0].name") == "groups[1].name"
    for name, text in (("name", "noisy"), ("augment", "char-noise=0.02, word-dropout=0.1"), ("copies", "8"),
                       ("unique_tokens", "100k")):  # fmt: skip
        put(made, f"groups[1].{name}", text)
    assert made.now.plan is not None and before is not None
    assert len(made.now.plan.cells) == 2 * len(before.cells)
    assert made.now.plan.flops == pytest.approx(2 * before.flops)
    assert made.now.preset is not None
    plain, noisy = made.now.preset.groups
    assert (plain.name, noisy.name, noisy.copies, noisy.unique_tokens) == ("plain", "noisy", 8, 100e3)
    assert noisy.augment == ["char-noise=0.02", "word-dropout=0.1"]
    assert "1.5×" in field(made, "groups[1].name").beside, "1.2M tokens of eight times 100k"
    assert made.add("groups[1].copies") == "groups[2].name"
    assert field(made, "groups[2].name").value == "noisy-2"
    made.remove("groups[2].copies")
    assert field(made, "groups[2].copies").value == ""
    made.remove("groups[2].name")
    put(made, "groups[1].name", "")
    made.remove("groups[0].name")
    assert made.now.sets == () and field(made, "groups").value == ""


def test_too_many_groups_are_told_at_the_last_one() -> None:
    made, key = desk("augment"), "groups[5].name"
    for _ in range(11):
        key = made.add(key)
    assert "at most 16" in field(made, "groups[16].name").problem
    made.remove(key)
    assert made.now.problems == {} and made.now.preset is not None and len(made.now.preset.groups) == 16


def test_a_detail_of_a_group_is_reverted_alone_and_so_is_a_group() -> None:
    made = desk(
        "augment", ("groups[2].copies", "4"), ("groups[3].augment", "word-dropout=0.3"), ("groups[0].name", "x")
    )
    made.revert("groups[2].copies")
    assert field(made, "groups[2].copies").value == "8"
    assert field(made, "groups[3].augment").changed
    made.revert("groups[3].name")
    assert not field(made, "groups[3].augment").changed and field(made, "groups[0].name").value == "x"
    made.revert("groups[0].name")
    assert made.now.sets == ()
    last = made.add("groups[5].name")
    made.revert(last)
    assert made.now.sets == (), "the preset has no group there: all are as it has them"


def test_another_tokenizer_changes_n_at_once() -> None:
    made = desk("laptop")
    before = made.now.plan
    put(made, "corpus.tokenizer", "gpt2")
    assert made.now.plan is not None and before is not None
    for old, new in zip(before.rungs, made.now.plan.rungs, strict=True):
        assert new.counts.n_params - old.counts.n_params == (50_257 - 1024) * old.shape.d_model


VALUES = {
    "task": ["lm", "translation", "qa", "x"],
    "corpus.source": ["sotu", "python", "c4", "conlang", "facts", "sotu=0.5,c4=0.5", "hf:a/b#q,a", "pairs:x.csv", ""],
    "corpus.tokenizer": ["bpe", "bytes", "gpt2", "owner/name", "no"],
    "corpus.text_column": ["body", "1", "true", ""],
    "pairs.prompt": ["de", "a, b", ""],
    "pairs.target": ["en", ""],
    "model.context": ["16", "64", "x"],
    "ladder": ["shapes", "targets for N"],
    "budgets.tokens": ["300k, 600k", "1M"],
    "seeds": ["0, 1", "3"],
}
DETAILS = {
    "name": ["b", "B", "a-2", ""],
    "source": ["python", "facts", "hf:x/y", ""],
    "augment": ["char-noise=0.02", 'synonyms=0.1:it\'s "a" \\ list.tsv, case-noise=1', "é😀", "\x7f", ""],
    "copies": ["1", "8", "0", "9" * 30, "²"],
    "unique_tokens": ["100k", "1.5e5", "-1", ""],
}
TAKES = st.sampled_from([("take", key, text) for key, texts in VALUES.items() for text in texts])
GROUPED = st.builds(
    lambda place, what: ("take", f"groups[{place}].{what[0]}", what[1]),
    st.integers(0, 3),
    st.sampled_from([(name, text) for name, texts in DETAILS.items() for text in texts]),
)
MOVES = st.tuples(
    st.sampled_from(["add", "remove", "revert"]),
    st.sampled_from(["groups", "groups[0].name", "groups[1].copies", "task", "corpus.source", "ladder"]),
    st.just(""),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["tiny", "augment", "qa", "translation"]), st.lists(TAKES | GROUPED | MOVES, max_size=8))
def test_whatever_is_done_command_and_saved_preset_say_the_plan_that_is_shown(
    base: str, steps: list[tuple[str, str, str]]
) -> None:
    made = desk(base)
    for what, key, text in steps:
        if key not in {*keys(made), "groups", "ladder"}:
            continue
        if what == "take":
            put(made, key, text)
        else:
            getattr(made, what)(key)
        made.rows()
    now = made.now
    if now.preset is None:
        assert now.problems
        return
    words = shlex.split(now.command)
    assert words[:4] == ["scalelab", "run", "--preset", base]
    sets = [word for before, word in pairwise(words) if before == "--set"]
    assert preset_files.load(base, sets) == now.preset
    assert preset_files.loads(preset_files.dumps(now.preset), "again") == now.preset
    with TemporaryDirectory() as folder:
        again = planned(Draft(base=str(save(now.preset, f"{folder}/mine"))), [CPU])
    assert again.preset is not None
    assert again.preset.model_copy(update={"name": now.preset.name}) == now.preset
    assert (again.plan.cells if again.plan else None) == (now.plan.cells if now.plan else None)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000, "\N{SUPERSCRIPT TWO}"])
@pytest.mark.parametrize(
    ("base", "key"),
    [("augment", "groups[0].copies"), ("tiny", "ladder.rungs"), ("tiny", "budgets.tokens"), ("tiny", "model.context")],
)
def test_what_is_no_number_that_anybody_means_is_refused_at_its_field(base: str, key: str, text: str) -> None:
    made = desk(base, *([("ladder", SPAN)] if key == "ladder.rungs" else []), (key, text))
    assert made.rows() and made.now.plan is None and list(made.now.problems) == [key]
    if key == "model.context":
        put(made, "task", "qa")
    elif key != "budgets.tokens":
        made.add(key)
    assert (made.rows() and made.now.plan is None) or key == "ladder.rungs"


def test_a_folder_of_a_name_that_no_file_system_takes_is_refused_at_its_field() -> None:
    made = desk("tiny", ("lab", "x" * 300))
    assert made.now.problems == {"lab": "file name too long"} and made.rows()


def test_what_is_edited_is_kept_for_another_preset_and_taken_out_and_back_at_the_preset() -> None:
    made = desk("tiny", ("seeds", "3"))
    made.keep_in({}, "r")
    put(made, "budgets.tokens", "300k")
    put(made, "preset", "smoke")
    assert made.now.sets == ()
    put(made, "preset", "tiny")
    assert made.now.sets == ("seeds=3", "budgets.tokens=300k") and "as you left it; r at the preset" in made.said
    made.revert("preset")
    assert made.now.sets == () and "r again" in made.said
    made.revert("preset")
    assert made.now.sets == ("seeds=3", "budgets.tokens=300k")


def test_a_folder_alone_goes_along_to_another_preset() -> None:
    kept: dict[str, Draft] = {}
    made = desk("tiny")
    made.keep_in(kept, "r")
    put(made, "lab", "mine")
    put(made, "preset", "smoke")
    assert list(kept) == ["smoke"] and field(made, "lab").value == "mine"


def test_what_was_saved_or_is_trained_is_no_draft_any_more() -> None:
    kept: dict[str, Draft] = {}
    made = desk("tiny")
    made.keep_in(kept, "r")
    put(made, "seeds", "3")
    assert unfinished(kept.values()) == ["a plan that was not started: scalelab run --preset tiny --set seeds=3"]
    put(made, "save", "mine")
    assert kept == {} and made.draft.base == "mine.toml"
    Path("mine.toml").unlink()
    put(made, "seeds", "9")
    put(made, "preset", "tiny")
    put(made, "save", "mine")
    assert made.now.sets == () and kept == {}, "what was left of a file of that name that is no more is not its edit"
    put(made, "seeds", "4")
    made.start()
    assert made.now.lab is not None and unfinished(kept.values(), [made.now.lab]) == []
    assert unfinished(kept.values()), "it was asked for and did not come about"
    made.begin("mine.toml")
    assert made.now.sets == ("seeds=4",)
    lab_paths(Path(made.draft.started)).root.mkdir(parents=True)
    lab_paths(Path(made.draft.started)).store.touch()
    assert unfinished(kept.values()) == []
    made.begin("mine.toml")
    assert made.now.sets == () and kept == {}


def test_a_shipped_presets_name_stays_its_own() -> None:
    made = desk("tiny", ("seeds", "3"))
    put(made, "save", "smoke")
    assert made.said == "saved as smoke.toml; `--preset smoke` is still the shipped one"
    assert preset_files.load("smoke").seeds == [0] and made.now.preset is not None and made.now.preset.seeds == [3]
    assert "smoke.toml" in field(made, "preset").choices, "and it can be come back to by the choices"


@pytest.mark.parametrize(("name", "word"), [("Not A Name", "small letters"), ("mine", "there already")])
def test_a_bad_file_name_is_told_before_a_bad_plan(name: str, word: str) -> None:
    Path("mine.toml").touch()
    made = desk("tiny", ("seeds", "x"))
    put(made, "save", name)
    assert word in field(made, "save").problem
    put(made, "save", "good")
    assert "no preset yet" in field(made, "save").problem


def test_what_is_typed_as_the_preset_has_it_is_no_draft() -> None:
    kept: dict[str, Draft] = {}
    made = desk("tiny")
    made.keep_in(kept, "r")
    put(made, "ladder.shapes[1]", "20x2")
    assert kept["tiny"].edits
    made.revert("ladder.shapes[1]")
    assert kept == {}
    put(made, "seeds", "7")
    put(made, "seeds", "0")
    assert kept == {}


def test_what_is_changed_while_a_lab_is_made_is_a_draft_of_its_own(tmp_path: Path) -> None:
    kept: dict[str, Draft] = {}
    made = desk("tiny", ("seeds", "7"))
    made.keep_in(kept, "r")
    put(made, "seeds", "8")
    made.start()
    lab = Path(kept["tiny"].started)
    assert lab == lab_paths(made.now.lab or "").root
    put(made, "seeds", "9")
    assert kept["tiny"].started == ""
    lab.mkdir(parents=True)
    (lab / "lab.db").touch()
    made.begin("tiny")
    assert made.draft.edits == {"seeds": "9"}


def test_two_drafts_never_have_one_folder() -> None:
    kept: dict[str, Draft] = {}
    made = desk("tiny")
    made.keep_in(kept, "r")
    put(made, "seeds", "7")
    put(made, "lab", "labs/mine")
    put(made, "preset", "smoke")
    assert made.draft.lab == "labs/mine"
    assert kept["tiny"].lab == "" and kept["tiny"].edits == {"seeds": "7"}
