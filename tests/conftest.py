from hypothesis import settings

# The same examples each time, and no time limit for one: machines are shared.
settings.register_profile("skae", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("skae")
