"""A forecast as a person reads it: what was asked, the loss in every measure, what it costs, what to beware of."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from scalelab.gate import clean
from scalelab.report import numbers
from scalelab.report.columns import columns
from scalelab.report.prediction import warnings
from scalelab.report.promise import UNTOLD, ends, loss_words, predictions, splits, tells
from scalelab.tasks import NAMES as SCORES
from scalelab.units import format_count, format_duration, format_flop_rate

if TYPE_CHECKING:
    from scalelab.laws import Measured, OptimumInterval, Prediction
    from scalelab.report.prediction import Forecast
    from scalelab.report.source import Subject

NAMES = {
    "loss": "loss", "perplexity": "perplexity", "bits_per_byte": "bits a byte", "accuracy": "accuracy", **SCORES,
}  # fmt: skip
"""Measures that are printed; bits a token stand in the document alone."""
WIDEST = 1e4
"""An interval of N whose ends are further apart tells nothing."""


def lines(forecast: Forecast, subject: Subject) -> list[str]:
    """The whole answer."""
    level = f"{100 * subject.assessment.fit(forecast.law).level:g} %"
    said = [*_asked(forecast), "", *_measures(forecast, level)]
    if tells(forecast.prediction):
        parts = [f"{name} {numbers.percent(size)}" for name, size in _parts(forecast.prediction) if size > 0]
        said.append(f"            one standard error: {', '.join(parts)}")
    # Before all that a small terminal shows only after a scroll: an answer is read with what to beware of or misread.
    said += [f"warning: {warning}" for warning in warnings(forecast, subject)]
    said += _around(forecast, level)
    if len(forecast.alternatives) > 1:
        said += ["", "law by law, each with the interval of its own parameters"]
        splits = dict(forecast.splits)
        said += columns(
            [
                [
                    name,
                    *_alone(each),
                    *([_split(splits[name])] if name in splits else []),
                ]
                for name, each in forecast.alternatives
            ],
            indent=2,
            left={0, 2, 3},
        )
    return said + _whence(forecast, subject)


def _whence(forecast: Forecast, subject: Subject) -> list[str]:
    """Who predicts and on what that was checked; of one law asked for by name, that its interval leaves much out."""
    said = predictions(subject.assessment)
    if forecast.prediction.held_back == 0 and forecast.prediction.forms == 0:
        said = f"Prediction: {forecast.by} alone, and its interval is that of its parameters alone"
    return ["", *textwrap.wrap(said, 96, subsequent_indent="  ")] if said else []


def _asked(forecast: Forecast) -> list[str]:
    """N, D, C and their cost; where they come from the question, that too."""
    found = forecast.prediction
    ratio = numbers.ratio(found.n_tokens / found.n_params)
    best = forecast.optimum
    n_ends, d_ends = ("", "") if best is None else (ends(best.n_low, best.n_high), ends(best.d_low, best.d_high))
    point = (
        f"N = {format_count(found.n_params)}{n_ends}   D = {format_count(found.n_tokens)}{d_ends}   "
        f"({ratio} tokens a parameter)   C = {numbers.flops(forecast.flops)} FLOPs"
    )
    if forecast.optimal and not _tells_split(forecast):
        return [f"{_role(forecast)}not told by these runs"]
    said = [_role(forecast) + point, *_cost(forecast)]
    if forecast.start:
        n_a, d_a, loss_a = forecast.start
        said.append(
            f"from a run with N = {format_count(n_a)}, D = {format_count(d_a)}, loss {loss_a:.4g}, by the "
            f"ratio of {forecast.law}:"
        )
    return said


def _tells_split(forecast: Forecast) -> bool:
    """Whether the runs say how compute is best split between N and D."""
    return tells(forecast.prediction) and (forecast.optimum is None or splits(forecast.optimum))


def _role(forecast: Forecast) -> str:
    if forecast.needed is not None:
        return f"cheapest way to a loss of {forecast.needed.loss:.4g}: "
    if forecast.allocation is None:
        return ""
    limits = {"max_params": "best within that memory: ", "max_tokens": "best with those tokens: "}
    without = "no best split; an edge of the search: "
    return limits.get(forecast.allocation.limited_by, "best split: " if forecast.interior else without)


def _cost(forecast: Forecast) -> list[str]:
    """Time and money, where the devices are known well enough."""
    devices = forecast.devices
    if devices is None or forecast.seconds is None or devices.flops_per_second is None:
        return []
    rate = devices.flops_per_second * devices.utilisation
    measured = rate == forecast.known.flops_per_second
    unit = "slot" if measured else "device"  # of what was measured: several runs may share the lab's device
    where = f"one {unit}" if devices.count == 1 else f"{devices.count} {unit}s"
    words = f"takes {format_duration(forecast.seconds)} on {where} at {format_flop_rate(rate)}"
    words += " as measured in the lab" * measured
    return [words + ("" if forecast.money is None else f", costs {money(forecast.money)}")]


def money(value: float) -> str:
    """An amount in whatever currency the price was in: 41.67, 1234, 1.2M."""
    return f"{value:.2f}" if value < 1000 else f"{value:.0f}" if value < 1e5 else format_count(value)


def _measures(forecast: Forecast, level: str) -> list[str]:
    """A line for each measure; the first says by what."""
    if not tells(forecast.prediction):
        return [f"{NAMES['loss']:<12}{UNTOLD}"]
    told = [each for each in forecast.measures() if each.name in NAMES]
    per = forecast.known.target_words
    notes = {"loss": f" nats a {per}, {level}, by {forecast.by}", "accuracy": f" of {_ranked(per)} ranked first"}
    notes |= {
        each.name: f" by the link of {each.link.n_points} runs"
        for each in forecast.known.scores
        if each.link is not None
    }
    said = [f"{NAMES[each.name]:<12}{_interval(each)}{notes.get(each.name, '')}" for each in told]
    refused = [each for each in forecast.known.scores if each.name not in {one.name for one in told}]
    return said + [f"{each.title:<12}not told: {clean(each.refusal(forecast.prediction), 200)}" for each in refused]


def _ranked(per: str) -> str:
    return "next tokens" if per == "token" else f"{per}s"


def _interval(each: Measured) -> str:
    """A measure as it is printed; what is a share, in per cent, as in tables of scores."""
    if each.name in {"accuracy", *SCORES}:
        return f"{numbers.interval(100 * each.value, 100 * each.low, 100 * each.high)} %"
    return numbers.interval(each.value, each.low, each.high)


def _around(forecast: Forecast, level: str) -> list[str]:
    """How flat the optimum is and what more would buy; what an N costs; between which computes a loss lies."""
    if not tells(forecast.prediction):
        return []
    if forecast.off is not None:
        off = forecast.off
        worth = f"its loss is worth {numbers.percent(off.worth)} of this compute at the best N"
        return ["", off.sentence(), worth] if off.worth < 0.995 else ["", off.sentence()]
    if forecast.needed is not None:
        high = forecast.needed.flops_high
        upper = "no end in sight" if high is None else numbers.flops(high)
        return ["", f"compute it may take, {level}: {numbers.flops(forecast.needed.flops_low)} to {upper}"]
    if forecast.allocation is None:
        return []
    told = forecast.allocation
    # Far computes are warned of above, in the same words for every question.
    said = [
        line
        for sentence in told.sentences()
        if "is a guess" not in sentence
        for line in textwrap.wrap(sentence, 96, initial_indent="  - ", subsequent_indent="    ")
    ]
    rows = [
        [f"{each.factor:g} ×", f"N = {format_count(each.n_params)}", f"D = {format_count(each.n_tokens)}", "loss",
         loss_words(each),
         *([] if each.seconds is None else [format_duration(each.seconds)]),
         *([] if each.money is None else [money(each.money)])]
        for each in told.more
    ]  # fmt: skip
    more = (
        ["", "more of it", *columns(rows, indent=2, left={1, 2, 3, 4})]
        if forecast.interior and _tells_split(forecast)
        else []
    )
    return ["", *said, *more]


def _split(found: OptimumInterval | None) -> str:
    """The best N of one law alone."""
    if found is None:
        return "no best N"
    n = found.n_params
    if n.high > WIDEST * n.low:
        return "best N not told by these runs"
    return f"best N {format_count(n.value, 2)} [{format_count(n.low, 2)}, {format_count(n.high, 2)}]"


def _alone(found: Prediction) -> tuple[str, str]:
    """The loss by one law and its interval; without numbers where they say nothing."""
    return (f"{found.loss:.4f}", f"[{found.low:.4f}, {found.high:.4f}]") if tells(found) else ("", "not told")


def _parts(found: Prediction) -> tuple[tuple[str, float], ...]:
    return (("parameters", found.parameters), ("choice of law", found.forms), ("held-back runs", found.held_back))
