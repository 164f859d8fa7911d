"""Settings of the whole suite."""

import hypothesis

# How long an example takes says more of the machine, and of what else runs on it, than of the code.
hypothesis.settings.register_profile("harvester", deadline=None)
hypothesis.settings.load_profile("harvester")
