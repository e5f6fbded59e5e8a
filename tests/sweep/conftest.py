"""Property tests with the same examples on every run, and without a deadline."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
