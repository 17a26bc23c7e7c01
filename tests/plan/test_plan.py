"""The plan: exact counts, whole trunks, honest costs, and what is wrong with a grid before it runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import plan, preset_files
from scalelab.errors import BadInput
from scalelab.plan import cost
from scalelab.plan.plan import Plan
from scalelab.records import Decay, DeviceInfo, RunKind
from scalelab.units import format_count

_H100 = DeviceInfo(
    name="cuda:0",
    label="H100",
    memory_bytes=80 * 10**9,
    slots=1,
    peak_flops=989e12,
    peak_source="nominal",
    dtype="bfloat16",
)


def _plan(device: DeviceInfo, *overrides: str, name: str = "tiny") -> Plan:
    return plan.make_plan(preset_files.load(name, overrides), device)


def _refused(device: DeviceInfo, *overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        _plan(device, *overrides)
    return str(caught.value)


def test_tiny_spans_what_a_law_needs(cpu: DeviceInfo) -> None:
    grid = _plan(cpu)
    sizes = {cell.n_params for cell in grid.cells}
    budgets = {cell.n_tokens for cell in grid.cells}
    assert len(sizes) >= 4
    assert len(budgets) >= 4
    assert max(sizes) >= 12 * min(sizes)
    assert max(budgets) >= 7.99 * min(budgets)
    assert not grid.warnings


@pytest.mark.parametrize(
    ("name", "device", "low", "high"),
    [
        ("smoke", None, 0.5, 20),
        ("tiny", None, 15, 90),
        ("laptop", None, 1200, 2400),
        ("gpu", _H100, 3600, 6 * 3600),
        ("wikitext103", _H100, 3600, 2 * 3600),
        ("fineweb-edu", _H100, 10 * 3600, 18 * 3600),
    ],
)
def test_shipped_presets_take_the_time_they_say(
    name: str, device: DeviceInfo | None, low: float, high: float, cpu: DeviceInfo
) -> None:
    grid = _plan(device or cpu, name=name)
    assert low <= grid.seconds <= high
    assert all(cell.verdict == "fits" for cell in grid.cells)


def test_laptop_spans_two_decades_of_n(cpu: DeviceInfo) -> None:
    sizes = [rung.counts.n_params for rung in _plan(cpu, name="laptop").rungs]
    assert max(sizes) >= 100 * min(sizes)


@pytest.mark.parametrize("name", ["wikitext103", "fineweb-edu"])
def test_the_ladders_on_real_text_end_in_gpt2_small_and_medium_with_its_vocabulary(name: str) -> None:
    rungs = _plan(_H100, name=name).rungs[-2:]
    shapes = [(rung.shape.n_layer, rung.shape.d_model, rung.shape.n_head) for rung in rungs]
    assert shapes == [(12, 768, 12), (24, 1024, 16)]
    # What Hugging Face counts for gpt2 and gpt2-medium.
    assert [rung.counts.n_total for rung in rungs] == [124_439_808, 354_823_168]


def test_gpu_holds_gpt2_small() -> None:
    rungs = {rung.name: rung.shape for rung in _plan(_H100, name="gpu").rungs}
    assert (rungs["768x12"].n_head, rungs["768x12"].d_ff, rungs["768x12"].context) == (12, 3072, 1024)


def test_a_branch_leaves_its_trunk_where_the_trunk_keeps_a_checkpoint(cpu: DeviceInfo) -> None:
    grid = _plan(cpu)
    trunks = {spec.run: spec for spec in grid.runs if spec.kind is RunKind.TRUNK}
    branches = [spec for spec in grid.runs if spec.kind is RunKind.BRANCH]
    assert len(trunks) * 4 == len(branches)
    for branch in branches:
        trunk = trunks[branch.parent or ""]
        assert branch.first_step in trunk.branch_steps
        assert branch.schedule.decay is Decay.COOLDOWN
        assert branch.schedule.decay_start == branch.first_step
        assert branch.first_step == pytest.approx(0.8 * branch.n_steps, abs=1)
        assert trunk.n_steps == max(trunk.branch_steps)


def test_budgets_of_one_trunk_cost_less_than_their_sum(cpu: DeviceInfo) -> None:
    grid = _plan(cpu)
    apart = sum(cell.flops for cell in grid.cells)
    # D, 2D, 4D, 8D: 9.4 D of training in place of 15 D.
    assert grid.flops / apart == pytest.approx(9.4 / 15, abs=0.005)


@pytest.mark.parametrize("kind", ["wsd", "cosine"])
@pytest.mark.parametrize("budgets", ["[100010,100040,1M]", "[1000010,1000400]", "[999990,1000010]"])
def test_budgets_close_together_are_runs_of_different_names(cpu: DeviceInfo, kind: str, budgets: str) -> None:
    grid = _plan(cpu, f"budgets.tokens={budgets}", "model.context=16", "batch.sequences=1", f"schedule.kind={kind}")
    names = [spec.run for spec in grid.runs]
    assert len(set(names)) == len(names) and set(grid.expected_seconds) == set(names)


def test_cosine_trains_every_budget_by_itself(cpu: DeviceInfo) -> None:
    grid = _plan(cpu, "schedule.kind=cosine")
    assert {spec.kind for spec in grid.runs} == {RunKind.SINGLE}
    assert grid.flops == pytest.approx(sum(cell.flops for cell in grid.cells))


def test_flops_follow_the_formula(cpu: DeviceInfo) -> None:
    cell = _plan(cpu, "ladder.shapes=12x1,24x1", "model.context=64", "model.head_dim=12").cells[0]
    # 12x1 of vocabulary 512: block 12·144 + 13·12 = 1884, head 6144; attention 12·1·12·64.
    assert cell.n_params == 1884 + 6144
    assert cell.flops == cell.n_tokens * (6 * 8028 + 12 * 1 * 12 * 64)


def test_budgets_can_be_ratios_or_flops(cpu: DeviceInfo) -> None:
    ratios = _plan(cpu, "budgets.tokens_per_param=[10, 20, 80]")
    for cell in ratios.cells:
        assert min(abs(cell.n_tokens / cell.n_params / ratio - 1) for ratio in (10, 20, 80)) < 0.05
    flops = _plan(cpu, "budgets.flops=[4e10, 16e10]")
    for cell in flops.cells:
        assert min(abs(cell.flops / level - 1) for level in (4e10, 16e10)) < 0.05


def test_targets_for_n_find_shapes_near_them(cpu: DeviceInfo) -> None:
    grid = _plan(cpu, "ladder.from=50k", "ladder.to=5M", "ladder.rungs=5")
    targets = [50e3 * 100 ** (index / 4) for index in range(5)]
    for rung, target in zip(grid.rungs, targets, strict=True):
        assert rung.counts.n_params == pytest.approx(target, rel=0.2)
        assert rung.shape.n_layer == 1 or 32 <= rung.shape.d_model / rung.shape.n_layer <= 64


def test_seeds_multiply_the_grid(cpu: DeviceInfo) -> None:
    assert len(_plan(cpu, "seeds=[0, 1, 2]").cells) == 60


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["ladder.shapes=100x1", "model.head_dim=64"], ["100", "divisible", "head_dim 64"]),
        (["budgets.tokens=[100]"], ["under one batch"]),
        (["budgets.tokens=[1e18]"], ["budget 1e18", "up to 1e15 tokens"]),
        (["budgets.flops=[1e300]"], ["up to 1e15 tokens"]),
        (["budgets.tokens=[150000, 150100]"], ["come out as"]),
        (["schedule.warmup_steps=5000"], ["warm-up", "warmup_steps"]),
        (["ladder.params=100k,101k"], ["two rungs"]),
        (["ladder.params=1e30"], ["no shape", "nearest"]),
        (["model.architecture=llama", "ladder.shapes=13x1", "model.head_dim=13"], ["odd"]),
    ],
)
def test_what_cannot_be_trained_is_refused_with_what_to_do(
    cpu: DeviceInfo, overrides: list[str], parts: list[str]
) -> None:
    line = _refused(cpu, *overrides)
    for part in parts:
        assert part in line, line


def test_a_line_of_equal_ratios_is_warned_about_with_the_run_that_mends_it(cpu: DeviceInfo) -> None:
    warnings = _plan(cpu, "budgets.tokens_per_param=[20]").warnings
    line = next(line for line in warnings if "not identifiable" in line)
    assert re.search(r"add rung \S+ at [\d.]+[kM] tokens", line)


def test_one_rung_is_warned_about(cpu: DeviceInfo) -> None:
    grid = _plan(cpu, "ladder.shapes=32x1", "model.context=64")
    wanted = f"one near N = {format_count(4 * grid.rungs[0].counts.n_params)}"
    assert any("one rung" in line and wanted in line for line in grid.warnings)


def test_one_budget_is_warned_about(cpu: DeviceInfo) -> None:
    line = next(line for line in _plan(cpu, "budgets.tokens=[1M]").warnings if "one budget" in line)
    assert line.endswith("add one of 4M tokens")


def test_what_does_not_fit_says_so(cpu: DeviceInfo) -> None:
    grid = _plan(replace(cpu, memory_bytes=2 * 10**9), "ladder.shapes=64x2,2048x48", "budgets.tokens=1M,4M")
    verdicts = {cell.rung: cell.verdict for cell in grid.cells}
    assert verdicts == {"64x2": "fits", "2048x48": "no"}
    assert any("2048x48 needs" in line for line in grid.warnings)


def test_the_logits_of_a_gpu_are_counted_a_chunk_at_a_time(cpu: DeviceInfo) -> None:
    shape = plan.make_plan(preset_files.load("gpu"), cpu).rungs[0].shape
    few, many = (cost.activation_bytes(shape, sequences, "bfloat16") for sequences in (64, 128))
    assert many - few == 64 * 1024 * shape.n_layer * 2 * (10 * shape.d_model + 3 * shape.d_ff)
    assert few > 12 * (1 << 28)


def test_a_smaller_memory_takes_smaller_micro_batches_of_the_same_step(cpu: DeviceInfo) -> None:
    wide = ["ladder.shapes=64x2,512x8", "batch.sequences=64", "model.context=512", "budgets.tokens=10M,40M"]
    roomy, poor = _plan(cpu, *wide), _plan(replace(cpu, memory_bytes=4 * 10**9), *wide)
    assert poor.runs[-1].micro_sequences < roomy.runs[-1].micro_sequences
    assert poor.runs[-1].batch_sequences == roomy.runs[-1].batch_sequences == 64


def test_probed_speeds_replace_the_estimate(cpu: DeviceInfo) -> None:
    preset = preset_files.load("tiny")
    names = [rung.name for rung in plan.make_plan(preset, cpu).rungs]
    slow = plan.make_plan(preset, cpu, seconds_per_token=dict.fromkeys(names, 1e-3))
    assert slow.seconds_source == "probed"
    assert slow.seconds > 1000


@settings(max_examples=50, deadline=None)
@given(seconds=st.lists(st.floats(min_value=0.1, max_value=100), min_size=25, max_size=25), slots=st.integers(1, 8))
def test_the_time_of_a_plan_lies_between_its_bounds(seconds: list[float], slots: int) -> None:
    grid = _plan(replace(_H100, slots=2))
    expected = {spec.run: value for spec, value in zip(grid.runs, seconds, strict=True)}
    total = cost.makespan(grid.runs, expected, slots)
    assert total <= sum(seconds) * (1 + 1e-9)
    assert total >= max(sum(seconds) / slots, max(seconds)) * (1 - 1e-9)
