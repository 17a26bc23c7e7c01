"""Inside a worker: one task, with a device; everything it has to say goes up the pipe as bytes, never as pickle.

The only file of this room that brings the training room in, and it does so inside functions: the supervisor imports
this module to name its entry. A worker never opens the store.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean
from scalelab.lab import tether
from scalelab.lab.paths import append_private
from scalelab.records import Message, Outcome, RunSpec, RunState, TokenSet, pack

if TYPE_CHECKING:
    from scalelab.training.device import Device

STOP, HOLD, GO_ON, BEAT = b"stop", b"hold", b"go on", b"beat"
"""What goes down the pipe, and the sign of life that comes up."""
BEAT_SECONDS = 1.0
"""The loop tells that it moves no oftener than this."""
TEXT_TEMPERATURE = 0.8
"""Of samples of text, unless another is asked for; answers of a task are the likeliest."""
FIRST_LOOK_SECONDS, LOOK_SECONDS = 0.5, 3.0
"""When a worker first looks at its device, and how often then."""


def main(pipe: Connection, task: str, values: str, log: str) -> None:
    """Entry of every worker: tie it to the supervisor, send its output to a log, do the task.

    "train" is one run, and `values` say which; every other task answers what comes down the pipe until its other end is
    gone.
    """
    _tie()
    stopping, holding = threading.Event(), threading.Event()
    questions: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    orders: dict[bytes, Callable[[], None]] = {STOP: stopping.set, HOLD: holding.set, GO_ON: holding.clear}
    tether.watch(pipe, lambda message: orders[message]() if message in orders else questions.put(message))
    _listen_to_term(stopping)
    _log_to(log)
    try:
        if task == "train":
            _train(pipe, json.loads(values), stopping, holding)
        else:
            while True:
                _answer(pipe, _TASKS[task], json.loads(questions.get()))
    except BrokenPipeError:
        os._exit(1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _tie() -> None:
    if preload := sys.modules.get("scalelab.lab.preload"):
        tether.die_with_parent(preload.FORKSERVER)


def _listen_to_term(stopping: threading.Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # A system that shuts down sends TERM to everyone: that is a reason to save, not to die.
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _log_to(path: str) -> None:
    """Into the run's log, or nowhere: a warning of torch must not be written over the screen of an app that asks."""
    descriptor = append_private(Path(path)) if path else os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    if path:
        faulthandler.enable(file=2)


def _train(pipe: Connection, job: Mapping[str, Any], stopping: threading.Event, holding: threading.Event) -> None:
    spec = RunSpec.from_dict(job["spec"])
    one_at_a_time = threading.Lock()

    def send(content: bytes) -> None:
        with one_at_a_time:
            try:
                pipe.send_bytes(content)
            except (BrokenPipeError, ConnectionResetError):
                # The supervisor is gone: nobody hears of it, and it is no failure of the run that its log should tell.
                os._exit(1)

    def report(message: Message) -> None:
        send(pack(message))

    try:
        outcome = _run(spec, job, report, _Asked(stopping, lambda: send(BEAT)), holding.is_set)
    except Exception as error:
        traceback.print_exc()
        outcome = _failed(error, spec, job)
    report(outcome)


def _failed(error: Exception, spec: RunSpec, job: Mapping[str, Any]) -> Outcome:
    from scalelab.training.lost import is_lost

    line = error.line() if isinstance(error, ScalelabError) else f"{type(error).__name__}: {error}"
    return Outcome(
        run=spec.run, attempt=job["attempt"], state=RunState.FAILED, step=spec.first_step, reason=clean(line),
        lost=job["device"] if is_lost(error) else "",
    )  # fmt: skip


def _run(
    spec: RunSpec,
    job: Mapping[str, Any],
    report: Callable[[Message], None],
    should_stop: Callable[[], bool],
    held: Callable[[], bool],
) -> Outcome:
    from scalelab.training import checkpoint
    from scalelab.training.device import reopen_device
    from scalelab.training.run import train

    run_dir = Path(job["run_dir"])
    trunk = Path(job["trunk_checkpoint"]) if job["trunk_checkpoint"] else None
    device = reopen_device(job["device"], threads=job["threads"])
    _gauge(device, job["slot"], report)
    tokens = TokenSet.from_dict(job["tokens"])
    outcome = train(
        spec,
        tokens,
        attempt=job["attempt"],
        run_dir=run_dir,
        device=device,
        report=report,
        should_stop=should_stop,
        resume_from=checkpoint.latest(run_dir, say=print, before=job["resume_before"]) or trunk,
        checkpoint_seconds=job["checkpoint_seconds"],
        held=held,
    )
    if outcome.state is RunState.DONE and spec.scored_pairs and tokens.pairs is not None:
        from scalelab.lab.scoring import score_run

        score_run(spec, tokens, outcome, run_dir, device, report, should_stop)
    return outcome


