from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from scalelab.errors import BadInput
from scalelab.plan import find_devices
from scalelab.records import DeviceInfo
from scalelab.report.grid import plan_document
from scalelab.tui.views import switch
from scalelab.tui.views.draft import Draft, value_of, written
from scalelab.tui.views.planning import planned, save
from scalelab.units import parse_count


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _by_command(command: str) -> dict[str, object]:
    """What `scalelab plan` says to the words of a `scalelab run` command."""
    from scalelab.cli.main import cli

    words = shlex.split(command)
    assert words[:2] == ["scalelab", "run"]
    asked = words[2 : words.index("--lab")]
    result = CliRunner().invoke(cli, ["plan", *asked, "--json"])
    assert result.exit_code == 0, result.output
    told: dict[str, object] = json.loads(result.stdout)
    return told


DRAFTS = {
    "as it is": Draft(base="tiny"),
    "shapes": Draft(base="tiny", edits={"ladder.shapes": "16x1, 32x1,64x2", "seeds": "0, 3"}),
    "targets": Draft(base="smoke", edits={"ladder.params": "20k, 80k"}),
    "a span": Draft(base="tiny", edits={"ladder.from": "20k", "ladder.to": "200k", "ladder.rungs": "4"}),
    "tokens per N": Draft(base="tiny", edits={"budgets.tokens_per_param": "20, 80"}),
    "words": Draft(base="tiny", edits={"corpus.source": "true", "schedule.kind": "cosine", "batch.sequences": "8"}),
    "spaces": Draft(base="laptop", edits={"corpus.source": "my notes/it's *.txt", "hardware.slots": "1"}),
    "a task": Draft(base="tiny", edits={"task": "qa", "corpus.source": "facts", "model.context": "32"}),
    "a mixture of the hub": Draft(base="fineweb-edu", edits={"corpus.source": "c4=0.7, fineweb:CC-MAIN-2024-10=0.3"}),
    "groups": Draft(
        base="tiny", edits={"groups": '[{name = "a", copies = 2, augment = ["synonyms=0.5:it\'s, \\"a\\".tsv"]}]'}
    ),
    "no groups": Draft(base="augment", edits={"groups": "[]"}),
}


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=DRAFTS)
def test_the_command_makes_the_same_plan(draft: Draft) -> None:
    devices = find_devices()
    now = planned(draft, devices)
    assert now.plan is not None, now.problems
    told = _by_command(now.command)
    mine = json.loads(json.dumps(plan_document(now.plan)))
    for name in ("preset", "rungs", "flops", "warnings"):
        assert told[name] == mine[name]
    # Seconds come from a peak that is measured anew in each process.
    points = [
        [{key: cell[key] for key in ("run", "n_tokens", "flops")} for cell in each["cells"]] for each in (told, mine)
    ]
    assert points[0] == points[1]


def test_what_is_as_in_the_preset_is_not_said(cpu: DeviceInfo) -> None:
    now = planned(
        Draft(base="tiny", edits={"budgets.tokens": "150000, 300k, 600k, 1.2M", "model.context": "16"}), [cpu]
    )
    assert now.sets == () and "--set" not in now.command


