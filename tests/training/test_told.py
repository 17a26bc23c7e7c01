"""A checkpoint is as far as the curve is: what was told before it, and what was summed for the next point."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalelab.records import Evaluation, Message, Point, RunKind, RunState, TokenSet
from scalelab.training import checkpoint
from tests.training.making import make_spec, make_tokens, run, steps_to

EVERY = 3


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> TokenSet:
    return make_tokens(tmp_path_factory.mktemp("tokens"))


def _curve(messages: list[Message]) -> dict[tuple[str, int], tuple[float, ...]]:
    """All that the arithmetic decides; what comes again must be what it was."""
    found: dict[tuple[str, int], tuple[float, ...]] = {}
    for each in messages:
        if isinstance(each, Point):
            values: tuple[float, ...] = (each.n_tokens, each.loss, each.lr, each.grad_norm)
        elif isinstance(each, Evaluation):
            values = (each.n_tokens, each.loss, each.accuracy)
        else:
            continue
        key = (type(each).__name__, each.step)
        assert found.setdefault(key, values) == values
    return found


def test_what_was_lost_on_its_way_before_a_checkpoint_is_told_again_and_no_point_is_another(
    tmp_path: Path, tokens: TokenSet
) -> None:
    spec = make_spec(schedule=steps_to(450), evaluation_steps=(100, 190, 301))
    assert spec.points_every == EVERY
    _, whole = run(spec, tokens, tmp_path / "whole")
    stopped, first = run(spec, tokens, tmp_path / "run", stop_after=200)
    assert stopped.step == 200 and stopped.step % EVERY
    kept = [each for each in first.messages if each.step <= 150]  # the others were never kept by anybody
    again, second = run(
        spec, tokens, tmp_path / "run", attempt=1, resume_from=checkpoint.latest(tmp_path / "run"), stop_after=51
    )
    assert again.step == 251
    _, third = run(spec, tokens, tmp_path / "run", attempt=2, resume_from=checkpoint.latest(tmp_path / "run"))
    assert _curve(kept + second.messages + third.messages) == _curve(whole.messages)
    assert _curve(kept + third.messages) == _curve(whole.messages)
    assert {each.attempt for each in third.of(Point)} == {0, 1, 2}


def test_a_branch_tells_nothing_of_its_trunk(tmp_path: Path, tokens: TokenSet) -> None:
    trunk = make_spec(run="16x2-trunk-s0", kind=RunKind.TRUNK, branch_steps=(20, 40), schedule=steps_to(40, start=40))
    run(trunk, tokens, tmp_path / "trunk")
    branch = make_spec(kind=RunKind.BRANCH, parent=trunk.run, first_step=20, schedule=steps_to(30, start=20))
    outcome, heard = run(branch, tokens, tmp_path / "branch", resume_from=checkpoint.folder_of(tmp_path / "trunk", 20))
    assert outcome.state is RunState.DONE
    assert [point.step for point in heard.of(Point)] == list(range(21, 31))
    assert {each.run for each in heard.messages} == {branch.run}


def test_an_attempt_that_its_store_never_heard_of_is_gone_on_with_and_its_time_too(
    tmp_path: Path, tokens: TokenSet
) -> None:
    """Its supervisor died before it was kept: the next attempt has the same number."""
    spec = make_spec()
    run(spec, tokens, tmp_path / "run", attempt=2, stop_after=20)
    _, heard = run(spec, tokens, tmp_path / "run", attempt=2, resume_from=checkpoint.latest(tmp_path / "run"))
    points = heard.of(Point)
    assert [point.step for point in points] == list(range(1, 41)) and {point.attempt for point in points} == {2}
    seconds = [point.seconds for point in points]
    assert seconds == sorted(seconds) and points[20].tokens_per_second > 0
    _, other = run(spec, tokens, tmp_path / "run", attempt=3, resume_from=None)
    assert other.of(Point)[0].seconds < seconds[-1]
