"""Checkpoints and runs under real faults: a SIGKILL at any moment, flipped bits, a disk whose fsync fails."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path

import pytest
import torch

from scalelab.records import Message, Point, RunState, TokenSet, pack, unpack
from scalelab.training import checkpoint
from scalelab.training.checkpoint import MANIFEST, STATE, Damaged, Manifest
from scalelab.training.device import open_device
from scalelab.training.run import train
from tests.reliability.tally import Tally
from tests.training.making import make_spec, make_tokens, run

ROOT = Path(__file__).parents[2]


def _tensors(step: int) -> dict[str, torch.Tensor]:
    return {f"weights/{index}": torch.full((64, 1024), float(step + index)) for index in range(4)}


def _save(run_dir: Path, step: int) -> None:
    manifest = Manifest(
        run="r", step=step, sha256="", for_branch=False, seed=0, micro_sequences=8, device="cpu", threads=1,
        dtype="float32",
    )  # fmt: skip
    checkpoint.save(run_dir, _tensors(step), manifest)


def _forked(work: Callable[[int], None]) -> tuple[int, int]:
    """A child that does this, with the end of a pipe to say things; its pid and our end."""
    ours, theirs = os.pipe()
    if pid := os.fork():
        os.close(theirs)
        return pid, ours
    try:
        os.close(ours)
        torch.set_num_threads(1)
        work(theirs)
    finally:
        os._exit(0)


def test_row_02_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path: Path, tally: Tally) -> None:
    def save_on(told: int) -> None:
        for step in range(1, 10_000):
            _save(run_dir, step)
            os.write(told, step.to_bytes(4, "little"))

    unreadable = midway = 0
    n, draw = tally.repeats(8, 200), random.Random(2)
    for trial in range(n):
        run_dir = tmp_path / str(trial)
        pid, told = _forked(save_on)
        acknowledged = int.from_bytes(os.read(told, 4), "little")
        time.sleep(draw.random() * 0.03)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        while said := os.read(told, 4):
            acknowledged = int.from_bytes(said, "little")
        os.close(told)
        midway += bool(list((run_dir / "checkpoint").glob(".*.tmp")))
        newest = checkpoint.latest(run_dir)
        tensors, manifest = checkpoint.load_checkpoint(newest) if newest else ({}, None)
        whole = manifest is not None and manifest.step >= acknowledged
        whole = whole and all(torch.equal(tensors[name], value) for name, value in _tensors(manifest.step).items())
        unreadable += not whole
        checkpoint.tidy(run_dir)
        assert not list((run_dir / "checkpoint").glob(".*"))
        shutil.rmtree(run_dir)
    assert midway, "no kill came while a checkpoint was written"
    what = f"checkpoints unreadable or lost after a SIGKILL ({midway} of them in the middle of one)"
    tally.count(2, what, unreadable, of=n, promised="0")
    assert unreadable == 0


def test_row_11_a_flipped_bit_in_a_checkpoint_is_never_loaded(tmp_path: Path, tally: Tally) -> None:
    _save(tmp_path, 1)
    _save(tmp_path, 2)
    folder, draw = checkpoint.folder_of(tmp_path, 2), random.Random(11)
    silent, n = 0, tally.repeats(10, 200)
    for trial in range(n):
        path = folder / (MANIFEST if trial % 4 == 3 else STATE)
        sound = path.read_bytes()
        torn = bytearray(sound)
        torn[draw.randrange(len(torn))] ^= 1 << draw.randrange(8)
        path.write_bytes(bytes(torn))
        said: list[str] = []
        before = checkpoint.latest(tmp_path, say=said.append)
        try:
            checkpoint.load_checkpoint(folder)
            silent += 1
        except Damaged:
            silent += before != checkpoint.folder_of(tmp_path, 1) or not said
        path.write_bytes(sound)
    tally.count(11, "checkpoints with one flipped bit that were loaded", silent, of=n, promised="0")
    assert silent == 0


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


def test_row_22_weights_after_a_real_kill_are_those_of_the_uninterrupted_run(
    tmp_path: Path, tokens: TokenSet, tally: Tally
) -> None:
    spec = make_spec(evaluation_steps=(17,))
    _, whole = run(spec, tokens, tmp_path / "whole")
    expected = (tmp_path / "whole" / "model" / "model.safetensors").read_bytes()
    losses = [point.loss for point in whole.of(Point)]
    same = 0
    n, draw = tally.repeats(2, 20), random.Random(22)
    for trial in range(n):
        run_dir, curve = tmp_path / str(trial), {}
        for attempt in range(4):
            curve |= _train_and_kill(spec, tokens, run_dir, attempt, draw.randint(1, 12) if attempt < 3 else 1_000)
        got = (run_dir / "model" / "model.safetensors").read_bytes()
        same += got == expected and [curve[step] for step in sorted(curve)] == losses
    what = "runs killed three times at random points that end bit for bit as the uninterrupted one"
    tally.count(22, what, same, of=n, promised="20/20")
    assert same == n


def _train_and_kill(spec: object, tokens: TokenSet, run_dir: Path, attempt: int, points: int) -> dict[int, float]:
    """Losses by step of an attempt that is killed after so many points."""
    ours, theirs = Pipe()

    def report(message: Message) -> None:
        theirs.send_bytes(pack(message))

    def work(_: int) -> None:
        ours.close()
        outcome = train(
            spec, tokens, attempt=attempt, run_dir=run_dir, device=open_device("cpu"), report=report,
            should_stop=lambda: False, resume_from=checkpoint.latest(run_dir), checkpoint_seconds=0.002,
        )  # type: ignore[arg-type]  # fmt: skip
        assert outcome.state is RunState.DONE

    pid, told = _forked(work)
    theirs.close()
    os.close(told)
    curve: dict[int, float] = {}
    try:
        while len(curve) < points:
            message = unpack(ours.recv_bytes())
            if isinstance(message, Point):
                curve[message.step] = message.loss
        os.kill(pid, signal.SIGKILL)
    except EOFError:
        pass
    os.waitpid(pid, 0)
    ours.close()
    return curve


_SAVE = """
import sys
from pathlib import Path
from scalelab.errors import ScalelabError
from scalelab.training import checkpoint
from tests.training.test_checkpoint_faults import _save
claimed, told = [], 0
for step in range(1, 25):
    try:
        _save(Path(sys.argv[1]), step)
        claimed.append(step)
    except ScalelabError as error:
        told += 1
        assert "was not saved" in error.line() and sys.argv[1] in error.line(), error.line()
print(told, *claimed)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace makes fsync fail")
def test_row_10_a_checkpoint_whose_fsync_fails_is_never_called_saved(tmp_path: Path, tally: Tally) -> None:
    """Of the four fsyncs of a save every fifth fails: each of the four kinds in turn."""
    fault = "inject=fsync:error=EIO:when=3+5"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", fault, sys.executable, "-c", _SAVE, str(tmp_path / "r")]
    told, *claimed = (int(word) for word in subprocess.check_output(command, cwd=ROOT, text=True).split())
    newest = checkpoint.latest(tmp_path / "r")
    silent = newest is None or int(newest.name) < max(claimed)
    tally.count(
        10, f"checkpoints called saved whose fsync had failed ({told} failed)", int(silent), of=24, promised="0"
    )
    assert told >= 10 and len(claimed) + told == 24 and not silent
