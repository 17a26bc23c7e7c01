"""A question to the law as a form: its fields, what they parse to, and the answer that `report.prediction` gives.

It parses and asks; what is answered, and in which words, stands in `report` and `laws`. It knows no widget.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from scalelab.errors import BadInput
from scalelab.laws.use.budget import Devices
from scalelab.report import numbers, prediction
from scalelab.report.known import Known
from scalelab.report.prediction import Forecast
from scalelab.report.promise import splits, tells, untold
from scalelab.report.source import Subject
from scalelab.tui.views.rows import Field, Heading, Row
from scalelab.units import format_count, format_flop_rate, parse_count, parse_duration, parse_whole

RUN, SPLIT, SIZE, LOSS, RATIO = "a run", "best split", "one size", "a loss", "from a run"
ASKS = {
    RUN: ("n", "d"),
    SPLIT: ("budget", "amount", "rate", "price", "devices", "max_n", "max_d"),
    SIZE: ("n", "compute"),
    LOSS: ("loss",),
    RATIO: ("start", "n", "d"),
}
"""What may be asked, and the fields of each question."""
SAID = {
    RUN: "the loss of a run with this N and D", SPLIT: "the best N and D of a budget",
    SIZE: "what this N costs against the best", LOSS: "the cheapest way to a loss",
    RATIO: "P_B from a measured P_A, by the law's ratio",
}  # fmt: skip
BUDGETS = ("compute", "time", "money")
LABELS = {
    "n": ("N", "parameters: 10M"), "d": ("D", "tokens: 200M"), "compute": ("C", "FLOPs: 1e18"),
    "loss": ("loss", "nats a token"), "start": ("run A", "a finished run, by h and l, or any: N,D,LOSS"),
    "budget": ("budget of", ""), "amount": ("amount", ""), "rate": ("speed", "FLOP/s of one device"),
    "price": ("price", "of one device, an hour"), "devices": ("devices", "how many"),
    "max_n": ("N at most", "what memory holds"), "max_d": ("D at most", "unique tokens there are"),
}  # fmt: skip
_NEEDS = {"time": ("rate",), "money": ("rate", "price")}
"""What a budget says nothing without."""
AMOUNTS = {"compute": "FLOPs: 1e18", "time": "12h, 3d", "money": "500"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the kind, and the texts that were typed."""

    ask: str = RUN
    texts: Mapping[str, str] = field(default_factory=dict)

    def put(self, key: str, text: str) -> Question:
        """With another text; an empty one goes back to what the field begins with."""
        if key == "ask":
            return replace(self, ask=text if text in ASKS else self.ask)
        texts = {name: value for name, value in self.texts.items() if name != key}
        return replace(self, texts={**texts, key: text.strip()} if text.strip() else texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The answer, or what is wrong with the question."""

    forecast: Forecast | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    """Field → why it cannot serve."""


def begins_with(key: str, subject: Subject, known: Known) -> str:
    """What a field holds before anything is typed: the best at ten times the largest run, where that is told."""
    best, runs = subject.assessment.optimum, subject.runs
    n, d = float(runs.n_params.max()) * 4, float(runs.n_tokens.max()) * 4
    told = best is not None and best.interior and tells(best) and splits(best) and not untold(subject.assessment.fit())
    if best is not None and told:
        n, d = best.n_params, best.n_tokens
    compute = 10.0 * float(runs.compute.max())
    return {
        "n": format_count(n), "d": format_count(d), "compute": numbers.flops(compute), "loss": _loss(subject),
        "start": runs.run_id[int(runs.compute.argmax())], "budget": BUDGETS[0], "devices": "1",
        "rate": "" if known.flops_per_second is None else format_count(known.flops_per_second),
    }.get(key, "")  # fmt: skip


def text_of(question: Question, key: str, subject: Subject, known: Known) -> str:
    """What stands in a field."""
    if key == "amount" and "amount" not in question.texts:
        budget = text_of(question, "budget", subject, known)
        return {"compute": begins_with("compute", subject, known), "time": "1h", "money": "10"}[budget]
    return question.texts.get(key) or begins_with(key, subject, known)


def answered(question: Question, subject: Subject, known: Known) -> Answered:
    """Ask the law; what is wrong is told at its field."""
    problems: dict[str, str] = {}

    def number(key: str, parse: Callable[[str, str], float] = parse_count) -> float | None:
        text = text_of(question, key, subject, known)
        if not text:
            return None
        try:
            return parse(text, LABELS[key][0])
        except BadInput as problem:
            problems[key] = problem.line()
            return None

    values = {key: number(key, _parser(question, key, subject, known))
              for key in ASKS[question.ask] if key not in {"start", "budget"}}  # fmt: skip
    needed = ("n", "d", "compute", "loss", "amount", *_NEEDS.get(text_of(question, "budget", subject, known), ()))
    missing = [key for key in needed if key in values and values[key] is None]
    if problems or missing:
        return Answered(problems=problems or {missing[0]: _missing(missing[0])})
    try:
        return Answered(forecast=_ask(question, values, subject, known))
    except BadInput as problem:
        return Answered(problems={_guilty(question, values, problem): problem.line()})


def _missing(key: str) -> str:
    """That a field must be filled; of devices with what."""
    return f"is missing: {LABELS[key][1]}" if key in {"rate", "price"} else "is missing"


def rows_of(question: Question, subject: Subject, known: Known, problems: Mapping[str, str]) -> list[Row]:
    """The fields of the question."""
    rows: list[Row] = [
        Heading(text="What to ask"),
        Field(key="ask", label="ask for", value=question.ask, choices=tuple(ASKS), closed=True,
              beside=SAID[question.ask], problem=problems.get("ask", "")),
    ]  # fmt: skip
    budget = text_of(question, "budget", subject, known)
    for key in ASKS[question.ask]:
        if (key == "price" and budget != "money") or (key in {"rate", "devices"} and budget == "compute"):
            continue
        label, beside = LABELS[key]
        choices = {"budget": BUDGETS, "start": subject.runs.run_id}.get(key, ())
        rows.append(Field(
            key=key, label=label, value=text_of(question, key, subject, known), choices=tuple(choices),
            closed=key == "budget", beside=_beside(key, beside, budget, known),
            problem=problems.get(key, ""), changed=key in question.texts, empty="any" if key.startswith("max") else "?",
        ))  # fmt: skip
    return rows


def _beside(key: str, what: str, budget: str, known: Known) -> str:
    if key == "amount":
        return AMOUNTS[budget]
    if key == "rate" and known.flops_per_second is not None:
        return f"FLOP/s of one device; one slot of the lab: {format_flop_rate(known.flops_per_second)}"
    return what


def _parser(question: Question, key: str, subject: Subject, known: Known) -> Callable[[str, str], float]:
    if key == "amount" and text_of(question, "budget", subject, known) == "time":
        return parse_duration
    return parse_whole if key == "devices" else parse_count


def _ask(question: Question, values: Mapping[str, float | None], subject: Subject, known: Known) -> Forecast:
    seen, n, d = subject.assessment, values.get("n") or 0.0, values.get("d") or 0.0
    devices = _devices(question, values, known)
    if question.ask == LOSS:
        return prediction.for_loss(seen, values["loss"] or 0.0, devices=devices, known=known)
    if question.ask == SIZE:
        return prediction.for_model(seen, n, values["compute"] or 0.0, devices=devices, known=known)
    if question.ask == SPLIT:
        name = {"time": "seconds"}.get(kind := text_of(question, "budget", subject, known), kind)
        return prediction.for_budget(
            seen, {name: values["amount"] or 0.0}, devices, max_params=values["max_n"], max_tokens=values["max_d"],
            known=known,
        )  # fmt: skip
    if question.ask == RATIO:
        start = _start(text_of(question, "start", subject, known), subject)
        return prediction.from_run(seen, n, d, start, devices=devices, known=known)
    return prediction.for_run(seen, n, d, devices=devices, known=known)


def _start(text: str, subject: Subject) -> tuple[float, float, float]:
    """N, D and the loss of run A: one of the finished runs by its name, or one that was measured elsewhere."""
    runs = subject.runs
    if text not in runs.run_id:
        return prediction.start_of(text, "run A")
    place = runs.run_id.index(text)
    return float(runs.n_params[place]), float(runs.n_tokens[place]), float(runs.loss[place])


def _devices(question: Question, values: Mapping[str, float | None], known: Known) -> Devices:
    # The field shows the measured speed in a few digits; untyped it is that speed itself.
    rate = values.get("rate") if "rate" in question.texts else None
    return Devices(
        flops_per_second=rate or known.flops_per_second, price_per_hour=values.get("price"),
        count=int(values.get("devices") or 1),
    )  # fmt: skip


def _guilty(question: Question, values: Mapping[str, float | None], problem: BadInput) -> str:
    """The field that a refusal is about."""
    words = {
        "run A": "start",
        "price": "price",
        "speed": "rate",
        "rate": "rate",
        "max_params": "max_n",
        "max_tokens": "max_d",
    }
    told = next((key for word, key in words.items() if word in problem.what), "")
    if question.ask == SPLIT and problem.what.startswith("compute is"):
        told = _farthest(values)
    return told if told in ASKS[question.ask] else ASKS[question.ask][min(1, len(ASKS[question.ask]) - 1)]


def _farthest(values: Mapping[str, float | None]) -> str:
    """Of what makes compute of a budget the number that is farthest from 1: its doing, where that is no compute."""
    made = {key: values.get(key) for key in ("amount", "price", "rate", "devices")}
    return max(made, key=lambda key: abs(math.log10(made[key] or 1.0)))


def _loss(subject: Subject) -> str:
    best = subject.assessment.optimum
    return f"{best.loss if best is not None else float(subject.runs.loss.min()):.3f}"
