"""The names that people give to N, D, loss, C and their companions, and the units that names betray. Knows no table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

ALIASES: Mapping[str, tuple[str, ...]] = {
    "n_params": (
        "nparams", "n", "params", "parameters", "modelsize", "numparams", "nparameters", "numparameters",
        "modelparams", "modelparameters", "paramcount", "parametercount", "parametersize", "size",
    ),
    "n_tokens": (
        "ntokens", "tokens", "d", "trainingtokens", "traintokens", "numtokens", "tokensseen", "tokencount",
        "datasetsize", "datasize", "trainingdata", "totaltokens", "numinputtokensseen", "traintokensseen",
        "consumedtokens", "tokensconsumed", "traintotaltokens", "trainnuminputtokensseen", "throughputtotaltokens",
    ),
    "loss": (
        "loss", "l", "valloss", "validationloss", "evalloss", "finalloss", "testloss", "heldoutloss", "lossnats",
        "crossentropy", "nll", "finalvalloss", "evaluationloss", "finalevalloss", "evalcrossentropy",
        "evalcrossentropyloss", "valcrossentropy", "lossval", "losseval", "lossvalidation", "lmlossvalidation",
        "lmlossvalidationlmlossvalidation", "valnll", "validationepochloss", "epochlossvalidation",
    ),
    "flops": (
        "flops", "flop", "c", "compute", "trainingflop", "trainingflops", "trainflops", "totalflops", "trainingcompute",
    ),
    "run_id": ("runid", "run", "id", "name", "runname", "model", "modelname"),
    "cluster": ("cluster", "trunk", "parent"),
    "weight": ("weight",),
    "unique_tokens": ("uniquetokens", "ntokensunique", "nuniquetokens"),
    "lr_share": ("lrshare", "finallrshare", "lrfraction"),
    "seed": ("seed", "randomseed", "initseed", "modelseed"),
    "state": ("state", "status", "runstate"),
    "steps": ("steps", "step", "nsteps", "numsteps", "trainsteps", "trainingsteps", "globalstep", "iterations"),
    "step_tokens": ("tokensperstep", "batchsizetokens", "batchtokens", "tokensperbatch", "tokensinbatch"),
    "epochs": ("epochs", "nepochs", "numepochs", "epoch", "trainepochs"),
}  # fmt: skip
"""In order of preference, as `plain` leaves them; where no n_params stands, one of `COUNTS` does."""
PRODUCTS = (("steps", "step_tokens"), ("unique_tokens", "epochs"))
"""What D is the product of where it has no column."""
COUNTS: Mapping[str, tuple[str, ...]] = {
    "n_params": ("nparams", "n", "params", "parameters", "modelsize", "numparams", "nparameters", "numparameters"),
    "n_blocks": (
        "nblocks", "paramsnoembed", "nonembeddingparams", "nonembeddingparameters", "nonembedparams", "nnonembed",
        "nnonembedding", "nparamsnonembedding", "nparamsnoembed", "paramsnonembed", "paramsnonembedding",
        "nnoembed", "nnoembedding", "blockparams", "nnonemb", "paramsnonemb", "nonembparams",
    ),
    "n_total": (
        "ntotal", "totalparams", "totalparameters", "nparamstotal", "paramstotal", "numtotalparams", "nwithembedding",
        "paramswithembed", "paramswithembedding", "allparams",
    ),
    "n_active": ("nactive", "activeparams", "paramsactive", "nparamsactive", "activeparameters", "paramsactiveprecise"),
}  # fmt: skip
"""The ways to count N, and what their columns are called."""
SHORT: Mapping[str, str] = {
    "n": "n_params", "params": "n_params", "parameters": "n_params", "d": "n_tokens", "tokens": "n_tokens",
    "l": "loss", "c": "flops", "flop": "flops", "compute": "flops", "name": "run_id", "run": "run_id",
    "trunk": "cluster",
}  # fmt: skip
"""What a user may call a quantity."""
LEADS = frozenset(
    (
        "config",
        "summary",
        "model",
        "args",
        "hparams",
        "hyperparameters",
        "metrics",
        "results",
        "params",
        "final",
        "data",
    )
)
"""Parts before a dot or slash that say where a number stands, not what it is: config.n_params, metrics/eval_loss."""

NATS_PER_BIT = math.log(2.0)
CONVERTED: Mapping[str, str] = {
    "perplexity": "ln", "ppl": "ln", "valperplexity": "ln", "valppl": "ln", "evalperplexity": "ln", "evalppl": "ln",
    "validationperplexity": "ln", "testppl": "ln", "testperplexity": "ln",
    "bits": "bits", "bitspertoken": "bits", "lossbits": "bits", "lossinbits": "bits",
}  # fmt: skip
"""Columns that are a loss in another unit, and how they become nats a token."""
REFUSED: Mapping[str, str] = dict.fromkeys(
    ("bpb", "bitsperbyte", "bpc", "bitspercharacter", "bitsperchar", "valbpb", "evalbpb", "lossbpb"),
    "bits a byte or character need the bytes a token to become nats a token",
)
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "g": 1e9, "billion": 1e9, "t": 1e12,
           "trillion": 1e12}  # fmt: skip
_SCALE = re.compile(r"(?:[(\[]\s*(?:in\s+)?([kmbgt]|thousand|million|billion|trillion)s?\s*[)\]]"
                    r"|[\s_]+(?:in[\s_]+)?(thousand|million|billion|trillion)s?)\s*$", re.IGNORECASE)  # fmt: skip


def plain(name: str) -> str:
    """A heading without case, blanks and signs: "Model Size" → "modelsize"."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def spellings(heading: str) -> Iterator[str]:
    """What a heading may be looked up as: itself; without its scale; without the parts that say where it stands."""
    bare = _SCALE.sub("", heading)
    yield plain(bare)
    parts = re.split(r"[./]", bare)
    while len(parts) > 1 and plain(parts[0]) in LEADS:
        parts = parts[1:]
        yield plain("".join(parts))


def scale_of(heading: str) -> float:
    """1e6 for "Params (M)" or "tokens in millions"; 1 where the heading names no scale."""
    match = _SCALE.search(heading)
    return _SCALES[(match[1] or match[2]).lower()] if match else 1.0


def quantity_of(name: str) -> str:
    """The quantity that a user means by a name: N → n_params; a name that is none comes back as it is."""
    key = name.strip()
    return key if key in ALIASES else SHORT.get(plain(key), key)
