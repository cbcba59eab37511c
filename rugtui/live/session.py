"""A session: one worker thread, from its first Frame to its last. Commands come in, Frames go out.

What the commands ask of a run is in `own_run` and `watched_run`; here is what both have in common:
the thread, what is shown, and what is told.
"""

from __future__ import annotations

import dataclasses
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rugtui.errors import RugtuiError, WeightsError
from rugtui.live.background import Mailbox
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
    Stop,
)
from rugtui.live.frame import LEARNING, Frame, Notice, Phase, Picture, Severity
from rugtui.runtime.garbage import frozen_gc
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.live.other_runs import OtherRuns
    from rugtui.live.readings import Readings

IDLE_SECONDS, LONGEST_IDLE = 0.05, 0.5
"""How long an idle worker waits for a command before it looks to the background threads; twice as
long each time that there was no news of them."""
LOADING = "loading PyTorch …"
PICTURE_SHARE = 0.02
"""Part of the worker's time that pictures of W may take."""


class Subject(Protocol):
    """What a session is about: a run of this process (OwnRun), or another's (WatchedRun)."""

    settings: Settings
    source: str
    """What is opened, in a word or two."""
    phase: Phase
    unsaved: str
    """Once it is closed: why its last step is not on disk, in a sentence; empty where it is."""
    last_words: list[str]
    """What is to be told when the screen is gone."""

    @property
    def begun(self) -> bool:
        """Whether there is a run whose last step may be worth waiting for."""
        ...

    @property
    def saving(self) -> bool:
        """Whether something is being written that would be lost if the process ended now."""
        ...

    @property
    def kept(self) -> str:
        """What is on disk of the run under way, in a sentence; empty where nothing is to be."""
        ...

    def begin(self, session: Session) -> None:
        """Begin, or raise NothingToShow."""
        ...

    def carry_out(self, command: Command) -> None:
        """Do what a command asks of the run."""
        ...

    def advance(self, cancelled: Callable[[], bool], called: Callable[[], bool]) -> None:
        """Do the next piece of work, where there is any; after the step under way where somebody
        `called`. Raises NothingToShow."""
        ...

    def failed(self) -> None:
        """Training has stopped for a fault: keep what there is."""
        ...

    def describe(self, frame: Frame) -> Frame: ...

    def close(self) -> None:
        """Save the last step and release the run, as long as that takes."""
        ...


class NothingToShow(Exception):  # noqa: N818 - the end of a session, which tells why
    """There is nothing for a session to show, for the reason given."""

    def __init__(self, why: RugtuiError | OSError) -> None:
        super().__init__(str(why))
        self.why = why


