"""The worker itself: reads commands between intervals or steps, trains, and hands over Frames."""

from __future__ import annotations

import dataclasses
import queue
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, TrainingError, WeightsError
from rugtui.live.commands import (
    COUNTED,
    SOON,
    Change,
    Command,
    Detach,
    Forget,
    Kind,
    ListSaved,
    Load,
    Look,
    NextFrame,
    Open,
    Pause,
    Save,
    Show,
    Stop,
)
from rugtui.live.frame import Frame, Notice, Phase, Picture, Severity
from rugtui.live.mailbox import Mailbox
from rugtui.runtime.garbage import frozen_gc
from rugtui.settings.settings import Settings

if TYPE_CHECKING:
    from rugtui.live.experiment import Experiment
    from rugtui.live.other_runs import Others
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint import Phase as PhaseKept
    from rugtui.storage.checkpoint_writer import CheckpointWriter

Opening = Callable[[], "RunSession"]
"""Takes up a run; called in the worker, because torch comes in with it."""
IDLE_SECONDS, LONGEST_IDLE = 0.05, 0.5
"""How long a paused worker waits for a command before it looks to the rug and the statistics; twice
as long each time that there was no news of them."""
SAMPLING_SECONDS = 0.2
"""For which losses are sampled at a stretch, while nothing trains."""
LOADING = "loading PyTorch …"
PICTURE_SHARE = 0.02
"""Part of the worker's time that pictures of W may take."""


