"""The mailbox between worker and screen."""

import threading

from rugtui.live.mailbox import Mailbox


def test_the_newest_letter_is_read_once():
    box: Mailbox[int] = Mailbox()
    assert box.empty
    assert box.take() is None
    box.put(1)
    box.put(2)
    assert not box.empty
    assert box.take() == 2
    assert box.take() is None


def test_a_reader_sees_letters_in_order_and_the_last_one():
    box: Mailbox[int] = Mailbox()
    writer = threading.Thread(target=lambda: [box.put(n) for n in range(1, 20_001)])
    seen = []
    writer.start()
    while writer.is_alive() or not box.empty:
        if (letter := box.take()) is not None:
            seen.append(letter)
    assert seen == sorted(set(seen))
    assert seen[-1] == 20_000
