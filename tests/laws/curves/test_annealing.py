"""The areas of a schedule against the definition of the paper, and what they do not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scalelab.laws.curves.annealing import annealing_area, area


def by_definition(rates: np.ndarray, decay: float) -> np.ndarray:
    """S2 by the double sum of Tissue et al. 2024, equation 4, from the first peak on."""
    peak = int(np.argmax(rates))
    total, out = 0.0, []
    for i in range(len(rates)):
        total += sum((rates[k - 1] - rates[k]) * decay ** (i - k) for k in range(peak + 1, i + 1))
        out.append(total)
    return np.array(out)


def wsd(steps: int, warmup: int = 20, cooldown: float = 0.2, peak: float = 0.01) -> np.ndarray:
    """Warm-up, constant, then a cooldown by 1 − √x to zero."""
    step = np.arange(steps)
    start = steps - round(cooldown * steps)
    through = np.clip((step - start) / max(steps - start, 1), 0.0, 1.0)
    return peak * np.minimum(1.0, (step + 1) / (warmup + 1)) * (1.0 - np.sqrt(through))


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60),
    st.sampled_from([0.2, 0.9, 0.99, 0.999, 0.99999]),
)
def test_the_recursion_is_the_double_sum(rates: list[float], decay: float) -> None:
    given_rates = np.array(rates)
    found = annealing_area(given_rates, -1.0 / math.log(decay))
    assert found == pytest.approx(by_definition(given_rates, decay), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.999])
def test_the_recursion_is_the_double_sum_over_many_blocks(decay: float) -> None:
    rates = wsd(700) * (1.0 + 0.1 * np.sin(np.arange(700)))
    assert annealing_area(rates, -1.0 / math.log(decay)) == pytest.approx(by_definition(rates, decay), rel=1e-9)


def test_no_annealing_before_the_rate_falls_and_none_from_the_warm_up() -> None:
    rates = wsd(1000)
    s2 = annealing_area(rates, 500.0)
    assert (s2[:801] == 0.0).all()
    assert (np.diff(s2[801:]) > 0.0).all()


def test_a_short_memory_leaves_what_the_rate_fell_by() -> None:
    rates = wsd(1000)
    assert annealing_area(rates, 1e-3)[-1] == pytest.approx(rates.max() - rates[-1])


def test_the_area_is_the_sum_of_the_rates() -> None:
    assert area([1.0, 2.0, 3.0]) == pytest.approx([1.0, 3.0, 6.0])
    assert not annealing_area([], 10.0).size


@pytest.mark.parametrize("finer", [2, 5])
def test_areas_hardly_depend_on_how_finely_the_schedule_is_told(finer: int) -> None:
    """Batches of half the size are twice the steps over the same tokens."""
    coarse, fine = wsd(2000), wsd(2000 * finer, warmup=20 * finer)
    batch = 256.0 * finer
    assert area(fine, part=batch / finer)[-1] == pytest.approx(area(coarse, part=batch)[-1], rel=2e-3)
    a, b = (annealing_area(rates, 1e5, part=part)[-1] for rates, part in ((coarse, batch), (fine, batch / finer)))
    assert a == pytest.approx(b, rel=0.02)


def test_a_million_steps_take_milliseconds_and_stay_precise() -> None:
    rates = wsd(1_000_000, warmup=1000)
    memory = 1000.0
    s2 = annealing_area(rates, memory)
    # Σ m telescopes: (1 − λ)·S2 = η_peak − η − λ·m, and m is small beside the fall of the rate.
    decay = math.exp(-1.0 / memory)
    momentum = np.diff(s2, prepend=0.0)
    assert (1 - decay) * s2[-1] == pytest.approx(rates.max() - rates[-1] - decay * momentum[-1], rel=1e-9)
