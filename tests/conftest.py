"""How many random examples the tests try: few and always the same, or `thorough` and new ones.

pytest --hypothesis-profile=thorough
"""

from hypothesis import settings

settings.register_profile("quick", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("quick")
