"""A lab that learns to translate, from the preset to its scores: small, real, and the larger model is better."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from scalelab import preset_files
from scalelab.errors import BadInput
from scalelab.lab import control
from scalelab.lab.paths import lab_paths
from scalelab.records import NoticeKind, Outcome, RunState
from scalelab.store.reader import Reader

TABLES = {
    "name": "words",
    "task": "translation",
    "model": {"context": 16, "head_dim": 8},
    "ladder": {"shapes": ["8x1", "32x1"]},
    "budgets": {"tokens": [40_000, 120_000]},
    "batch": {"sequences": 8},
    "learning_rate": {"rule": "fixed", "scale": 0.01},
    "evaluation": {"tokens": 1024, "points": 1, "pairs": 40},
    "hardware": {"device": "cpu", "slots": 2},
}

THERE = ("os", "it", "er", "an", "ul", "em", "ig", "af")


def words(path: Path) -> str:
    """Numbers in one language and another: word for word, in the other order."""
    here, there = ("ba", "ke", "li", "mo", "nu", "pa", "ri", "so"), THERE
    rows = [
        {"source": " ".join(here[i] for i in each), "target": " ".join(there[i] for i in reversed(each))}
        for each in itertools.product(range(8), repeat=3)
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return f"pairs:{path}"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("translation")
    source = words(folder / "words.jsonl")
    corpus = {"source": source, "vocab_size": 280, "held_out": 0.3}
    patch = pytest.MonkeyPatch()
    patch.setenv("SCALELAB_CACHE", str(folder / "cache"))
    try:
        summary = control.start(preset_files.parse({**TABLES, "corpus": corpus}, "words"), folder / "lab")
    finally:
        patch.undo()
    assert (summary.done, summary.failed, summary.left) == (6, 0, 0)
    return folder / "lab"


def test_the_larger_model_translates_better_and_the_loss_says_so(lab: Path) -> None:
    with Reader(lab_paths(lab).store) as reader:
        scores = {(each.run, each.name): each for each in reader.scores()}
        losses = {final.run: final.loss for final in reader.finals()}
    small, large = "8x1-D120k-s0", "32x1-D120k-s0"
    assert losses[large] < losses[small]
    assert scores[large, "chrf"].value > scores[small, "chrf"].value > 0.2
    assert scores[large, "chrf"].n == 40 and {name for _, name in scores} == {"chrf", "bleu"}
    assert {run for run, _ in scores} == set(losses), "a score without a final loss, or a final loss without a score"


def test_the_prompt_of_a_sample_is_put_into_the_tasks_form(lab: Path) -> None:
    small, large = control.samples(lab, ["8x1-D120k-s0", "32x1-D120k-s0"], "ba ke li", n=30)
    assert set(large.text.split()) <= set(THERE) and 1 <= len(large.text.split()) <= 6
    assert (small.run, large.run) == ("8x1-D120k-s0", "32x1-D120k-s0")
    again = control.sample(lab, "32x1-D120k-s0", "ba ke li", n=30)
    assert again.text == large.text, "answers are the likeliest, not drawn"


def test_what_cannot_be_scored_is_told_and_the_run_is_done_all_the_same(lab: Path, tmp_path: Path) -> None:
    from scalelab.lab import resume
    from scalelab.lab.scoring import score_run
    from scalelab.training.device import open_device

    paths = lab_paths(lab)
    with Reader(paths.store) as reader:
        spec = next(row.spec for row in reader.runs() if row.run == "8x1-D120k-s0")
    heard: list[object] = []
    outcome = Outcome(run=spec.run, attempt=1, state=RunState.DONE, step=spec.n_steps)
    tokens = resume.load(paths).tokens
    score_run(spec, tokens, outcome, tmp_path, open_device("cpu"), heard.append, lambda: False)
    stopped: list[object] = []
    score_run(spec, tokens, outcome, paths.run_dir(spec.run), open_device("cpu"), stopped.append, lambda: True)
    for (notice,), words in ((heard, "no whole model"), (stopped, "no prompt was answered")):
        assert notice.kind is NoticeKind.WARNING and words in notice.text  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("task", "source", "told"),
    [
        ("translation", "sotu", r"'sotu' holds no pairs for translation.*pairs:FILE"),
        ("lm", "conlang", r"'conlang' holds pairs, no text.*task = \"translation\""),
        ("lm", "pairs:a.jsonl", r"holds pairs, no text"),
        ("qa", "conlang", r"'conlang' is a set for translation"),
        ("qa", "hf:rajpurkar/squad", r"names no columns.*#PROMPT,TARGET"),
        ("qa", "pairs:a.jsonl#one", r"names no two columns"),
        ("translation", "conlang=0.5,sotu=0.5", r"holds no pairs"),
    ],
)
def test_a_source_that_does_not_serve_its_task_is_refused_in_one_line(task: str, source: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as problem:
        preset_files.parse({**TABLES, "task": task, "corpus": {"source": source}}, "words")
    assert "\n" not in problem.value.line()


def test_models_of_plain_text_are_not_scored_on_pairs(lab: Path) -> None:
    with pytest.raises(BadInput, match="learns translation: its losses are of targets"):
        control.evaluate(lab, [str(lab / "runs" / "32x1-D120k-s0" / "model")])