class _Asked:
    """Whether to stop; being asked after every step, it is also what tells that there are steps."""

    def __init__(self, stopping: threading.Event, beat: Callable[[], None]) -> None:
        self._stopping, self._beat, self._beaten = stopping, beat, -BEAT_SECONDS

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._beaten >= BEAT_SECONDS:
            self._beaten = now
            self._beat()
        return self._stopping.is_set()


def _gauge(device: Device, slot: int, report: Callable[[Message], None]) -> None:
    """Tell every few seconds what the slot takes of its device, from a thread that the training never waits for."""
    from scalelab.training.usage import UsageGauge

    gauge = UsageGauge(device, slot)

    def watch() -> None:
        pause = threading.Event()
        try:
            pause.wait(FIRST_LOOK_SECONDS)
            while True:
                report(gauge.look())
                pause.wait(LOOK_SECONDS)
        except Exception as error:
            # A machine that does not tell, or a supervisor that is gone: neither is a reason to stop training.
            print(f"usage is not told: {type(error).__name__}: {error}", flush=True)

    threading.Thread(target=watch, name="usage", daemon=True).start()


def _answer(pipe: Connection, task: Callable[[Mapping[str, Any]], Any], values: Mapping[str, Any]) -> None:
    """One question, one answer: {"answer": …} or {"error": …}."""
    try:
        reply = {"answer": task(values)}
    except ScalelabError as error:
        reply = {"error": {**error.to_dict(), "bad_input": isinstance(error, BadInput)}}
    except Exception as error:
        traceback.print_exc()
        reply = {"error": {"what": f"{type(error).__name__}: {error}", "allowed": "", "todo": "", "bad_input": False}}
    pipe.send_bytes(json.dumps(reply).encode())


def _devices(_: Mapping[str, Any]) -> list[dict[str, Any]]:
    from scalelab.training.device import list_devices, open_device

    found = list_devices()
    return [open_device(device.name).measure_peak().to_dict() for device in found]


def _answer_of(values: Mapping[str, Any]) -> float:
    """A sum that a device has done; whatever keeps it from that is an error."""
    from scalelab.training.device import reopen_device

    return reopen_device(values["device"]).answer()


def _probe(values: Mapping[str, Any]) -> dict[str, Any]:
    """A device with its measured peak, and the seconds a token of each rung."""
    from scalelab.training.device import open_device
    from scalelab.training.probe import probe

    device = open_device(values["device"], threads=values["threads"])
    specs = [RunSpec.from_dict(spec) for spec in values["specs"]]
    largest = max(specs, key=lambda spec: spec.counts.n_params)
    return {"device": device.measure_peak(largest.shape).to_dict(), "seconds_per_token": dict(probe(device, specs))}


def _prove(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a device's training is, beside a textbook's."""
    import tempfile

    from scalelab.training.device import open_device
    from scalelab.training.proof import prove

    with tempfile.TemporaryDirectory(prefix="scalelab-proof-") as folder:
        return prove(open_device(values["device"]), Path(folder))


def _sample(values: Mapping[str, Any]) -> dict[str, Any]:
    from scalelab.corpora import load_tokenizer
    from scalelab.training.generate import generate

    tokenizer = load_tokenizer(Path(values["tokens"]))
    task = tokenizer.separator is not None
    if task:
        from scalelab.lab.scoring import prompt_ids

        prompt = prompt_ids(tokenizer, values["prompt"])
    else:
        prompt = tokenizer.encode(values["prompt"])
    temperature = values["temperature"]
    if temperature is None:
        temperature = 0.0 if task else TEXT_TEMPERATURE
    new = generate(
        Path(values["model"]), prompt, values["n"], temperature, values["top_k"], values["seed"],
        end=tokenizer.end_of_text if task else None,
    )  # fmt: skip
    return {"prompt": values["prompt"], "ids": list(new), "text": tokenizer.decode(list(new))}


def _score(values: Mapping[str, Any]) -> dict[str, Any]:
    """A model scored on the first held-out texts of a token set, and how many of its tokens those are."""
    import numpy as np

    from scalelab.corpora import load_tokenizer
    from scalelab.training.batches import open_tokens
    from scalelab.training.device import open_device
    from scalelab.training.scoring import score

    tokens = TokenSet.from_dict(values["tokens"])
    tokenizer = load_tokenizer(Path(tokens.directory))
    flat = np.asarray(open_tokens(tokens, "held_out")[: values["most"]])
    ends = np.flatnonzero(flat == tokenizer.end_of_text)
    last = int(ends[-1]) + 1 if len(ends) else len(flat)  # a passage cut off has no end to be scored
    texts = [tokenizer.decode(part[part != tokenizer.end_of_text].tolist()) for part in np.split(flat[:last], ends + 1)]
    device = open_device(values["device"], threads=values["threads"])
    found = score(
        values["model"], [text for text in texts if text], device, context=values["context"],
        encode=tokenizer.encode, end=tokenizer.end_of_text,
    )  # fmt: skip
    return {**found.to_dict(), "lab_tokens": last}


_TASKS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "answer": _answer_of,
    "devices": _devices,
    "probe": _probe,
    "prove": _prove,
    "sample": _sample,
    "score": _score,
}