class Session:
    """One worker thread's life.

    `send`, `frames` and `finished` are for other threads; all else belongs to the worker.
    """

    def __init__(
        self,
        settings: Settings,
        opening: Opening | None = None,
        *,
        source: str = "",
        goes_on: bool = False,
        autosave: float = 10.0,
    ) -> None:
        """Train with `settings`, or (`opening`) go on with what is there already.

        `source`: what is opened, in a word or two; `goes_on`: it is trained on at once, not only
        looked at. `autosave`: seconds from one save to the next.
        """
        self.frames: Mailbox[Frame] = Mailbox()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._asked = False
        self._idle_seconds = IDLE_SECONDS
        self._last: Frame | None = None
        self._stop, self._called = threading.Event(), threading.Event()
        self.finished = threading.Event()
        self.settings, self.source = settings, source
        self.refusal: RugtuiError | OSError | None = None
        """Why there is nothing to show: what was to be opened could not be."""
        self.last_words: list[str] = []
        """What could not be told on the screen any more, or is to be told again."""
        self.unsaved = ""
        """Once it has ended: why its last step is not on disk, in a sentence; empty where it is."""
        self._opening, self._goes_on = opening, goes_on
        self._detached, self._autosave = False, autosave
        self._phase: Phase = "loading"
        self._shown: Kind = "trained"
        self._look = Look(64, 64)
        self._picture: Picture | None = None
        self._picture_due = 0.0
        self._notices: deque[Notice] = deque(maxlen=4)
        self._serial = self._counted = 0
        self._narration, self._failure, self._traceback = "", "", ""
        self._snapshot = ""
        self._experiment: Experiment | None = None
        self._ending = False
        self._left: list[CheckpointWriter] = []
        """Of runs that were left while a slow disk still took their last step."""
        self._others: Others | None = None

    def send(self, command: Command) -> None:
        """Queue a command; some also cut the interval under way short."""
        if isinstance(command, Stop):
            self._stop.set()
        self._commands.put(command)
        if isinstance(command, SOON):
            self._called.set()

    @property
    def begun(self) -> bool:
        """Whether there is a run whose last step may be worth waiting for."""
        return self._experiment is not None

    @property
    def saving(self) -> bool:
        """Whether something is being written that would be lost if the process ended now."""
        there = [self._experiment.course.keeper] if self._experiment is not None else []
        return self._ending or any(one.busy for one in (*there, *self._left))

    @property
    def kept(self) -> str:
        """What is on disk of the run under way, in a sentence; empty where there is none."""
        return self._experiment.course.kept() if self._experiment is not None else ""

    def run(self) -> None:
        """The body of the worker thread, until Stop. What goes wrong is said in a Frame."""
        try:
            if not self._stop.is_set():
                self._attempt(lambda: self._begin(self.settings))
            while not self._stop.is_set():
                self._attempt(self._obey)
                if self._asked:
                    self._hand_over()  # who asked does not wait for the next steps
                self._attempt(self._train)
                if self._called.is_set():
                    continue  # a Frame from before the answer would only be drawn in its way
                self._attempt(self._sample)
                self._tell_of_saving()
                self._hand_over()
                if self._detached and self._phase != "training":
                    break
        finally:
            self._attempt(self._end)
            for writer in self._left:
                writer.wait(None)
            self._tell_of_saving()
            if self._others is not None:
                self._others.leave()
            self.finished.set()

    def _begin(self, settings: Settings) -> None:
        """Drop the experiment under way, if any, and start another."""
        self.settings = settings
        if self._others is not None and self._experiment is not None:
            self._others.keep(self._experiment.course, self._phase_kept)
        self._attempt(self._end)
        self._phase, self._failure, self._traceback = "loading", "", ""
        self._picture = None
        narration = f"preparing {settings.n_sparse:,} × {settings.n_dense:,} …"
        if self._opening is not None:
            narration = f"reading {self.source} …"
        else:
            self.source = ""
        if "torch" not in sys.modules:
            self._narrate(LOADING)
        # Torch comes in here, and the step is compiled: seconds that the screen spends painted.
        with frozen_gc():
            from rugtui.live.experiment import Experiment
            from rugtui.live.other_runs import Others
            from rugtui.training.kernels.passes import prepare

            prepare()
        self._narrate(narration)
        self._others = self._others or Others()
        course = self._open() or self._new_course(settings)
        self._experiment = Experiment(course)
        self.settings = course.settings
        self._phase, self._narration = "done" if course.training.done else "training", ""
        if course.waits:
            self._phase, self._shown = "opened", course.shown
            if self._goes_on:
                self._go_on()
            else:
                self._tell("only looked at: space trains on")
        if (self._shown == "rug" or self._look.beside) and not self._rug_exists():
            self._shown, self._look = "trained", dataclasses.replace(self._look, beside=False)
        self.frames.put(self._frame())  # the first step may take long, and it is no preparation

    def _narrate(self, text: str) -> None:
        """Say what is done now, whether or not what was said before has been seen."""
        self._narration = text
        self.frames.put(self._frame())

    def _open(self) -> RunSession | None:
        """What is there already, once. A fault of it ends the session: there is nothing to show."""
        opening, self._opening = self._opening, None
        try:
            return opening() if opening else None
        except (RugtuiError, OSError) as error:
            self.refusal = error
            self._stop.set()
            raise

    def _new_course(self, settings: Settings) -> RunSession:
        from rugtui.live.run_session import RunSession

        return RunSession.new(settings, screen=True, every=self._autosave)

    def _end(self) -> None:
        """Leave the experiment under way, its last step saved.

        Before another begins that is waited for as long as LEAVING, and goes on meanwhile where the
        disk is slower; at the end of the session, as long as it takes.
        """
        experiment = self._experiment
        if experiment is None:
            return
        from rugtui.live.run_session import LEAVING

        course, self._ending = experiment.course, True
        try:
            experiment.leave(self._phase_kept, None if self._stop.is_set() else LEAVING)
        finally:
            self._experiment, self._ending = None, self._stop.is_set()
        if course.keeper.busy:
            self._left.append(course.keeper)
            return
        self.unsaved = course.keeper.unsaved
        told = [text for text, bad in course.news() if bad]
        for text in told:
            self._tell(text, "warning")
        if self.unsaved:
            self.last_words.append(self.unsaved)

    @property
    def _phase_kept(self) -> PhaseKept:
        """The phase as checkpoints say it: a run that is left is a run that was paused."""
        return self._phase if self._phase in ("done", "failed") else "paused"

    def _tell_of_saving(self) -> None:
        if self._experiment is not None:
            for text, bad in self._experiment.course.news():
                self._tell(text, "warning" if bad else "information")
        for writer in [one for one in self._left if not one.busy]:
            self._left.remove(writer)
            for text, bad in writer.news():
                self._tell(text, "warning" if bad else "information")
            if writer.unsaved:
                self.last_words.append(writer.unsaved)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do one thing. A fault stops training, not the thread: it becomes part of the Frames."""
        try:
            work()
        except (RugtuiError, OSError, MemoryError) as error:
            self._fail(str(error) or repr(error), "")
        except Exception as error:  # noqa: BLE001 - the thread's edge: a bug is shown, not swallowed
            self._fail(f"{type(error).__name__}: {error}", traceback.format_exc())

    def _fail(self, failure: str, trace: str) -> None:
        self._phase, self._failure, self._traceback = "failed", failure, trace
        self._tell(failure, "error")
        self._keep()

    def _keep(self) -> None:
        """Have this step saved: something happened that the clock does not know of."""
        if self._experiment is not None:
            self._experiment.course.save(self._phase_kept)

    def _obey(self) -> None:
        """Carry out what was asked, oldest first; an idle worker waits a moment for it."""
        self._called.clear()
        wait = None if self._phase == "training" else self._idle_seconds
        while True:
            try:
                command = self._commands.get(block=wait is not None, timeout=wait)
            except queue.Empty:
                return
            self._counted += isinstance(command, COUNTED)  # the refused ones, too
            self._carry_out(command)
            self._asked, wait = True, None
            self._idle_seconds = IDLE_SECONDS

    def _carry_out(self, command: Command) -> None:
        match command:
            case Pause():
                self._pause(command.paused)
            case Change():
                self._change(command.settings)
            case Open():
                self._open_weights(command)
            case Show():
                if command.kind == "trained" or self._rug_exists():
                    self._shown, self._picture = command.kind, None
            case NextFrame():
                self._next_frame()
            case Look():
                beside = command.beside and self._rug_exists()
                self._look, self._picture = dataclasses.replace(command, beside=beside), None
            case Save():
                try:
                    self._save(command)
                except (OSError, RugtuiError) as error:
                    self._tell(f"snapshot not written: {error}", "error")
            case ListSaved() | Load() | Forget():
                if self._others is not None:
                    self._others.carry_out(command)
            case Detach():
                self._detach()
            case Stop():
                self._stop.set()

    def _rug_exists(self) -> bool:
        """Whether these settings have a rug; if not, the reason is told."""
        try:
            return self._experiment is None or bool(self._experiment.trial())
        except WeightsError as error:
            self._tell(str(error), "warning")
            return False

    def _next_frame(self) -> None:
        if self._experiment is not None:
            for reason in self._experiment.next_frame():
                self._tell(reason, "warning")
            self._shown, self._picture = "rug", None

    def _detach(self) -> None:
        if self._detached:
            return
        self._detached, self._shown = True, "trained"
        if self._experiment is not None and self._phase == "training":
            self._experiment.course.detach()

    def _pause(self, paused: bool | None) -> None:
        paused = self._phase == "training" if paused is None else paused
        if paused and self._phase == "training":
            self._phase = "paused"
            self._keep()
        elif not paused and self._phase in ("opened", "paused", "done"):
            self._go_on()

    def _go_on(self) -> None:
        """Train what was opened, paused or done; what was over is so for its reason no more."""
        experiment = self._experiment
        if experiment is None:
            return
        try:
            experiment.course.go_on()
        except (OSError, RugtuiError) as error:
            self._tell(str(error), "error")
            return
        if experiment.done:
            self._tell(f"goes on: {experiment.course.renew()}")
            self.settings = experiment.settings
        self._phase = "training"

    def _change(self, settings: Settings) -> None:
        experiment = self._experiment
        if experiment is None or self._traceback:
            self._begin(settings)
        elif restarts := experiment.settings.restarts(settings):
            self._tell(f"new run: {', '.join(restarts)} changed")
            self._begin(settings)
        else:
            try:
                experiment.change(settings)
            except TrainingError as error:  # nothing has changed, and it goes on as it was
                self._tell(str(error), "error")
                return
            self.settings, self._failure = settings, ""
            # A run that was over, or that failed and kept its last finite state, goes on.
            if self._phase in ("done", "failed") and not experiment.done:
                self._phase = "training"

    def _open_weights(self, command: Open) -> None:
        """What is under way stays where the file cannot be read."""
        from rugtui.live.opening import open_weights

        known = {**command.settings.as_dict(), "init": command.path}
        try:
            course = open_weights(Path(command.path), known, every=self._autosave)
        except (OSError, RugtuiError) as error:
            self._tell(f"not opened: {error}", "error")
            return
        self._opening, self.source = lambda: course, course.source
        self._begin(course.settings)

    def _train(self) -> None:
        if self._phase != "training" or self._experiment is None:
            return
        self._experiment.train(self._stop.is_set, self._called.is_set)
        if self._experiment.done:
            self._phase = "done"
            self._keep()
            self._tell(f"{self._experiment.training.ending}; space trains on")

    def _sample(self) -> None:
        """A batch beside training; more where nothing else is to be done."""
        until = time.monotonic() + (0.0 if self._phase == "training" else SAMPLING_SECONDS)
        while self._experiment is not None and not self._stop.is_set():
            wanted = self._experiment.sample(self._shown)
            if not wanted or self._called.is_set() or time.monotonic() >= until:
                break

    def _hand_over(self) -> None:
        """A new Frame, where the last one has been taken or is from before a command."""
        if self._stop.is_set() or not (self._asked or self.frames.empty):
            return
        asked, self._asked = self._asked, False
        if self._experiment is not None:
            self._attempt(self._look_closely)
        if self._others is not None:
            for text in self._others.collect():
                self._tell(text, "warning")
        frame = self._frame()
        last = self._last
        if asked or self._phase == "training" or last is None or frame.news != last.news:
            self._idle_seconds, self._last = IDLE_SECONDS, frame
            self.frames.put(frame)
        else:  # drawing the same again would keep a core busy
            self._idle_seconds = min(2 * self._idle_seconds, LONGEST_IDLE)

    def _look_closely(self) -> None:
        """Bring readings and picture up to date."""
        assert self._experiment is not None
        self._experiment.read(self._shown, beside=self._phase in ("training", "watching"))
        started = time.monotonic()
        moves = self._phase == "training" and started >= self._picture_due
        if self._picture is None or moves:
            self._picture = self._experiment.picture(self._shown, self._look)
            self._picture_due = started + (time.monotonic() - started) / PICTURE_SHARE

    def _save(self, command: Save) -> None:
        if self._experiment is None:
            self._tell("nothing to save yet", "warning")
            return
        folder = self._experiment.save(self._shown, command)
        self._snapshot = str(folder)
        self._tell(f"snapshot in {folder}")

    def _tell(self, text: str, severity: Severity = "information") -> None:
        self._serial += 1
        self._notices.append(Notice(self._serial, text, severity))

    def _frame(self) -> Frame:
        frame = Frame(
            settings=self.settings,
            counted=self._counted,
            phase=self._phase,
            narration=self._narration,
            source=self.source,
            shown=self._shown,
            snapshot=self._snapshot,
            notices=tuple(self._notices),
            kept=self.kept,
            unsaved="" if self._experiment is None else self._experiment.course.keeper.unsaved,
            failure=self._failure,
            traceback=self._traceback,
        )
        experiment = self._experiment
        if experiment is not None:
            frame = experiment.describe(frame, self._picture)
        return frame if self._others is None else self._others.describe(frame)
