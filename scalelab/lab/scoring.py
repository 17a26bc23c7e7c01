"""Inside a worker, at the end of a task's run: held-out prompts answered by greedy decoding, the answers scored.

What goes wrong here is told and costs the run nothing: its losses are the points of the law, its scores are not.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scalelab.errors import ScalelabError
from scalelab.gate import clean
from scalelab.records import Message, Notice, NoticeKind, Outcome, RunSpec, Score, TokenSet

if TYPE_CHECKING:
    from scalelab.corpora import Tokenizer
    from scalelab.training.device import Device


def score_run(
    spec: RunSpec,
    tokens: TokenSet,
    outcome: Outcome,
    run_dir: Path,
    device: Device,
    report: Callable[[Message], None],
    should_stop: Callable[[], bool],
) -> None:
    """Report the scores of a finished run, or a warning that says why there are none."""
    try:
        for name, value, n in _scores(spec, tokens, run_dir, device, should_stop):
            report(Score(run=spec.run, attempt=outcome.attempt, step=outcome.step, name=name, value=value, n=n))
        return
    except BrokenPipeError:
        raise
    except ScalelabError as problem:
        why = problem.line()
    except Exception as problem:
        traceback.print_exc()
        why = f"{type(problem).__name__}: {problem}"
    report(
        Notice(
            run=spec.run, attempt=outcome.attempt, step=outcome.step, kind=NoticeKind.WARNING,
            text=clean(f"not scored: {why}", 500),
        )
    )  # fmt: skip


def _scores(
    spec: RunSpec, tokens: TokenSet, run_dir: Path, device: Device, should_stop: Callable[[], bool]
) -> list[tuple[str, float, int]]:
    from scalelab.corpora import load_tokenizer, read_held_out
    from scalelab.tasks import score_answers
    from scalelab.training.decode import decode

    assert tokens.pairs is not None
    folder = Path(tokens.directory)
    pairs, tokenizer = read_held_out(folder, spec.scored_pairs), load_tokenizer(folder)
    answers = decode(
        run_dir / "model", [prompt_ids(tokenizer, pair.prompt) for pair in pairs], device, end=tokenizer.end_of_text,
        longest=tokens.pairs.longest_target, dtype=spec.dtype, seconds=spec.scoring_seconds, should_stop=should_stop,
    )  # fmt: skip
    said = [(tokenizer.decode(answer), pair.targets) for answer, pair in zip(answers, pairs, strict=True)
            if answer is not None]  # fmt: skip
    if not said:
        raise ScalelabError(
            f"no prompt was answered in {spec.scoring_seconds:g} s", todo="give evaluation.pair_seconds"
        )
    found = score_answers(tokens.pairs.task, [text.strip() for text, _ in said], [right for _, right in said])
    return [(name, value, len(said)) for name, value in found.items()]


def prompt_ids(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """A prompt in the form in which a task's models have learnt it: end of text, prompt, separator."""
    if tokenizer.separator is None:
        raise ScalelabError("the tokenizer has no separator for prompts", todo="prepare the corpus again")
    return [tokenizer.end_of_text, *tokenizer.encode(prompt), tokenizer.separator]
