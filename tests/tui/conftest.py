"""Makes Textual's pilot quicker."""

import pytest
from textual import _wait


@pytest.fixture(autouse=True, scope="session")
def quick_pilot():
    """After each key the pilot waits until the process works less than 1 ms in 20, but at most a
    second. An app that polls for the answer to a key is seldom that idle. Handling a key or drawing
    takes more than 3 ms in 20, polling takes less."""
    before, _wait.SLEEP_IDLE = _wait.SLEEP_IDLE, 0.003
    yield
    _wait.SLEEP_IDLE = before
