"""Torch in the tests waits as it does in the program, runs are kept out of the user's own, and
nothing that hangs hangs for ever."""

import faulthandler
import os
import signal
import sys

import pytest
from hypothesis import settings

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

# A shared machine stalls now and then: a slow example is no failure. Where CI judges a change, the
# examples are the same for every change; at a desk they are new each time.
settings.register_profile("calm", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("calm")

STUCK = 170.0
"""Seconds that one phase of a test may take, whatever it waits in."""
LEAVING = 60.0
"""Seconds from the last test to the end of the process, which waits for threads."""


def hear_signals() -> None:
    """Have the programs that tests start hear every signal, whoever started the tests.

    A program inherits what its parent ignores or holds back (nohup, a shell's background job); a
    handler it does not, and this process goes on ignoring what it was told to ignore.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


hear_signals()


def watched(config, seconds):
    """Say where each thread is and end the process, should this not be called again in time.

    pytest-timeout raises an exception once: what then waits in a `finally`, or for a lock in C
    code, waits for ever.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=config.stash[STDERR])


STDERR = pytest.StashKey()


def pytest_configure(config):
    config.stash[STDERR] = os.dup(sys.__stderr__.fileno())  # not yet the capture's


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    watched(item.config, STUCK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    watched(item.config, STUCK)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    watched(item.config, STUCK)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    watched(config, LEAVING)


@pytest.fixture(autouse=True)
def private_state(tmp_path_factory, monkeypatch):
    """Where a test's runs are kept and its config file is, unless it says otherwise."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home
