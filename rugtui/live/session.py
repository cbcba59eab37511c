"""A session: the worker thread, which takes commands and publishes Frames.

The thread, what is shown and notices are here; `own_run` and `watched_run` carry out commands on a
run.
"""

from __future__ import annotations

import dataclasses
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from rugtui.errors import RugtuiError, WeightsError
from rugtui.live.commands import (
    COUNTED,
    PREEMPTING,
    Command,
    Forget,
    Kind,
    ListSaved,
    Load,
    Look,
    NextConstruction,
    Preview,
    Show,
    ShowStep,
    Stop,
)
from rugtui.live.frame import LEARNING, Frame, Notice, Picture, Severity
from rugtui.runtime.threads import Mailbox, frozen_gc

if TYPE_CHECKING:
    from rugtui.live.other_runs import OtherRuns
    from rugtui.live.own_run import OwnRun
    from rugtui.live.past import PastReadings
    from rugtui.live.readings import Readings
    from rugtui.live.watched_run import WatchedRun

IDLE_SECONDS, LONGEST_IDLE = 0.05, 0.5
"""How long an idle worker waits for a command before it checks for results of background threads;
doubled each time that there are none."""
LOADING = "loading PyTorch …"
PICTURE_SHARE = 0.02
"""Pictures of W take at most this share of the worker's time."""


Subject: TypeAlias = "OwnRun | WatchedRun"
"""What a session shows: a run of this process, or of another one."""
Handlers = Mapping[type[Command], Callable[[Any], None]]
"""What a Subject does to its run upon a command, by the type of the command."""


class NothingToShow(Exception):  # noqa: N818 - ends a session
    """There is nothing for a session to show."""

    def __init__(self, why: RugtuiError | OSError) -> None:
        super().__init__(str(why))
        self.why = why


