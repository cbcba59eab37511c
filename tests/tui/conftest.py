"""Makes Textual's pilot quicker."""

import pytest
from textual import _wait


@pytest.fixture(autouse=True, scope="session")
def quick_pilot():
    """After each key the pilot waits, in windows of 20 ms, until the process takes less than 5 % of
    a core in one, which an app that polls for the answer to a key seldom does. As long as keys are
    being handled it takes the whole core: half of one in 10 ms tells as much."""
    before = _wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE
    _wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE = 0.01, 0.005
    yield
    _wait.SLEEP_GRANULARITY, _wait.SLEEP_IDLE = before
