"""Text → tokens on disk. The only room that knows `tokenizers`, tiktoken and `datasets`.

`prepare` makes or finds a token set, `check` and `epochs` say whether it is enough, `load_tokenizer` reads text
back from tokens. It must not know models, labs or screens.
"""

from __future__ import annotations

from scalelab.corpora.checks import check, epochs
from scalelab.corpora.pairs import prepare_pairs, read_held_out
from scalelab.corpora.preparing import prepare
from scalelab.corpora.sources import available
from scalelab.corpora.streams import Need
from scalelab.corpora.tokenizers import Tokenizer, load_tokenizer

__all__ = [
    "Need",
    "Tokenizer",
    "available",
    "check",
    "epochs",
    "load_tokenizer",
    "prepare",
    "prepare_pairs",
    "read_held_out",
]
