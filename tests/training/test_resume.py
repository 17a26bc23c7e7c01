from __future__ import annotations

import os
import random
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scalelab.records import Decay, Evaluation, Notice, NoticeKind, Point, RunKind, RunSpec, RunState, Saved, TokenSet
from scalelab.training import checkpoint
from scalelab.training.run import train
from tests.training.making import Recorder, make_shape, make_spec, make_tokens, open_device, run, steps_to


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


def _model(run_dir: Path) -> bytes:
    return (run_dir / "model" / "model.safetensors").read_bytes()


class _Killed(BaseException):
    """Stands for a SIGKILL: nothing of the run is called any more."""


def _killed_at(spec: RunSpec, tokens: TokenSet, run_dir: Path, step: int, resume_from: Path | None, every: int) -> None:
    """Trains with a checkpoint about every `every` steps, and is gone once `step` more steps are done."""
    left, recorder = [step], Recorder()

    def should_stop() -> bool:
        left[0] -= 1
        if left[0] <= 0:
            raise _Killed
        return False

    with pytest.raises(_Killed):
        train(
            spec, tokens, attempt=0, run_dir=run_dir, device=open_device("cpu"), report=recorder.report,
            should_stop=should_stop, resume_from=resume_from, checkpoint_seconds=0.0 if every == 1 else 0.005,
        )  # fmt: skip


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_resumed_weights_are_those_of_the_uninterrupted_run_bit_for_bit(
    tmp_path: Path, tokens: TokenSet, architecture: str
) -> None:
    spec = make_spec(shape=make_shape(architecture=architecture), evaluation_steps=(17,))
    _, whole = run(spec, tokens, tmp_path / "whole")
    chance = random.Random(architecture)
    for trial in range(3):
        run_dir = tmp_path / f"killed{trial}"
        for _ in range(2):
            kill = chance.randint(2, 18)
            _killed_at(spec, tokens, run_dir, kill, checkpoint.latest(run_dir), every=chance.choice([1, 5]))
        outcome, resumed = run(spec, tokens, run_dir, resume_from=checkpoint.latest(run_dir), attempt=1)
        assert outcome.state is RunState.DONE
        assert _model(run_dir) == _model(tmp_path / "whole")
        assert resumed.of(Evaluation)[-1].loss == whole.of(Evaluation)[-1].loss


def test_a_stopped_run_saves_and_goes_on_as_if_nothing_had_been(tmp_path: Path, tokens: TokenSet) -> None:
    spec = make_spec()
    run(spec, tokens, tmp_path / "whole")
    outcome, heard = run(spec, tokens, tmp_path / "run", stop_after=13)
    assert (outcome.state, outcome.step) == (RunState.STOPPED, 13)
    saved = heard.of(Saved)[-1]
    outcome, heard = run(spec, tokens, tmp_path / "run", resume_from=tmp_path / "run" / saved.path, attempt=1)
    assert outcome.state is RunState.DONE
    assert [point.step for point in heard.of(Point) if point.attempt == 1] == list(range(14, 41))
    assert _model(tmp_path / "run") == _model(tmp_path / "whole")


def test_a_killed_process_goes_on_from_its_last_checkpoint(tmp_path: Path, tokens: TokenSet) -> None:
    spec = make_spec()
    run(spec, tokens, tmp_path / "whole")
    child = os.fork()
    if child == 0:

        def report(message: Any) -> None:
            if isinstance(message, Saved) and message.step >= 21:
                os.kill(os.getpid(), signal.SIGKILL)

        train(
            spec, tokens, attempt=0, run_dir=tmp_path / "run", device=open_device("cpu"), report=report,
            should_stop=lambda: False, resume_from=None, checkpoint_seconds=0.0,
        )  # fmt: skip
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    last = checkpoint.latest(tmp_path / "run")
    assert last is not None and last.name == "0000000021"
    run(spec, tokens, tmp_path / "run", resume_from=last, attempt=1)
    assert _model(tmp_path / "run") == _model(tmp_path / "whole")


def _trunk_and_branch() -> tuple[RunSpec, RunSpec]:
    trunk = make_spec(
        run="trunk", kind=RunKind.TRUNK, schedule=steps_to(40, decay=Decay.CONSTANT), branch_steps=(12, 30)
    )
    branch = replace(
        make_spec(run="branch", kind=RunKind.BRANCH, parent="trunk", first_step=30), schedule=steps_to(40, start=30)
    )
    return trunk, branch


