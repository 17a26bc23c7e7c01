"""The process of one tab: the app, behind a pipe to the server instead of a terminal.

`python -m scalelab.serve.tab_app LAB THEME GLYPHS`, an empty word where nothing was chosen. No shell is between, so a
lab may be called anything.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from scalelab.errors import ScalelabError


def main(arguments: Sequence[str]) -> int:
    """Show the app until the tab is closed or it is left; the exit code."""
    lab, theme, glyphs = arguments
    from scalelab.tui import settings
    from scalelab.tui.app import LabApp, Opening

    try:
        chosen = settings.load(theme or None, glyphs or None)
    except ScalelabError as error:
        print(error.line(), file=sys.stderr)
        return int(error.exit_code)
    app = LabApp(Opening(lab=Path(lab) if lab else None), chosen)
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
