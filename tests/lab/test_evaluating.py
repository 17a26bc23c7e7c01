"""Finished models of anybody's, scored on a lab's held-out text, and as points of its law."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalelab.cli.main import main
from scalelab.errors import BadInput
from scalelab.lab import control
from scalelab.lab.table import run_table
from scalelab.records import RunKind, RunState
from scalelab.store.reader import Reader
from tests.lab import mini


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trained lab, for reading."""
    root = tmp_path_factory.mktemp("evaluating")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCALELAB_CACHE", str(root / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        mini.write_text(root / "text.txt")
        assert control.start(mini.preset(root / "text.txt", budgets={"tokens": [4000, 8000]}), root / "lab").done == 6
        yield root / "lab"


@pytest.fixture
def lab(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be written to."""
    monkeypatch.setenv("SCALELAB_CACHE", str(trained.parent / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Path(shutil.copytree(trained, tmp_path / "lab", symlinks=True))


def finished(lab: Path) -> tuple[str, float]:
    with Reader(lab / "lab.db") as reader:
        end = reader.finals()[-1]
    return end.run, end.loss


def test_a_run_of_the_lab_scores_as_it_did(lab: Path) -> None:
    run, loss = finished(lab)
    (found,) = control.evaluate(lab, [str(lab / "runs" / run / "model")], context=16)
    with Reader(lab / "lab.db") as reader:
        row = reader.run(run)
        end = next(each for each in reader.finals() if each.run == run)
    assert row is not None
    assert found.counts == row.spec.counts
    # Windows begin at each passage instead of anywhere: the same text, read a little otherwise.
    assert found.loss == pytest.approx(loss, rel=0.02)
    assert found.accuracy == pytest.approx(end.accuracy, abs=0.02)
    assert found.bits_per_byte == pytest.approx(end.bits_per_byte, rel=0.02)
    assert found.predicted is None


def test_a_model_with_another_tokenizer_counts_the_same_text(lab: Path, tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    words = {"<|endoftext|>": 0, "?": 1, **{sign: at + 2 for at, sign in enumerate("abcdefghij \n")}}
    library = Tokenizer(WordLevel(words, unk_token="?"))
    library.pre_tokenizer = Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=library, eos_token="<|endoftext|>").save_pretrained(tmp_path / "m")
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=len(words), n_positions=32))
    model.save_pretrained(tmp_path / "m")
    (found,) = control.evaluate(lab, [str(tmp_path / "m")])
    assert found.shape.context == 32
    assert found.perplexity == pytest.approx(len(words), rel=0.05)  # it knows nothing
    # One token a byte in the lab and here: the same number of tokens, whatever they are called.
    assert found.loss == pytest.approx(math.log(len(words)), rel=0.05)


def test_a_text_begins_with_the_models_own_mark_of_a_beginning(tmp_path: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    from scalelab.training.device import open_device
    from scalelab.training.scoring import score

    library = Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "?": 2, "a": 3}, unk_token="?"))
    PreTrainedTokenizerFast(tokenizer_object=library, bos_token="<s>", eos_token="</s>").save_pretrained(tmp_path)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(n_embd=8, n_layer=1, n_head=1, vocab_size=4, n_positions=8, initializer_range=2.0)
    )
    model.eval().save_pretrained(tmp_path)
    with torch.inference_mode():
        logits = model(torch.tensor([[0, 3]])).logits[0]
    nats = torch.nn.functional.cross_entropy(logits, torch.tensor([3, 1]), reduction="sum").item()
    assert score(str(tmp_path), ["a"], open_device("cpu")).nats == pytest.approx(nats, rel=1e-4)


def test_models_join_the_law_marked(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = finished(lab)
    folder = lab.parent / "their-model"
    shutil.copytree(lab / "runs" / run / "model", folder)
    assert main(["evaluate", str(lab), "--models", str(folder), "--join"]) == 2
    assert "how many tokens" in capsys.readouterr().err
    given = ["evaluate", str(lab), "--models", str(folder), "--tokens", f"{folder}=12k", "--join", "--json"]
    assert main(given) == 0
    (told,) = json.loads(capsys.readouterr().out)["models"]
    with Reader(lab / "lab.db") as reader:
        row, table = reader.run("their-model"), run_table(reader)
    assert told["run"] == "their-model"
    assert row is not None
    assert (row.state, row.spec.origin, row.spec.kind) == (RunState.DONE, "evaluated", RunKind.SINGLE)
    at = table.run_id.index("their-model")
    assert (table.n_tokens[at], table.loss[at]) == (12_000, pytest.approx(told["loss"]))
    assert table.notes[-1].startswith("their-model is a finished model, evaluated on this text and not trained on it")
    assert main(["export", str(lab), "--format", "json"]) == 0
    exported = {each["run"]: each["origin"] for each in json.loads(capsys.readouterr().out)["runs"]}
    assert exported.pop("their-model") == "evaluated" and set(exported.values()) == {""}
    assert main(given) == 2
    told_err = capsys.readouterr().err
    assert "among the lab's runs" in told_err and "scoring" not in told_err, "said before hours of scoring"
    one, same = f"{lab}/runs/{run}/model", f"{lab}/./runs/{run}/model"
    seen = ["--tokens", f"{one}=1k", "--tokens", f"{same}=1k"]
    assert main(["evaluate", str(lab), "--models", f"{one},{same}", *seen, "--join"]) == 2
    assert "among the lab's runs" in capsys.readouterr().err
    assert control.start(None, lab).done == 7  # nothing of it is trained
    added = control.extend(lab, seeds=2)
    assert not added.trunks and all(run.endswith("-s1") for run in added.runs), "no part of the plan that grows"


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "pickle", "no causal model", "code of its own"])
def test_what_is_no_model_is_refused_in_a_line(lab: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "model"
    if kind != "nothing":
        folder.mkdir()
    config = {"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 1, "vocab_size": 257, "n_positions": 16}
    if kind == "pickle":
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")
    if kind == "no causal model":
        (folder / "config.json").write_text(json.dumps({"model_type": "vit"}))
    if kind == "code of its own":
        own = {"model_type": "odd", "auto_map": {"AutoConfig": "odd.C", "AutoModelForCausalLM": "odd.M"}}
        (folder / "config.json").write_text(json.dumps(own))
        (folder / "odd.py").write_text("raise SystemExit('run')")
    with pytest.raises(BadInput) as told:
        control.evaluate(lab, [str(folder)])
    assert "\n" not in told.value.line()


def test_a_file_and_a_runs_folder_are_refused_with_what_serves(lab: Path) -> None:
    run, _ = finished(lab)
    with pytest.raises(BadInput, match=f"holds no model itself: give .*runs/{run}/model"):
        control.evaluate(lab, [str(lab / "runs" / run)])
    with pytest.raises(BadInput, match="is a file"):
        control.evaluate(lab, [str(lab / "lab.db")])


def test_published_tokens_are_known_by_id(tmp_path: Path) -> None:
    from scalelab.lab.evaluating import published_tokens

    assert published_tokens("EleutherAI/pythia-70m-deduped") == 299.9e9
    assert published_tokens("cerebras/Cerebras-GPT-1.3B") == 26.3e9
    assert published_tokens("facebook/opt-125m") == 300e9  # its text of 180 B tokens, 1.7 times over
    assert published_tokens("gpt2") is None
    for made_of_it in ("someone/pythia-70m", "someone/sft-pythia-12b-epoch-3.5", "EleutherAI/pythia-70m-sft"):
        assert published_tokens(made_of_it) is None, "whoever trained on saw other tokens"
    for name, seen in (("pythia-70m", 299.9e9), ("my-pythia-70m", None), ("pythia-mine", None)):
        (tmp_path / name).mkdir()
        assert published_tokens(str(tmp_path / name)) == seen
