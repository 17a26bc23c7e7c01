"""Conditions on rows: they mean what Python's own evaluation says, and what is none is refused at its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalelab import laws
from scalelab.errors import BadInput
from scalelab.laws.reading.where.choosing import choose
from scalelab.laws.reading.where.grammar import parse

TABLE = """run,Model Size,tokens,loss,outlier,series,eval/lr,note
a,1M,2e7,4.1,0,hot,0.1,x y
b,2M,4e7,3.9,1,rw-base-long,0.2,
c,3M,9e8,3.5,0,hot,,z
d,4M,8e9,3.1,0,cool end,0.4,"it's"
"""
COLUMNS = ("a", "b", "c")


class Grid:
    """Three columns of numbers, as the evaluation sees them."""

    def __init__(self, **columns: list[float]) -> None:
        self.columns = {name: np.array(column, dtype=float) for name, column in columns.items()}

    def __len__(self) -> int:
        return len(self.columns["a"])

    def numbers(self, column: int | str) -> np.ndarray:
        return self.columns[str(column)]

    def texts(self, column: int | str) -> list[str]:
        return [f"{value:g}" for value in self.columns[str(column)]]


def holds(text: str, grid: Grid) -> list[bool]:
    return parse(text, lambda name: name if name in COLUMNS else None, "a, b, c")(grid).tolist()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("outlier=0", "acd"),
        ("outlier == 0 and tokens >= 9e8", "cd"),
        ("tokens/n_params between 1 and 500", "abc"),
        ("D/N not between 1 and 500", "d"),
        ("20 < D / N <= 300", "c"),
        ("`Model Size` > 1.5M and 'Model Size' < 4M", "bc"),
        ("modelsize in (1M, 4_000_000)", "ad"),
        ("series = 'hot'", "ac"),
        ("series != 'hot'", "bd"),
        ('"cool end" = series', "d"),
        ("series in ('hot', \"cool end\")", "acd"),
        ("series not in ('hot')", "bd"),
        ("not outlier = 1", "acd"),
        ("NOT (outlier = 1 OR loss > 4)", "cd"),
        ("-loss < -3.2 && C > 2e14", "bc"),
        ("flops/6/n_params = tokens", "abcd"),
        ("`eval/lr` > 0.15", "bd"),
        ("(loss + 1) * 2 > 9.5", "ab"),
        ("series=rw-base-long", "b"),
        ("series=cool end", "d"),
        ("note=", "b"),
        ("note = 'x y'", "a"),
        ('note = "it\'s"', "d"),
        (["outlier=0", "loss<4"], "cd"),
        ({"outlier": "0", "series": "hot"}, "ac"),
    ],
)
def test_what_a_condition_chooses(table: Path, where: object, names: str) -> None:
    runs = laws.read_runs(table, where=where)
    assert "".join(runs.run_id) == names
    assert runs.n_excluded == 0
    assert (f"{4 - len(names)} rows not chosen" in runs.notes) == (len(names) < 4)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("lss > 3", "column 1: no column 'lss'"),
        ("loss > 3 and tokns > 1", "column 14: no column 'tokns'"),
        ("loss >", "column 7: it ends too early"),
        ("loss > 3)", "column 9: ')' is not expected"),
        ("(loss > 3", "column 10: ')' is missing"),
        ("loss", "a column is no condition"),
        ("3", "a number is no condition"),
        ("loss > 3 > (4 < 5)", "a condition is used as a number"),
        ("series > 'hot'", "column 8: a text has no '>'"),
        ("'a' = 'b'", "a text is compared with a text"),
        ("3 = 'b'", "a number is compared with a text"),
        ("loss between 3", "column 15: 'and' is missing"),
        ("loss in 3", "'(' is missing"),
        ("loss > 3 $ 4", "column 10: '$ 4' is not understood"),
        ("loss > 1e999", "'1e999' is no number"),
        ("__import__('os').system('x')", "column 17: \".system('x')\" is not understood"),
        ("loss > 3; drop", "not understood"),
        ("loss = los", "no column 'los'"),
        ("not " * 100 + "loss > 3", "inside each other"),
        ("(" * 100, "inside each other"),
        ("loss > " + "-" * 100 + "1", "inside each other"),
        ("loss > 3 or " * 500 + "loss > 2", "characters"),
        ("outlier=7", "every row was filtered away"),
        ("loss > '3", "not understood"),
    ],
)
def test_what_is_no_condition_is_refused_at_its_place(table: Path, where: str, words: str) -> None:
    with pytest.raises(BadInput) as told:
        laws.read_runs(table, where=where)
    assert words in told.value.line()
    assert told.value.line().isprintable()


def test_other_quantities_go_by_their_own_names_too(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("Run Name,n,d,loss,final lr share,trunk\na,1e6,2e7,4,0.1,t\nb,2e6,2e7,3.9,1,t\nc,3e6,2e7,3.8,,u\n")
    for where, names in (("lr_share < 0.5", "a"), ("not lr_share >= 0.5", "ac"), ("run_id != 'b'", "ac"),
                         ("cluster = 't'", "ab"), ("name = 'b'", "b")):  # fmt: skip
        assert "".join(laws.read_runs(path, where=where).run_id) == names
    with pytest.raises(BadInput, match="no column 'unique_tokens'"):
        laws.read_runs(path, where="tokens > unique_tokens")


def test_an_error_lists_the_columns(table: Path) -> None:
    with pytest.raises(BadInput, match="'Model Size', 'tokens', 'loss'"):
        laws.read_runs(table, where="x = 1")


def test_a_row_whose_loss_cannot_be_read_is_refused_not_unchosen(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text("run,n_params,tokens,loss,extra\na,1e6,2e7,n/a,1\nb,1e6,2e7,4,1\nc,1e6,3e7,4,\nd,1,2,n/a,7\n")
    runs = laws.read_runs(path, where="loss < 5 and extra < 5")
    assert runs.run_id == ("b",)
    assert [(item.line, item.run) for item in runs.excluded] == [(2, "a"), (5, "d")]
    assert "1 rows not chosen" in runs.notes


def test_missing_values_compare_false(tmp_path: Path) -> None:
    grid = Grid(a=[1.0, np.nan], b=[np.nan, np.nan], c=[0.0, 2.0])
    for sign in ("=", "!=", "<", "<=", ">", ">="):
        assert holds(f"b {sign} 1", grid) == [False, False]
        assert holds(f"a {sign} b", grid) == [False, False]
    assert holds("a between 0 and 2", grid) == [True, False]
    assert holds("a in (1, 2)", grid) == [True, False]
    assert holds("not b > 1", grid) == [True, True]
    assert holds("a / c > 1e300", grid) == [True, False]


def numbers_of(depth: int) -> st.SearchStrategy[str]:
    leaf = st.sampled_from([*COLUMNS, "1", "2.5", "0", "3e2", ".5"])
    if depth == 0:
        return leaf
    inner = numbers_of(depth - 1)
    two = st.tuples(inner, st.sampled_from([" + ", "-", " * "]), inner).map("".join)
    return st.one_of(leaf, two, two.map("({})".format), inner.map("-{}".format), inner.map("({}) / 4".format))


def conditions(depth: int) -> st.SearchStrategy[tuple[str, str]]:
    """(expression, the same for Python)."""
    sums, signs = numbers_of(2), st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    plain = st.tuples(sums, signs, sums).map(lambda t: (f"{t[0]} {t[1]} {t[2]}",) * 2)
    chain = st.tuples(sums, signs, sums, signs, sums).map(lambda t: (" ".join(t),) * 2)
    between = st.tuples(sums, sums, sums).map(
        lambda t: (f"{t[0]} between {t[1]} and {t[2]}", f"{t[1]} <= ({t[0]}) <= {t[2]}")
    )
    one_of = st.tuples(sums, sums, sums).map(lambda t: (f"{t[0]} in ({t[1]}, {t[2]})", f"({t[0]}) in ({t[1]}, {t[2]})"))
    leaf = st.one_of(plain, chain, between, one_of)
    if depth == 0:
        return leaf
    inner = conditions(depth - 1)
    joined = st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(
        lambda t: (t[0][0] + t[1] + t[2][0], t[0][1] + t[1] + t[2][1])
    )
    return st.one_of(
        leaf,
        joined,
        joined.map(lambda t: (f"({t[0]})", f"({t[1]})")),
        inner.map(lambda t: (f"not {t[0]}", f"not {t[1]}")),
    )


VALUES = st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.5, 3.0, 300.0, 1e9, -0.25]), min_size=5, max_size=5)


@settings(max_examples=400, deadline=None)
@given(pair=conditions(3), a=VALUES, b=VALUES, c=VALUES)
def test_conditions_mean_what_python_says(
    pair: tuple[str, str], a: list[float], b: list[float], c: list[float]
) -> None:
    ours, theirs = pair
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in zip(a, b, c, strict=True)]
    assert holds(ours, Grid(a=a, b=b, c=c)) == [bool(eval(theirs, {}, row)) for row in rows]


WORDS = st.sampled_from(
    ["a", "b", "zz", "1", "2.5k", "1e9", "1e999", "'t'", '"a"', "`a`", "and", "or", "not", "in", "between", "(", ")",
     ",", "+", "-", "*", "/", "=", "==", "!=", "<", ">", "≤", "&&", "||", "#", "'", "`", "\\", "\x1b", "é", "  ", ".",
     "_", "1."]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(
    text=st.one_of(
        st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS, max_size=14).map("".join), st.text(max_size=40)
    )
)
def test_garbage_is_refused_or_a_condition(text: str) -> None:
    try:
        found = holds(text, Grid(a=[1.0, 2.0], b=[0.0, np.nan], c=[1.0, 1.0]))
    except BadInput as told:
        assert told.line().isprintable()
    else:
        assert len(found) == 2


def test_a_table_in_memory_is_chosen_from_alike() -> None:
    runs = laws.run_table(
        n_params=[1e6, 2e6, 3e6],
        n_tokens=[2e7, 4e7, 9e9],
        loss=[4.0, 3.9, 3.0],
        run_id=["a", "b", "c"],
        cluster=["t", "t", "u"],
        counts={"n_total": [2e6, 3e6, 4e6]},
    )
    assert choose(runs, "tokens/n_params between 1 and 500").run_id == ("a", "b")
    assert choose(runs, ["n_total > 2.5M", "cluster = t"]).run_id == ("b",)
    assert choose(runs, "run_id = 'c'").notes == ("2 runs not chosen",)
    assert choose(runs, None) is runs
    with pytest.raises(BadInput, match="none of the 3 runs"):
        choose(runs, "loss > 5")
