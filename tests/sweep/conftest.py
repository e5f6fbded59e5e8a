"""Property tests here give the same examples on every run, and take the time they take."""

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
