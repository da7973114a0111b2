"""The pytest plugin: pictures against stored ones, counters against budgets, times against a baseline, leaks against nothing.

Opt in with ``pytest -p metarender.testing``, or with ``pytest_plugins = ["metarender.testing"]`` in the topmost ``conftest.py``.
``docs/testing.md`` is its manual. This module imports no pytest, so that ``metarender report`` works without it.
"""

pytest_plugins = ("metarender.testing.plugin",)
