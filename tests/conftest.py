"""Torch in the tests waits as it does in the program."""

from hypothesis import settings

from rugtui.threads import wait_briefly

wait_briefly()

# A shared machine stalls now and then: a slow example is no failure.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
