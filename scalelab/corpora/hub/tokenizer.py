"""A tokenizer.json from the hub or its cache. Runs in the streaming process."""

from __future__ import annotations

from pathlib import Path

from scalelab.errors import BadInput, ScalelabError
from scalelab.gate import clean

_FILE = "tokenizer.json"


def fetch(repo: str) -> bytes:
    """The file of a repository; from the cache where HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants, errors, hf_hub_download

    try:
        return Path(hf_hub_download(repo, _FILE, endpoint=constants.ENDPOINT)).read_bytes()
    except errors.GatedRepoError as error:
        raise BadInput(
            f"tokenizer {repo!r} is gated", todo=f"accept its terms at huggingface.co/{repo}, then `hf auth login`"
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise BadInput(
            f"there is no tokenizer {repo!r} on the hub", allowed="bpe, bytes, gpt2, OWNER/NAME, PATH"
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise ScalelabError(
            f"tokenizer {repo!r} is not in the cache and the hub was not reached", todo="give a folder that holds one"
        ) from error
    except errors.EntryNotFoundError as error:
        raise BadInput(f"{repo!r} has no {_FILE}", todo="name a repository with a fast tokenizer") from error
    except Exception as error:
        raise ScalelabError(
            f"tokenizer {repo!r} could not be fetched: {type(error).__name__}: {clean(str(error), 120)}",
            todo="repeat the command, or give a folder that holds one",
        ) from error