class Session:
    """`send`, `frames`, `finished` and `refusal` are for other threads, the rest for the worker."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.frames: Mailbox[Frame] = Mailbox()
        self.finished = threading.Event()
        self.refusal: RugtuiError | OSError | None = None
        """Why there is nothing to show."""
        self.readings: Readings | None = None
        """Of the run that is shown; None before the first."""
        self.others: OtherRuns | None = None
        self.narration, self.failure, self.traceback, self.snapshot = "", "", "", ""
        self.shown: Kind = "trained"
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._answer_due, self._idle_seconds = False, IDLE_SECONDS
        self._last: Frame | None = None
        self.stopping, self.called = threading.Event(), threading.Event()
        self._view = Look(64, 64)
        self._picture: Picture | None = None
        self._picture_due = 0.0
        self._step: int | None = None
        """The kept step that is asked for; None: the run as it is."""
        self._past: PastReadings | None = None
        self._shows_past, self._past_picture = False, self._picture
        self._notices: deque[Notice] = deque(maxlen=4)
        self._serial = self._counted = 0

    def send(self, command: Command) -> None:
        """Queue a command; those in PREEMPTING also cut the current interval short."""
        if isinstance(command, Stop):
            self.stopping.set()
        self._commands.put(command)
        if isinstance(command, PREEMPTING):
            self.called.set()

    # The thread

    def run(self) -> None:
        """The body of the worker thread, until Stop. Errors are shown in Frames."""
        stopping = self.stopping.is_set
        try:
            if not stopping():
                self._attempt(self._load)
            while not stopping():
                self._attempt(self._obey)
                if self._answer_due:
                    self._hand_over()  # the answer does not wait for the next steps
                self._attempt(lambda: self.subject.advance(stopping, self.called.is_set))
                if self.called.is_set():
                    continue  # a Frame from before the answer would delay it on the screen
                self._attempt(self._sample)
                self._hand_over()
        finally:
            self._attempt(self.subject.close)
            for worker in filter(None, (self.readings, self._past, self.others)):
                worker.close()
            self.finished.set()

    def _load(self) -> None:
        if "torch" not in sys.modules:
            self.narrate(LOADING)
        # With the screen already painted: importing torch takes seconds.
        with frozen_gc():
            from rugtui.live.other_runs import OtherRuns
            from rugtui.live.readings import Readings  # noqa: F401 - needed by every subject

        self.others = OtherRuns()
        self.subject.begin(self)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do a piece of work. An error is shown; it stops training, but not the thread."""
        try:
            work()
        except NothingToShow as refusal:
            self.refusal = refusal.why
            self.stopping.set()
        except (RugtuiError, OSError, MemoryError) as error:
            self._fail(str(error) or repr(error), "")
        except Exception as error:  # noqa: BLE001 - a bug is shown, and the thread goes on
            self._fail(f"{type(error).__name__}: {error}", traceback.format_exc())

    def _fail(self, failure: str, trace: str) -> None:
        self.failure, self.traceback = failure, trace
        self.tell(failure, "error")
        self.subject.failed()

    def _obey(self) -> None:
        """Carry out queued commands, oldest first; without other work, wait a moment for one."""
        self.called.clear()
        wait = None if self._is_busy else self._idle_seconds
        while True:
            try:
                command = self._commands.get(block=wait is not None, timeout=wait)
            except queue.Empty:
                return
            self._counted += isinstance(command, COUNTED)  # refused ones too
            self._carry_out(command)
            self._answer_due, wait = True, None
            self._idle_seconds = IDLE_SECONDS

    @property
    def _is_busy(self) -> bool:
        """Whether there is work to do without a command."""
        unsettled = self._sampled is not None and not self._sampled.settled(self.shown)
        return self.subject.phase == "training" or unsettled

    def _carry_out(self, command: Command) -> None:
        """Carry out a command that changes what is shown; the subject carries out the others."""
        match command:
            case Show():
                if command.kind == "trained" or self._rug_exists():
                    self.show(command.kind)
            case ShowStep():
                self._step = command.step
            case NextConstruction():
                if self.readings is not None:
                    for reason in self.readings.next_construction():
                        self.tell(reason, "warning")
                    self.show("rug")
            case Look():
                beside = command.beside and self._rug_exists()
                self._view = dataclasses.replace(command, beside=beside)
                self._picture = self._past_picture = None
            case ListSaved() | Load() | Preview() | Forget():
                if self.others is not None:
                    self.others.carry_out(command)
            case Stop():
                self.stopping.set()
            case _:
                self.subject.handlers[type(command)](command)

    # What is shown and told

    def show(self, kind: Kind) -> None:
        """Show these weights from now on."""
        self.shown = kind
        self._picture = self._past_picture = None

    def show_run(self, readings: Readings | None) -> None:
        """Show the run of these readings from now on; None shows no run."""
        for old in filter(None, (self.readings, self._past)):
            old.close()
        self.readings, self._past, self._shows_past = readings, None, False
        self._picture = self._past_picture = None
        if (self.shown == "rug" or self._view.beside) and not self._rug_exists():
            self.shown, self._view = "trained", dataclasses.replace(self._view, beside=False)

    def narrate(self, text: str) -> None:
        """Show what the worker is doing, replacing a Frame that was not drawn yet."""
        self.narration = text
        self.frames.put(self._frame())

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Show a notice once."""
        self._serial += 1
        self._notices.append(Notice(self._serial, text, severity))

    def _rug_exists(self) -> bool:
        """Whether these settings have a rug; if not, tell the user why."""
        try:
            return self.readings is None or bool(self.readings.rug())
        except WeightsError as error:
            self.tell(str(error), "warning")
            return False

    def _sample(self) -> None:
        if self._sampled is not None and not self.stopping.is_set():
            self._sampled.sample(self.shown)

    @property
    def _sampled(self) -> Readings | None:
        """The readings of the weights that are shown."""
        past = self._past if self._shows_past and self.shown == "trained" else None
        return past.readings if past is not None else self.readings

    def _hand_over(self) -> None:
        """Publish a Frame if the last one has been taken, or there was a command since."""
        if self.stopping.is_set() or not (self._answer_due or self.frames.empty):
            return
        asked, self._answer_due = self._answer_due, False
        self._attempt(self._update_readings)
        self._attempt(self._collect_others)
        frame, last = self._frame(), self._last
        if asked or frame.phase == "training" or last is None or frame.news != last.news:
            self._idle_seconds, self._last = IDLE_SECONDS, frame
            self.frames.put(frame)
        else:  # drawing the same again would keep a core busy
            self._idle_seconds = min(2 * self._idle_seconds, LONGEST_IDLE)

    def _update_readings(self) -> None:
        """Bring readings and picture up to date."""
        if self.readings is None:
            return
        self.readings.read(self.shown, learning=self.subject.phase in LEARNING)
        self._shows_past = self._show_past()
        if self._shows_past:
            return
        started, picture = time.monotonic(), self._picture
        due = self.subject.phase != "training" or started >= self._picture_due
        if picture is None or (due and picture.step != self.readings.run.step):
            self._picture = self.readings.picture(self.shown, self._view)
            self._picture_due = started + (time.monotonic() - started) / PICTURE_SHARE

    def _show_past(self) -> bool:
        """Show the kept step that is asked for; returns whether there is one that can be read."""
        from rugtui.live.past import PastReadings

        readings, step = self.readings, self._step
        seen = self.shown == "trained" or self._view.beside
        if not seen or readings is None or step not in readings.run.kept_steps:
            return False
        self._past = self._past or PastReadings(readings)
        try:
            self._past.show(step)
        except (OSError, RugtuiError) as error:
            self.tell(f"step {step:,} is not shown: {error}", "warning")
            self._step = None
            return False
        if self._past_picture is None or self._past_picture.step != step:
            self._past_picture = self._past.readings.picture(self.shown, self._view)
        return True

    def _collect_others(self) -> None:
        for text in self.others.collect() if self.others is not None else ():
            self.tell(text, "warning")

    def _frame(self) -> Frame:
        frame = Frame(
            settings=self.subject.settings,
            counted=self._counted,
            phase=self.subject.phase,
            narration=self.narration,
            source=self.subject.source,
            shown=self.shown,
            snapshot=self.snapshot,
            notices=tuple(self._notices),
            kept=self.subject.kept,
            failure=self.failure,
            traceback=self.traceback,
        )
        if self.readings is not None:
            frame = self.readings.describe(frame, self._picture)
            if self._shows_past and self._past is not None:
                past = self._past.describe(frame, self._past_picture)
                frame = dataclasses.replace(frame, past=past)
        frame = self.subject.describe(frame)
        return frame if self.others is None else self.others.describe(frame)