@pytest.mark.parametrize(
    ("edits", "key", "word"),
    [
        ({"ladder.shapes": "16x1, 24y1"}, "ladder.shapes[1]", "d_model x n_layer"),
        ({"budgets.tokens": "300k, none"}, "budgets.tokens", "number"),
        ({"hardware.device": "cuda:7"}, "hardware.device", "cpu"),
        ({"model.context": "4"}, "model.context", "at least 8"),
        ({"schedule.cooldown": "1.5"}, "schedule.cooldown", "below 1"),
        ({"ladder.from": "20k", "ladder.to": "10k", "ladder.rungs": "3"}, "ladder.rungs", "above from"),
        ({"batch.sequences": "999999"}, "batch.sequences", "under one batch"),
        ({"task": "chess"}, "task", "translation"),
        ({"task": "qa"}, "corpus.source", "'sotu' holds no pairs for qa"),
        ({"task": "qa", "corpus.source": "conlang"}, "corpus.source", "a set for translation"),
        ({"corpus.source": "pairs:a.jsonl"}, "corpus.source", "holds pairs, no text"),
        ({"corpus.source": "c4=0.5,c4=0.5"}, "corpus.source", "stands twice"),
        ({"corpus.tokenizer": "gpt3"}, "corpus.tokenizer", "gpt2, a hub id"),
        ({"groups": '[{name = "No"}]'}, "groups[0].name", "small letters"),
        ({"groups": '[{name = "a"}, {name = "a"}]'}, "groups[1].name", "name of another"),
        ({"groups": '[{name = "a", copies = "x"}]'}, "groups[0].copies", "a whole number"),
        ({"groups": '[{name = "a", copies = 3}]'}, "groups[0].copies", "copies without a recipe"),
        (
            {"groups": '[{name = "a"}, {name = "b", augment = ["case-noize=1"]}]'},
            "groups[1].augment",
            "did you mean case-noise",
        ),
        ({"groups": '[{name = "a", unique_tokens = "x"}]'}, "groups[0].unique_tokens", "number"),
        ({"groups": '[{name = "a", source = "conlang"}]'}, "groups[0].source", "holds pairs, no text"),
        (
            {"task": "qa", "corpus.source": "facts", "groups": '[{name = "a", unique_tokens = "9k"}]'},
            "groups[0].unique_tokens",
            "not for the pairs of qa",
        ),
    ],
)
def test_a_wrong_value_is_told_at_its_field(edits: dict[str, str], key: str, word: str, cpu: DeviceInfo) -> None:
    now = planned(Draft(base="tiny", edits=edits, touched=list(edits)[-1]), [cpu])
    assert now.plan is None
    assert word in now.problems[key]


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        (
            {"ladder.shapes": "x1, 16x1, 24y1", "model.context": "4"},
            {
                "ladder.shapes[0]": "ladder.shapes[0] is 'x1'",
                "ladder.shapes[2]": "ladder.shapes[2] is '24y1'",
                "model.context": "model.context is 4",
            },
        ),
        ({"ladder.params": "20k, , -3"}, {"ladder.params[2]": "ladder.params[1] is -3"}),
        (
            {"ladder.from": "a", "ladder.to": "b", "ladder.rungs": "1.5"},
            {"ladder.from": "is 'a'", "ladder.to": "is 'b'", "ladder.rungs": "a whole number"},
        ),
        ({"ladder.from": "20k"}, {"ladder.to": "is missing", "ladder.rungs": "is missing"}),
        ({"seeds": "a, 1, b"}, {"seeds": "seeds[2] is 'b'"}),
        (
            {"groups": '[{name = "No", copies = "x"}, {name = "b", unique_tokens = "y"}]'},
            {"groups[0].name": "small letters", "groups[0].copies": "whole", "groups[1].unique_tokens": "number"},
        ),
    ],
)
def test_every_wrong_value_is_told_at_its_own_field(
    edits: dict[str, str], words: dict[str, str], cpu: DeviceInfo
) -> None:
    problems = planned(Draft(base="tiny", edits=edits, touched=next(iter(edits))), [cpu]).problems
    assert set(problems) == set(words)
    for key, word in words.items():
        assert word in problems[key]


def test_an_empty_field_is_as_the_preset_has_it(cpu: DeviceInfo) -> None:
    draft = Draft(base="tiny").put("model.context", "64").put("model.context", " ")
    assert draft.edits == {} and planned(draft, [cpu]).plan is not None


def test_a_preset_that_is_not_there_is_told_at_the_preset(cpu: DeviceInfo) -> None:
    now = planned(Draft(base="tinny"), [cpu])
    assert "did you mean tiny" in now.problems["preset"] and now.plan is None


def test_a_lab_that_is_there_is_not_trained_into(cpu: DeviceInfo) -> None:
    Path("labs/old").mkdir(parents=True)
    Path("labs/old/lab.db").touch()
    assert "already" in planned(Draft(base="tiny", lab="labs/old"), [cpu]).problems["lab"]
    Path("labs/tiny").mkdir()
    assert planned(Draft(base="tiny"), [cpu]).command.endswith("--lab labs/tiny-2")


@pytest.mark.parametrize("kind", ["targets for N", "from–to–count"])
def test_the_ladder_is_said_another_way(kind: str, cpu: DeviceInfo) -> None:
    draft = Draft(base="tiny")
    now = planned(draft, [cpu])
    other = planned(switch.with_ladder(draft, now, kind), [cpu])
    assert other.plan is not None and now.plan is not None
    assert len(other.plan.rungs) == len(now.plan.rungs)
    assert other.plan.rungs[0].counts.n_params == pytest.approx(now.plan.rungs[0].counts.n_params, rel=0.2)
    assert "ladder.shapes" not in other.command


@pytest.mark.parametrize("kind", ["tokens per N", "FLOPs"])
def test_budgets_are_said_another_way(kind: str, cpu: DeviceInfo) -> None:
    draft = Draft(base="laptop")
    other = planned(switch.with_budgets(draft, planned(draft, [cpu]), kind), [cpu])
    assert other.plan is not None, other.problems
    assert len(other.plan.cells) == 24


