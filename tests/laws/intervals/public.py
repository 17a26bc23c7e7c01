"""Public tables as runs, where they are."""

from __future__ import annotations

import csv
from pathlib import Path

from scalelab import laws


def chinchilla_epoch(folder: Path) -> laws.RunTable:
    """The 240 runs that Besiroglu et al. 2024 fitted."""
    with (folder / "chinchilla_epoch.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["outlier"] == "0"]
    n, d, loss = ([float(row[name]) for row in rows] for name in ("n_params", "tokens", "loss"))
    return laws.run_table(n_params=n, n_tokens=d, loss=loss)
