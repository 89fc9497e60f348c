"""The server's tests need its packages, which only the newest environment has."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("starlette") else ["test_*.py"]