class Session:
    """`send`, `frames`, `finished` and the properties are for other threads; all else is for the
    worker, and for its subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.frames: Mailbox[Frame] = Mailbox()
        self.finished = threading.Event()
        self.refusal: RugtuiError | OSError | None = None
        """Why there is nothing to show."""
        self.readings: Readings | None = None
        """Of the run that is shown; None before there is one."""
        self.others: OtherRuns | None = None
        self.narration, self.failure, self.traceback, self.snapshot = "", "", "", ""
        self.shown: Kind = "trained"
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._asked, self._idle_seconds = False, IDLE_SECONDS
        self._last: Frame | None = None
        self.stopping, self.called = threading.Event(), threading.Event()
        self._look = Look(64, 64)
        self._picture: Picture | None = None
        self._picture_due = 0.0
        self._notices: deque[Notice] = deque(maxlen=4)
        self._serial = self._counted = 0

    def send(self, command: Command) -> None:
        """Queue a command; some also cut the interval under way short."""
        if isinstance(command, Stop):
            self.stopping.set()
        self._commands.put(command)
        if isinstance(command, PREEMPTING):
            self.called.set()

    # The thread

    def run(self) -> None:
        """The body of the worker thread, until Stop. What goes wrong is said in a Frame."""
        try:
            if not self.stopping.is_set():
                self._attempt(self._load)
            while not self.stopping.is_set():
                self._attempt(self._obey)
                if self._asked:
                    self._hand_over()  # who asked does not wait for the next steps
                self._attempt(self._advance)
                if self.called.is_set():
                    continue  # a Frame from before the answer would only be drawn in its way
                self._attempt(self._sample)
                self._hand_over()
        finally:
            self._attempt(self.subject.close)
            for worker in (self.readings, self.others):
                if worker is not None:
                    worker.close()
            self.finished.set()

    def _load(self) -> None:
        if "torch" not in sys.modules:
            self.narrate(LOADING)
        # Torch comes in with this import: seconds, which the screen spends painted, not blank.
        with frozen_gc():
            from rugtui.live.other_runs import OtherRuns
            from rugtui.live.readings import Readings  # noqa: F401 - whatever the subject is

        self.others = OtherRuns()
        self.subject.begin(self)

    def _advance(self) -> None:
        self.subject.advance(self.stopping.is_set, self.called.is_set)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do one thing. A fault stops training, not the thread: it becomes part of the Frames."""
        try:
            work()
        except NothingToShow as refusal:
            self.refusal = refusal.why
            self.stopping.set()
        except (RugtuiError, OSError, MemoryError) as error:
            self._fail(str(error) or repr(error), "")
        except Exception as error:  # noqa: BLE001 - the thread's edge: a bug is shown, not swallowed
            self._fail(f"{type(error).__name__}: {error}", traceback.format_exc())

    def _fail(self, failure: str, trace: str) -> None:
        self.failure, self.traceback = failure, trace
        self.tell(failure, "error")
        self.subject.failed()

    def _obey(self) -> None:
        """Carry out what was asked, oldest first; an idle worker waits a moment for it."""
        self.called.clear()
        wait = None if self._is_busy else self._idle_seconds
        while True:
            try:
                command = self._commands.get(block=wait is not None, timeout=wait)
            except queue.Empty:
                return
            self._counted += isinstance(command, COUNTED)  # the refused ones, too
            self._carry_out(command)
            self._asked, wait = True, None
            self._idle_seconds = IDLE_SECONDS

    @property
    def _is_busy(self) -> bool:
        """Whether there is work to do without a command."""
        unsettled = self.readings is not None and not self.readings.settled(self.shown)
        return self.subject.phase == "training" or unsettled

    def _carry_out(self, command: Command) -> None:
        """What only changes what is shown is done here; the subject does the rest."""
        match command:
            case Show():
                if command.kind == "trained" or self._rug_exists():
                    self.show(command.kind)
            case NextConstruction():
                if self.readings is not None:
                    for reason in self.readings.next_construction():
                        self.tell(reason, "warning")
                    self.show("rug")
            case Look():
                beside = command.beside and self._rug_exists()
                self._look, self._picture = dataclasses.replace(command, beside=beside), None
            case ListSaved() | Load() | Preview() | Forget():
                if self.others is not None:
                    self.others.carry_out(command)
            case Stop():
                self.stopping.set()
            case _:
                self.subject.carry_out(command)

    # What is shown and told

    def show(self, kind: Kind) -> None:
        """Show these weights from now on."""
        self.shown, self._picture = kind, None

    def show_run(self, readings: Readings | None) -> None:
        """Show the run that these are of from now on, or none."""
        if self.readings is not None:
            self.readings.close()
        self.readings, self._picture = readings, None
        if (self.shown == "rug" or self._look.beside) and not self._rug_exists():
            self.shown, self._look = "trained", dataclasses.replace(self._look, beside=False)

    def narrate(self, text: str) -> None:
        """Say what is done now, whether or not what was said before has been seen."""
        self.narration = text
        self.frames.put(self._frame())

    def tell(self, text: str, severity: Severity = "information") -> None:
        """Tell the user something once."""
        self._serial += 1
        self._notices.append(Notice(self._serial, text, severity))

    def _rug_exists(self) -> bool:
        """Whether these settings have a rug; if not, the reason is told."""
        try:
            return self.readings is None or bool(self.readings.rug())
        except WeightsError as error:
            self.tell(str(error), "warning")
            return False

    def _sample(self) -> None:
        if self.readings is not None and not self.stopping.is_set():
            self.readings.sample(self.shown)

    def _hand_over(self) -> None:
        """A new Frame, where the last one has been taken or is from before a command."""
        if self.stopping.is_set() or not (self._asked or self.frames.empty):
            return
        asked, self._asked = self._asked, False
        if self.readings is not None:
            self._attempt(self._look_closely)
        if self.others is not None:
            self._attempt(self._collect_others)
        frame, last = self._frame(), self._last
        if asked or frame.phase == "training" or last is None or frame.news != last.news:
            self._idle_seconds, self._last = IDLE_SECONDS, frame
            self.frames.put(frame)
        else:  # drawing the same again would keep a core busy
            self._idle_seconds = min(2 * self._idle_seconds, LONGEST_IDLE)

    def _look_closely(self) -> None:
        """Bring readings and picture up to date."""
        assert self.readings is not None
        self.readings.read(self.shown, learning=self.subject.phase in LEARNING)
        started, picture = time.monotonic(), self._picture
        due = self.subject.phase != "training" or started >= self._picture_due
        if picture is None or (due and picture.step != self.readings.run.step):
            self._picture = self.readings.picture(self.shown, self._look)
            self._picture_due = started + (time.monotonic() - started) / PICTURE_SHARE

    def _collect_others(self) -> None:
        assert self.others is not None
        for text in self.others.collect():
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
        frame = self.subject.describe(frame)
        return frame if self.others is None else self.others.describe(frame)
