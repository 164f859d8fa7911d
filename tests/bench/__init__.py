"""How fast, beside what: `python -m tests.bench`. See `__main__.py`."""
