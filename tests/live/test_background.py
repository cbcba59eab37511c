"""Threads that hand each other jobs, results and news: nobody waits."""

import threading

import pytest

from rugtui.live.background import BackgroundWorker, Mailbox


def test_the_newest_item_is_read_once():
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


def test_whoever_gives_jobs_does_not_wait_and_has_each_result_once_in_order(worker):
    gate = threading.Event()
    worker.start(lambda: gate.wait(10) and 1)
    worker.start(lambda: 2)
    assert worker.busy
    assert worker.collect() is None
    gate.set()
    assert [collected(worker), collected(worker)] == [1, 2]
    assert not worker.busy
    assert worker.collect() is None


def test_what_a_job_raises_is_raised_where_its_result_is_collected(worker):
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


def test_closing_gives_up_what_has_not_begun_and_does_not_wait():
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
