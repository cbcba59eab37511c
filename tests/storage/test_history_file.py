"""history.jsonl, appended to, cut off or damaged: only rows that were written come back."""

import os

import numpy as np
import pytest

from rugtui.storage import files
from rugtui.storage.history_file import LINES_MOST, NAME, HistoryFile, StoredHistory, read_past
from tests.storage.some import COLUMNS, damage, some_past


def shortened(past, rows, marks=0):
    return StoredHistory(past.columns, past.table[:, :rows], past.marks[:marks], past.thinned)


def rows_of(past):
    return {tuple(row) for row in np.nan_to_num(past.table, nan=-99).T.tolist()}


def test_rows_come_back_with_all_their_bits(tmp_path):
    past, journal = some_past(50), HistoryFile(tmp_path)
    for rows, marks in ((0, 0), (3, 0), (3, 1), (50, 1)):
        journal.bring_up_to(shortened(past, rows, marks))
    read, said = read_past(tmp_path, COLUMNS)
    np.testing.assert_array_equal(read.table, past.table)
    assert read.marks == past.marks
    assert said == []


def test_infinite_losses_survive(tmp_path):
    past = some_past(3)
    past.table[1] = np.inf, -np.inf, np.nan
    HistoryFile(tmp_path).bring_up_to(past)
    np.testing.assert_array_equal(read_past(tmp_path, COLUMNS)[0].table, past.table)


def test_a_run_without_a_history_has_an_empty_one(tmp_path):
    read, said = read_past(tmp_path, COLUMNS)
    assert read.table.shape == (3, 0)
    assert said == []


def test_an_incomplete_last_line_is_ignored_silently(tmp_path):
    past = some_past(5, marks=())
    HistoryFile(tmp_path).bring_up_to(past)
    path = tmp_path / NAME
    content = path.read_bytes()
    last = content.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(content)):
        path.write_bytes(content[:end])
        read, said = read_past(tmp_path, COLUMNS)
        np.testing.assert_array_equal(read.table, past.table[:, :4])
        assert said == []


def test_damage_never_changes_a_number(tmp_path):
    past = some_past(30)
    HistoryFile(tmp_path).bring_up_to(past)
    path, rng, silent = tmp_path / NAME, np.random.default_rng(2), 0
    content, written = path.read_bytes(), rows_of(past)
    for _ in range(1000):
        path.write_bytes(damage(content, rng))
        read, said = read_past(tmp_path, COLUMNS)
        assert rows_of(read) <= written
        assert set(read.marks) <= set(past.marks)
        if said:
            assert NAME in said[0]
            assert read.table.shape[1] >= 27
        else:
            silent += 1
    assert silent < 300  # cut off (one in five), or the last line hit


def test_an_append_that_was_cut_short_is_overwritten(tmp_path, monkeypatch):
    past, journal = some_past(6, marks=()), HistoryFile(tmp_path)
    journal.bring_up_to(shortened(past, 2))
    write = os.write

    def full(handle, content):
        if len(content) < 60:
            raise OSError(28, "No space left on device")
        return write(handle, content[:40])

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.bring_up_to(shortened(past, 3))
    assert read_past(tmp_path, COLUMNS)[0].table.shape[1] == 2
    journal.bring_up_to(past)
    np.testing.assert_array_equal(read_past(tmp_path, COLUMNS)[0].table, past.table)


def test_thinned_and_deleted_histories_are_rewritten(tmp_path):
    past, journal = some_past(8), HistoryFile(tmp_path)
    journal.bring_up_to(past)
    thin = StoredHistory(past.columns, past.table[:, ::2], past.marks, thinned=1)
    journal.bring_up_to(thin)
    read, said = read_past(tmp_path, COLUMNS)
    assert rows_of(read) == rows_of(thin)
    assert (read.thinned, said) == (1, [])
    assert read.until(0).thinned == 0
    (tmp_path / NAME).unlink()
    journal.bring_up_to(thin)
    assert rows_of(read_past(tmp_path, COLUMNS)[0]) == rows_of(thin)


def test_until_a_step(tmp_path):
    past = some_past(5, marks=((2, "early"), (4, "late"))).until(3)
    assert past.table[0].tolist() == [1, 2, 3]
    assert past.marks == ((2, "early"),)


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 10_000])
def test_reading_stops_at_the_limits_of_any_history(content, tmp_path):
    HistoryFile(tmp_path).bring_up_to(some_past(5))
    path, whole = tmp_path / NAME, read_past(tmp_path, COLUMNS)[0]
    with path.open("ab") as file:
        file.write((content + b"\n") * 2000)
        file.truncate(1 << 30)
    read, said = read_past(tmp_path, COLUMNS)
    assert rows_of(read) == rows_of(whole)
    assert "lines (" in said[0]
    assert "are left out: a history is never that long" in said[1]
    path.write_bytes(b"?\n" * (LINES_MOST + 1))
    assert f"lines after {LINES_MOST:,} are left out" in read_past(tmp_path, COLUMNS)[1][1]


@pytest.mark.parametrize("value", [[1], "one", 10**400, None, {}])
def test_lines_with_a_checksum_but_invalid_content_are_damaged(value, tmp_path):
    HistoryFile(tmp_path).bring_up_to(some_past(2, marks=()))
    lines = [
        files.jsonl_line({"step": 3, COLUMNS[1]: value}),
        files.jsonl_line({"step": value, "mark": "x"}),
    ]
    with (tmp_path / NAME).open("ab") as file:
        file.write(b"".join(lines) + files.jsonl_line({"step": 4}))
    read, said = read_past(tmp_path, COLUMNS)
    assert read.table[0].tolist() == [1, 2, 4]
    assert read.marks == ()
    assert "2 lines (3, 4 …) are" in said[0]