def test_a_branch_is_the_run_that_would_have_had_its_schedule_from_the_start(tmp_path: Path, tokens: TokenSet) -> None:
    trunk, branch = _trunk_and_branch()
    run(trunk, tokens, tmp_path / "trunk")
    _, heard = run(branch, tokens, tmp_path / "branch", resume_from=checkpoint.folder_of(tmp_path / "trunk", 30))
    _, single = run(make_spec(schedule=steps_to(40, start=30)), tokens, tmp_path / "single")
    assert _model(tmp_path / "branch") == _model(tmp_path / "single")
    assert heard.of(Point)[0].step == 31
    assert heard.of(Evaluation)[-1].n_tokens == single.of(Evaluation)[-1].n_tokens == 40 * 8 * 16


def test_a_branch_that_was_stopped_goes_on_from_its_own_checkpoint(tmp_path: Path, tokens: TokenSet) -> None:
    trunk, branch = _trunk_and_branch()
    run(trunk, tokens, tmp_path / "trunk")
    start = checkpoint.folder_of(tmp_path / "trunk", 30)
    run(branch, tokens, tmp_path / "whole", resume_from=start)
    run(branch, tokens, tmp_path / "run", resume_from=start, stop_after=4)
    own = checkpoint.latest(tmp_path / "run")
    assert own is not None and own.name == "0000000034"
    run(branch, tokens, tmp_path / "run", resume_from=own)
    assert _model(tmp_path / "run") == _model(tmp_path / "whole")


def test_a_branch_without_its_trunk_fails_in_words(tmp_path: Path, tokens: TokenSet) -> None:
    trunk, branch = _trunk_and_branch()
    outcome, _ = run(branch, tokens, tmp_path / "branch")
    assert outcome.state is RunState.FAILED and "no checkpoint of trunk" in outcome.reason
    run(trunk, tokens, tmp_path / "trunk")
    wrong = checkpoint.folder_of(tmp_path / "trunk", 12)
    outcome, _ = run(branch, tokens, tmp_path / "branch", resume_from=wrong)
    assert outcome.state is RunState.FAILED and "trunk at step 30" in outcome.reason


def test_another_models_checkpoint_is_refused(tmp_path: Path, tokens: TokenSet) -> None:
    run(make_spec(), tokens, tmp_path / "run", stop_after=5)
    last = checkpoint.latest(tmp_path / "run")
    wider = make_spec(shape=make_shape(d_model=32))
    outcome, _ = run(wider, tokens, tmp_path / "run", resume_from=last)
    assert outcome.state is RunState.FAILED and "another model" in outcome.reason
    outcome, _ = run(make_spec(seed=1), tokens, tmp_path / "run", resume_from=last)
    assert outcome.state is RunState.FAILED and "does not continue" in outcome.reason


def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_the_log_says_so(tmp_path: Path, tokens: TokenSet) -> None:
    spec, run_dir = make_spec(), tmp_path / "run"
    run(spec, tokens, tmp_path / "whole")
    _killed_at(spec, tokens, run_dir, 10, None, every=1)
    newest = checkpoint.folder_of(run_dir, 9)
    state = newest / checkpoint.STATE
    state.write_bytes(state.read_bytes()[:-1] + b"\x55")
    outcome, heard = run(spec, tokens, run_dir, resume_from=newest, attempt=1)
    assert outcome.state is RunState.DONE
    assert [point.step for point in heard.of(Point) if point.attempt == 1] == list(range(9, 41))
    assert _model(run_dir) == _model(tmp_path / "whole")
    assert "damaged" in (run_dir / "log.txt").read_text()


@pytest.mark.parametrize("changed", ["threads", "device", "micro_sequences", "versions"])
def test_row_22_a_resume_where_the_last_bits_may_differ_is_called_not_exact(
    tmp_path: Path, tokens: TokenSet, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    run(make_spec(), tokens, tmp_path, stop_after=5)
    device, spec = open_device("cpu"), make_spec()
    if changed == "threads":
        device.threads = 3
    elif changed == "device":
        device.info = replace(device.info, label="another processor")
    elif changed == "micro_sequences":
        spec = make_spec(micro_sequences=4)
    else:
        monkeypatch.setattr("torch.__version__", "2.5.1")
    outcome, heard = run(spec, tokens, tmp_path, resume_from=checkpoint.latest(tmp_path), device=device)
    assert outcome.state is RunState.DONE
    (notice,) = heard.of(Notice)
    assert (notice.kind, notice.step) == (NoticeKind.NOT_EXACT, 5)
    word = {"threads": "threads 1 → 3", "device": "another processor", "micro_sequences": "8 → 4", "versions": "torch"}
    assert word[changed] in notice.text
    assert "not exact" in (tmp_path / "log.txt").read_text()


def test_row_22_a_resume_on_the_same_machine_says_nothing_of_the_kind(tmp_path: Path, tokens: TokenSet) -> None:
    run(make_spec(), tokens, tmp_path, stop_after=5)
    _, heard = run(make_spec(), tokens, tmp_path, resume_from=checkpoint.latest(tmp_path))
    assert not heard.of(Notice)
