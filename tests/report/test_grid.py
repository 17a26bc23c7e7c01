"""A plan in words, of one grid or of the same on several texts: what is printed before a second is spent."""

from __future__ import annotations

import re

import pytest

from scalelab import plan, preset_files
from scalelab.records import DeviceInfo
from scalelab.report.grid import MOST_CELLS, plan_document, plan_lines
from scalelab.units import parse_duration
from tests.simulated import SMALL

GROUPS = '\n[[groups]]\nname = "plain"\n[[groups]]\nname = "noisy"\naugment = ["char-noise=0.05"]\n'


def planned(text: str, cpu: DeviceInfo) -> plan.Plan:
    return plan.make_plan(preset_files.loads(text, "a test"), cpu)


def test_of_a_plan_with_groups_the_grid_is_told_once_and_the_groups_by_name(cpu: DeviceInfo) -> None:
    alone, both = planned(SMALL, cpu), planned(SMALL + GROUPS, cpu)
    one, two = plan_lines(alone, 80), plan_lines(both, 80)
    assert [line for line in two if line.startswith("48x1")] == [line for line in one if line.startswith("48x1")]
    place = two.index("All of these points for each group:")
    assert [line.split()[0] for line in two[place + 1 : place + 4]] == ["group", "plain", "noisy"]
    assert "char-noise=0.05" in two[place + 3] and not any("group" in line for line in one)
    assert one[0].startswith("smoke: 9 points in about") and two[0].startswith("smoke: 18 points in 2 groups in about")


def test_time_and_compute_are_those_of_all_groups(cpu: DeviceInfo) -> None:
    alone, both = planned(SMALL, cpu), planned(SMALL + GROUPS, cpu)
    assert both.flops == pytest.approx(2 * alone.flops)
    assert both.seconds == pytest.approx(2 * alone.seconds, rel=0.1)
    told = plan_document(both)
    assert len(told["cells"]) == 2 * len(plan_document(alone)["cells"]) == 18
    assert {cell["run"].partition(".")[0] for cell in told["cells"]} == {"plain", "noisy"}
    assert [group["name"] for group in told["preset"]["groups"]] == ["plain", "noisy"]


@pytest.mark.parametrize("more", ["", GROUPS])
def test_times_of_points_and_trunks_add_up_to_the_plan(cpu: DeviceInfo, more: str) -> None:
    made = planned(SMALL.replace("\n[model]", "\nseeds = [0, 1]\n[model]", 1) + more, cpu)
    said = " ".join(" ".join(plan_lines(made, 80)).split())
    found = re.search(r"the trunks that the points of a size share take (\S+) more, (\S+) in all\. C holds", said)
    assert found is not None
    trunks, whole = map(parse_duration, found.groups())
    alike = len(made.preset.seeds) * len(made.preset.group_names)
    assert alike * whole == pytest.approx(sum(made.expected_seconds.values()), abs=0.06 * alike)
    cells = [cell.seconds for cell in made.cells if cell.seed == 0 and cell.group == made.preset.group_names[0]]
    assert trunks + sum(cells) == pytest.approx(whole, abs=0.11)


def test_where_every_point_trains_by_itself_no_trunk_is_told_of(cpu: DeviceInfo) -> None:
    alone = planned(SMALL + '[schedule]\nkind = "cosine"\n', cpu)
    assert not any("trunk" in line for line in plan_lines(alone, 80))


def test_how_often_a_group_reads_its_text_is_told_where_it_is_known(cpu: DeviceInfo) -> None:
    small = SMALL + GROUPS + 'unique_tokens = "20k"\ncopies = 4\n'
    line = next(line for line in plan_lines(planned(small, cpu), 80) if line.startswith("noisy"))
    assert line.split()[1:4] == ["20k", "4", "2×"]


def test_seeds_and_groups_are_both_told(cpu: DeviceInfo) -> None:
    lines = plan_lines(planned(SMALL.replace("\n[model]", "\nseeds = [0, 1, 7]\n[model]", 1) + GROUPS, cpu), 80)
    assert lines[0].startswith("smoke: 54 points in 2 groups with each of 3 seeds in about")
    assert lines.index("and the same for seeds 1, 7") + 2 == lines.index("All of these points for each group:")
    assert sum(line.startswith(("12x1", "24x1", "48x1")) and "yes" in line for line in lines) == 9


def test_of_many_points_the_first_and_the_last_are_told_and_every_group_has_a_line(cpu: DeviceInfo) -> None:
    budgets = ", ".join(f'"{40 + place}k"' for place in range(30))
    names = [f"text-{place}" for place in range(9)]
    groups = "".join(f'\n[[groups]]\nname = "{name}"\n' for name in names)
    lines = plan_lines(planned(SMALL.replace('"40k", "80k", "160k"', budgets) + groups, cpu), 60)
    points = [line for line in lines if line.startswith(("12x1", "24x1", "48x1")) and "yes" in line]
    assert len(points) == MOST_CELLS and "… 30 more (--json lists them)" in lines
    below = lines[lines.index("All of these points for each group:") :]
    assert all(any(line.startswith(name) for line in below) for name in names)


def test_in_few_columns_what_matters_least_gives_way(cpu: DeviceInfo) -> None:
    made = planned(SMALL, cpu)
    wide, narrow = plan_lines(made, 80), plan_lines(made, 48)
    assert ["rung", "N", "D", "D/N", "C", "memory", "time", "fits"] in [line.split() for line in wide]
    assert max(map(len, narrow)) <= 48
    (heading,) = (line.split() for line in narrow if line.endswith("fits"))
    assert heading == ["rung", "N", "D", "C", "memory", "time", "fits"]
    assert sum(line.endswith("yes") for line in narrow) == len(made.cells)
    assert any(line.split()[:4] == ["rung", "layers", "width", "heads"] for line in narrow)
    tiny = plan_lines(made, 30)
    assert any(line.split() == ["rung", "N", "D", "C", "time", "fits"] for line in tiny)
