"""One screen, one truth: every ratio is the quotient of two numbers beside it, at every moment."""

import re
import threading
import time

import pytest

from rugtui.analysis import numbers
from rugtui.live.commands import Change, Pause, Show, Stop
from rugtui.live.frame import Frame
from rugtui.live.own_run import OwnRun
from rugtui.live.session import Session
from rugtui.settings.settings import Settings
from rugtui.tui.charts.palette import DARK
from rugtui.tui.header import headline
from rugtui.tui.panes.loss.curves import history_facts
from rugtui.tui.panes.loss.series import Deriver
from rugtui.tui.panes.theory import theory_rows, theory_table

SETTINGS = Settings(n_sparse=32, n_dense=8, p=0.2, batch=64, steps=600, seed=3, device="cpu")


def frames_of_a_run() -> list[Frame]:
    """Every Frame of a run that is paused, changed, shown as a rug, and trained to its end."""
    session = Session(OwnRun(SETTINGS))
    worker = threading.Thread(target=session.run, daemon=True)
    worker.start()
    seen: list[Frame] = []

    def until(condition) -> None:
        deadline = time.monotonic() + 60
        while not (seen and condition(seen[-1])):
            assert time.monotonic() < deadline, "the run did not get there"
            if (frame := session.frames.take()) is not None:
                seen.append(frame)
            time.sleep(0.001)

    def measured(frame: Frame) -> bool:
        reading = frame.reading
        return reading.statistics is not None and reading.settled

    try:
        until(lambda frame: frame.step >= 100)
        session.send(Pause(True))
        until(lambda frame: frame.phase == "paused" and measured(frame))
        session.send(Show("rug"))
        until(lambda frame: frame.shown == "rug" and measured(frame))
        session.send(Show("trained"))
        session.send(Change(SETTINGS.replace(p=0.1)))
        session.send(Pause(False))
        until(lambda frame: frame.phase == "done" and measured(frame))
        until(lambda frame: frame.reading.measured_at == frame.step)
    finally:
        session.send(Stop())
        worker.join(60)
    return seen


@pytest.fixture(scope="module")
def frames():
    return frames_of_a_run()


def table_of(frame: Frame) -> list[str]:
    return [strip.text for strip in theory_table(frame, DARK, 60, 30)]


def lines_of(table: list[str]) -> dict[str, list[str]]:
    """Names and the columns behind them, of the rows of a theory table."""
    found = {}
    for text in table:
        if match := re.match(
            r"( ?[a-zA-Z]\S*(?: \S+)*?) {1,}([\d.e-]+) +(.*?) +(\S+|step \S+)$", text.rstrip()
        ):
            found[match[1]] = [match[2], match[3], match[4]]
    return found


def test_each_ratio_in_the_table_is_the_quotient_of_two_numbers_there(frames):
    checked = 0
    for frame in frames:
        lines, rows = lines_of(table_of(frame)), theory_rows(frame)
        above = None
        for row in rows:
            shown = lines.get(row.name)
            if row.above is None:
                above = numbers.loss(row.value)
                continue
            if shown is None or shown[1] == "-":
                continue
            first = above if row.indent else numbers.loss(rows[0].value)
            assert shown[1] == numbers.ratio(float(first) / float(shown[0])), (row, frame.step)
            checked += 1
    assert checked > 30


def test_header_headline_sentence_and_readout_tell_the_same_ratio(frames):
    derive, checked = Deriver(), 0
    for frame in frames:
        if frame.levels is None or not len(frame.history) or frame.shown == "rug":
            continue
        live, best = (numbers.loss(one) for one in (frame.trained.loss, frame.levels.loss))
        if live == "-":
            continue
        ratio = numbers.ratio(float(live) / float(best))
        assert f"{ratio} × L*" in headline(frame, DARK, 200).text
        derived = derive(frame.history, 16)
        facts = history_facts(frame, derived, len(frame.history) - 1, crossed=False)
        told = {fact.name: fact.value for fact in facts}
        if "× L*" in told:
            assert (told["× L*"], told["L*"]) == (ratio, best)
            assert told[frame.trained.estimate].startswith(live)
        head = table_of(frame)[0]
        for said in (head, frame.verdict):
            if percent := re.search(r"(\d+) % (above|below)", said):
                off = float(ratio) - 1
                assert percent[2] == ("above" if off > 0 else "below")
                assert abs(off) * 100 == pytest.approx(float(percent[1]), abs=0.5001)
        checked += 1
    assert checked > 4


def test_in_the_end_all_is_of_the_final_weights(frames):
    last = frames[-1]
    reading = last.reading
    assert (last.phase, reading.measured_at) == ("done", last.step)
    assert reading.estimate != "live"
    assert reading.settled
    told = "\n".join(table_of(last))
    assert told.count(reading.estimate) == 4  # headline, pointer, heading and row
    assert told.count("held out") in (0, 4)  # there is no loss of other weights
    assert f"step {last.step:,}" in told


def test_what_stands_still_neither_ages_nor_drifts(frames):
    """Differences in standard errors come once more samples would not change them."""
    for frame in frames:
        if frame.reading.estimate == "sampled" and not frame.reading.settled:
            lines = lines_of(table_of(frame))
            names = [row.name for row in theory_rows(frame) if row.above and not row.indent]
            of_now = [lines[name] for name in names if name in lines]
            assert [line for line in of_now if line[2] != "-"] == []


def test_only_what_trains_has_a_pace(frames):
    for frame in frames:
        assert ("steps/s" in headline(frame, DARK, 300).text) <= (frame.phase == "training")
