"""`python -m tests.soak.driver LAB`: trains a lab to its end, with many checkpoints; ends as the verb does."""

from __future__ import annotations

import sys

from scalelab.errors import ScalelabError
from scalelab.lab import control
from tests.lab.mini import CHECKPOINT_SECONDS


def main(folder: str) -> int:
    try:
        summary = control.start(None, folder, checkpoint_seconds=CHECKPOINT_SECONDS)
    except ScalelabError as error:
        print(error.line(), file=sys.stderr)
        return int(error.exit_code)
    except OSError as error:
        # What the command line makes of it: one line, exit code 1.
        print(f"{error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 130 if summary.interrupted else int(bool(summary.failed or summary.left))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
