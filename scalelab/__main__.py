"""`python -m scalelab`: the same door as the `scalelab` command."""

from __future__ import annotations

import sys

from scalelab.cli.main import main

sys.exit(main())
