"""What all tests share."""

from hypothesis import settings

# The same examples every time, and no deadline: a loaded machine is no failure.
settings.register_profile("iroko", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("iroko")
