"""Threads of torch spin as in the program, runs are kept out of the user's own folder, and a test
that hangs is ended."""

import faulthandler
import os
import signal
import sys

import pytest
from hypothesis import settings

from rugtui.runtime.threads import configure_spin_wait

configure_spin_wait()

# On a shared machine a slow example is no failure. In CI every change is judged by the same
# examples; elsewhere they are new each time.
settings.register_profile("calm", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("calm")

STUCK = 170.0
"""Seconds that one phase of a test may take."""
LEAVING = 60.0
"""Seconds from the last test to the end of the process, which waits for threads."""


def hear_signals() -> None:
    """Let the programs that tests start receive every signal, even if the tests run in the
    background.

    A program inherits ignored and blocked signals (from nohup or a shell's job control), but not
    handlers.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


hear_signals()


def watched(config, seconds):
    """Print where each thread is and end the process unless this is called again in time.

    pytest-timeout raises an exception only once, which does not end a wait in a `finally` or in C.
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
    """The folder for runs and the config file of each test."""
    home = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home


@pytest.fixture
def sweeps_in_this_process(monkeypatch):
    """Computes sweeps without processes of their own, which take seconds to start."""
    from tests.sweeps import in_process

    monkeypatch.setattr("rugtui.sweeps.processes.outcomes", in_process.outcomes)
