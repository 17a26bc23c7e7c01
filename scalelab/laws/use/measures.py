"""Loss in other measures: perplexity, bits a token, bits a byte, and back; numbers, arrays and whole predictions.

All are monotone in the loss, so an interval's ends are the measures of its ends.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scalelab.errors import BadInput
from scalelab.laws.fits import Prediction
from scalelab.laws.runs import Array

BIT = float(np.log(2.0))
"""Nats."""
LARGEST_EXPONENT = 700.0
"""Logs above it are cut: beyond is no float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measure with its interval, low end first in its own sense."""

    name: str
    """"loss", "perplexity", "bits_per_token", "bits_per_byte" or "accuracy"."""
    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def perplexity(loss: npt.ArrayLike) -> Array:
    """exp(loss), of nats a token; any shape."""
    found: Array = np.exp(np.minimum(np.asarray(loss, dtype=float), LARGEST_EXPONENT))
    return found


def loss_of_perplexity(value: npt.ArrayLike) -> Array:
    """Nats a token from a perplexity of 1 or above.

    Raises
    ------
    BadInput
        A perplexity below 1: no model is surer than certain.
    """
    given = np.asarray(value, dtype=float)
    if not (np.isfinite(given).all() and (given >= 1).all()):
        raise BadInput(f"perplexity is {_worst(given, given < 1)}", allowed="1 or above")
    found: Array = np.log(given)
    return found


def bits_per_token(loss: npt.ArrayLike) -> Array:
    """Loss in bits a token, from nats; any shape."""
    found: Array = np.asarray(loss, dtype=float) / BIT
    return found


def loss_of_bits_per_token(bits: npt.ArrayLike) -> Array:
    """Nats a token from bits a token."""
    found: Array = np.asarray(bits, dtype=float) * BIT
    return found


def bits_per_byte(loss: npt.ArrayLike, bytes_per_token: float) -> Array:
    """Loss in bits a byte, from nats a token, by the bytes a token of the held-out text: what tokenizers share.

    Raises
    ------
    BadInput
        Bytes a token that are not above zero.
    """
    found: Array = bits_per_token(loss) / _sensible(bytes_per_token)
    return found


def loss_of_bits_per_byte(bits: npt.ArrayLike, bytes_per_token: float) -> Array:
    """Nats a token from bits a byte; BadInput where bytes a token are not above zero."""
    found: Array = loss_of_bits_per_token(bits) * _sensible(bytes_per_token)
    return found


def measures(found: Prediction, bytes_per_token: float | None = None) -> tuple[Measured, ...]:
    """A prediction as loss, perplexity, bits a token and, where bytes a token are known, bits a byte."""
    ends = np.array([found.loss, found.low, found.high])
    told = {"loss": ends, "perplexity": perplexity(ends), "bits_per_token": bits_per_token(ends)}
    if bytes_per_token is not None:
        told["bits_per_byte"] = bits_per_byte(ends, bytes_per_token)
    return tuple(
        Measured(name=name, value=float(at[0]), low=float(at[1]), high=float(at[2])) for name, at in told.items()
    )


def _sensible(bytes_per_token: float) -> float:
    if not (np.isfinite(bytes_per_token) and bytes_per_token > 0):
        raise BadInput(f"bytes a token are {bytes_per_token}", allowed="a number above 0, such as 4.3")
    return bytes_per_token


def _worst(given: Array, bad: npt.NDArray[np.bool_]) -> float:
    wrong = np.atleast_1d(given)[np.atleast_1d(bad | ~np.isfinite(given))]
    return float(wrong[0])
