"""The options of `predict` as exactly one question, or one line that says how to ask it. It knows no law."""

from __future__ import annotations

from dataclasses import dataclass, field

from scalelab.errors import BadInput
from scalelab.units import parse_count, parse_duration, parse_whole

ASKS = (
    "--params N --tokens D for a run; --compute C, --time T or --money M for the best split, with --params N for what "
    "that N costs; --loss L for what it takes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, its numbers parsed."""

    kind: str
    """"run", "ratio", "budget", "model" or "loss"."""
    n_params: float | None = None
    n_tokens: float | None = None
    start: tuple[float, float, float] | None = None
    """(N, D, loss) of a measured run."""
    budget: dict[str, float] = field(default_factory=dict)
    """One of compute (FLOPs), seconds, money."""
    loss: float | None = None
    rate: float | None = None
    """FLOP/s of one device, as given."""
    utilisation: float = 1.0
    price: float | None = None
    """Of one device, an hour."""
    devices: int = 1
    max_params: float | None = None
    max_tokens: float | None = None


def question(
    *,
    params: str | None,
    tokens: str | None,
    compute: str | None,
    time: str | None,
    money: str | None,
    loss: str | None,
    start: str | None,
    rate: str | None,
    utilisation: float | None,
    price: str | None,
    devices: str | None,
    max_params: str | None,
    max_tokens: str | None,
) -> Question:
    """The one question that these options ask."""
    from scalelab.report.prediction import start_of

    budgets = {name: value for name, value in (("--compute", compute), ("--time", time), ("--money", money)) if value}
    kind = _kind(params, tokens, budgets, loss, start)
    if kind != "budget" and (max_params or max_tokens):
        raise BadInput(
            "--max-params and --max-tokens limit the best split", allowed="with --compute, --time or --money"
        )
    if utilisation is not None and rate is None:
        raise BadInput("--utilisation is a share of --rate", todo="give the device's peak with --rate 989T")
    return Question(
        kind=kind,
        n_params=_number(params, "--params"),
        n_tokens=_number(tokens, "--tokens"),
        start=None if start is None else start_of(start, "--from"),
        budget=_budget(budgets),
        loss=_number(loss, "--loss"),
        rate=_number(rate, "--rate"),
        utilisation=1.0 if utilisation is None else utilisation,
        price=_number(price, "--price"),
        devices=1 if devices is None else parse_whole(devices, "--devices"),
        max_params=_number(max_params, "--max-params"),
        max_tokens=_number(max_tokens, "--max-tokens"),
    )


def _kind(params: str | None, tokens: str | None, budgets: dict[str, str], loss: str | None, start: str | None) -> str:
    if loss is not None:
        others = [name for name, value in (("--params", params), ("--tokens", tokens), ("--from", start)) if value]
        if others or budgets:
            raise BadInput(f"--loss and {[*others, *budgets][0]} were both given", allowed=ASKS)
        return "loss"
    if len(budgets) > 1:
        raise BadInput(f"{' and '.join(budgets)} were both given", allowed="one budget at a time")
    if budgets:
        budget = next(iter(budgets))
        if tokens is not None:
            raise BadInput(f"{budget} and --tokens were both given", allowed=ASKS)
        if start is not None:
            raise BadInput(f"--from needs --params and --tokens, not {budget}", allowed=ASKS)
        return "budget" if params is None else "model"
    if params is None or tokens is None:
        raise BadInput("predict what?", allowed=ASKS)
    return "run" if start is None else "ratio"


def _budget(given: dict[str, str]) -> dict[str, float]:
    """Under the names that `laws` has for them."""
    if "--compute" in given:
        return {"compute": parse_count(given["--compute"], "--compute")}
    if "--time" in given:
        return {"seconds": parse_duration(given["--time"], "--time")}
    return {"money": parse_count(given["--money"], "--money")} if given else {}


def _number(given: str | None, name: str) -> float | None:
    return None if given is None else parse_count(given, name)
