"""`python -m tf1hub`: the same as the `tf1hub` command."""

from __future__ import annotations

import sys

from tf1hub.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
