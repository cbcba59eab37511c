"""Torch in the tests waits as it does in the program, and runs are kept out of the user's own."""

import pytest
from hypothesis import settings

from rugtui.threads import wait_briefly

wait_briefly()

# A shared machine stalls now and then: a slow example is no failure.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")


@pytest.fixture(autouse=True)
def private_state(tmp_path_factory, monkeypatch):
    """Where a test's runs are kept, unless it says otherwise."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home