def test_rungs_are_added_between_and_beyond_and_taken_out(cpu: DeviceInfo) -> None:
    draft = Draft(base="tiny")
    now = planned(draft, [cpu])
    between, key = switch.with_more(draft, now, "ladder.shapes[2]")
    assert (between.edits["ladder.shapes"], key) == ("16x1, 24x1, 40x1, 48x1, 56x1, 88x1", "ladder.shapes[3]")
    beyond, _ = switch.with_more(draft, now, "ladder.shapes[4]")
    assert beyond.edits["ladder.shapes"].endswith("88x1, 176x2")
    assert planned(beyond, [cpu]).plan is not None
    gone, _ = switch.without(between, planned(between, [cpu]), "ladder.shapes[0]")
    assert gone.edits["ladder.shapes"].startswith("24x1")
    for _ in range(9):
        gone, here = switch.without(gone, planned(gone, [cpu]), "ladder.shapes[0]")
    assert (gone.edits["ladder.shapes"], here) == ("88x1", "ladder.shapes[0]")
    assert switch.without(between, planned(between, [cpu]), "ladder.shapes[5]")[1] == "ladder.shapes[4]"


def test_a_saved_preset_is_the_same_plan(cpu: DeviceInfo) -> None:
    draft = replace(DRAFTS["shapes"], lab="labs/x")
    now = planned(draft, [cpu])
    assert now.preset is not None
    path = save(now.preset, "mine/big-ladder")
    again = planned(Draft(base=str(path)), [cpu])
    assert again.plan is not None and now.plan is not None
    assert again.plan.cells == now.plan.cells and again.preset is not None and again.preset.name == "big-ladder"
    for wrong in ("mine/big-ladder.toml", "", "mine/Not A Name", "mine/big-ladder.toml/x", "?" + "x" * 500, "x" * 500):
        with pytest.raises(BadInput):
            save(now.preset, wrong)


@pytest.mark.parametrize(
    ("edits", "key"),
    [
        ({"corpus.source": "notes.txt"}, "corpus.source"),
        ({"corpus.source": "files:data/*.jsonl"}, "corpus.source"),
        ({"corpus.source": "wikitext103"}, "corpus.source"),
        ({"corpus.source": "nowhere/*.txt"}, "corpus.source"),
        ({"corpus.source": "*.txt"}, "corpus.source"),
        ({"corpus.source": "sotu=0.5,notes.txt=0.5"}, "corpus.source"),
        ({"task": "qa", "corpus.source": "pairs:a.jsonl"}, "corpus.source"),
        ({"corpus.source": "hf:./folder"}, "corpus.source"),
        ({"corpus.tokenizer": "./gpt2"}, "corpus.tokenizer"),
        ({"groups": '[{name = "a"}, {name = "b", source = "notes.txt"}]'}, "groups[1].source"),
        ({"groups": '[{name = "b", augment = ["paraphrase=0.5:other.tsv"]}]'}, "groups[0].augment"),
    ],
)
def test_a_file_that_is_not_there_is_told_at_its_field_and_the_plan_costed(
    edits: dict[str, str], key: str, cpu: DeviceInfo
) -> None:
    now = planned(Draft(base="tiny", edits=edits), [cpu])
    assert now.plan is not None and list(now.problems) == [key]
    assert now.problems[key].startswith("there is no file")
    assert ("did you mean wikitext-103" in now.problems[key]) == (
        edits[key] == "wikitext103" if key in edits else False
    )


def test_files_that_are_there_are_no_problem(cpu: DeviceInfo) -> None:
    Path("data").mkdir()
    for name in ("data/a.jsonl", "other.tsv", "[x].txt"):
        Path(name).touch()
    for edits in (
        {"corpus.source": "data/*.jsonl"},
        {"corpus.source": "[x].txt=0.5,data=0.5"},
        {"corpus.source": "hf:./data"},
        {"corpus.source": "d*/**/*.jsonl"},
        {"corpus.source": "hf:owner/name:config@main#text"},
        {"task": "translation", "corpus.source": "pairs:data/a.jsonl#de,en"},
        {"groups": '[{name = "b", augment = ["paraphrase=0.5:other.tsv"]}]'},
    ):
        assert planned(Draft(base="tiny", edits=edits), [cpu]).problems == {}


@given(st.floats(min_value=1e-3, max_value=1e18) | st.integers(min_value=1, max_value=10**15))
def test_values_are_written_exactly(value: float) -> None:
    assert parse_count(written(value)) == value


FREE = st.sampled_from(["corpus.source", "ladder.shapes", "seeds", "budgets.tokens", "hardware.device"])


@given(st.dictionaries(FREE, st.text(max_size=40)), st.text(max_size=30))
def test_no_text_breaks_planning(edits: dict[str, str], lab: str) -> None:
    device = DeviceInfo(
        name="cpu", label="c", memory_bytes=16 * 10**9, slots=2, peak_flops=8e10, peak_source="measured"
    )
    draft = Draft(base="tiny", lab=lab)
    for key, text in edits.items():
        draft = draft.put(key, text)
    now = planned(draft, [device])
    not_there = {key for key, words in now.problems.items() if words.startswith("there is no file")}
    assert (now.plan is None) == bool(set(now.problems) - {"lab"} - not_there)
    assert value_of(now.base, "seeds") == "0"
