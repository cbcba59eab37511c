"""Threads: priority, shares of the cores, garbage collection, and exchange of results."""

import gc
import os
import sys
import threading

import pytest

from rugtui.runtime.machine import cores
from rugtui.runtime.threads import (
    BESIDE,
    NICER,
    BackgroundWorker,
    Mailbox,
    freeze_loaded,
    frozen_gc,
    granted_threads,
    lower_priority,
    share_beside,
)


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a niceness per thread")
def test_a_lower_priority_applies_to_a_thread_and_those_it_starts_but_no_others():
    before, found = niceness(), []

    def work():
        lower_priority()
        found.append(niceness())
        helper = threading.Thread(target=lambda: found.append(niceness()))
        helper.start()
        helper.join(10)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert found == [min(before + NICER, 19)] * 2
    assert niceness() == before


def test_screen_and_statistics_each_have_a_hundredth_of_the_granted_cores():
    if hasattr(os, "sched_getaffinity"):
        assert 1 <= cores() <= len(os.sched_getaffinity(0))
    assert share_beside() == BESIDE * cores() == cores() / 100


@pytest.mark.parametrize(
    ("said", "wanted"), [("1", 1), ("1,2", 1), ("100000", None), ("", None), ("many", None)]
)
def test_the_environment_may_lower_the_number_of_threads_but_not_raise_it(
    monkeypatch, said, wanted
):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert granted_threads() == (wanted or cores())


def test_imported_objects_are_exempt_from_garbage_collection():
    before = gc.get_freeze_count()
    try:
        with frozen_gc("a module that is not there"):
            assert not gc.isenabled()
            here: list[object] = []
            here.append(here)
        assert gc.isenabled()
        assert gc.get_freeze_count() > before
        assert not any(one is here for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_module_that_is_imported_already_changes_nothing():
    before = gc.get_freeze_count()
    with frozen_gc("sys"):
        assert "sys" in sys.modules
        assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_objects_imported_later_are_exempt_too():
    freeze_loaded()
    assert gc.get_freeze_count() == 0  # because nothing was frozen before
    try:
        gc.freeze()
        here: list[object] = []
        here.append(here)
        freeze_loaded()
        assert not any(one is here for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_a_mailbox_gives_the_newest_item_once():
    box: Mailbox[int] = Mailbox()
    assert box.empty
    assert box.take() is None
    box.put(1)
    box.put(2)
    assert not box.empty
    assert box.take() == 2
    assert box.take() is None


def test_a_reader_sees_items_in_order_and_the_last_one():
    box: Mailbox[int] = Mailbox()
    writer = threading.Thread(target=lambda: [box.put(n) for n in range(1, 20_001)])
    seen = []
    writer.start()
    while writer.is_alive() or not box.empty:
        if (item := box.take()) is not None:
            seen.append(item)
    assert seen == sorted(set(seen))
    assert seen[-1] == 20_000


@pytest.fixture
def worker():
    worker: BackgroundWorker[int] = BackgroundWorker("test")
    yield worker
    worker.close()


def collected(worker):
    """The next result, waited for."""
    worker._jobs[0].exception()
    return worker.collect()


def test_starting_jobs_does_not_block_and_each_result_comes_once_in_order(worker):
    gate = threading.Event()
    worker.start(lambda: gate.wait(10) and 1)
    worker.start(lambda: 2)
    assert worker.busy
    assert worker.collect() is None
    gate.set()
    assert [collected(worker), collected(worker)] == [1, 2]
    assert not worker.busy
    assert worker.collect() is None


def test_collecting_a_result_raises_what_the_job_raised(worker):
    worker.start(lambda: 1 // 0)
    worker.start(lambda: 2)
    with pytest.raises(ZeroDivisionError):
        collected(worker)
    assert collected(worker) == 2


def test_the_thread_has_its_name_and_is_prepared_once():
    prepared, names = [], []
    worker = BackgroundWorker("statistics", prepare=lambda: prepared.append(1))
    for _ in range(2):
        worker.start(lambda: names.append(threading.current_thread().name) or 1)
        collected(worker)
    worker.close()
    assert prepared == [1]
    assert set(names) == {"statistics_0"}
    assert worker.cost >= 0


def test_closing_cancels_queued_jobs_and_does_not_wait():
    gate, begun, done = threading.Event(), threading.Event(), []
    worker = BackgroundWorker("test")
    worker.start(lambda: begun.set() or gate.wait(10))
    worker.start(lambda: done.append(1))
    assert begun.wait(10)
    worker.close()
    gate.set()
    worker._jobs[0].result()
    assert worker._jobs[1].cancelled()
    assert done == []
