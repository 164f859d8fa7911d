"""The picture in the README: the screens of a real run. `python -m tests.picture` takes it."""
