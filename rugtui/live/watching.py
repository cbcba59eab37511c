"""A session that looks on: another process trains, and what it saves is shown as it comes.

Nothing is written and no lock is held, so that the trainer never notices; whatever would change the
run is refused.
"""

from __future__ import annotations

import dataclasses
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rugtui.errors import RugtuiError, RunError
from rugtui.live.commands import Change, Command, Open, Pause, Save
from rugtui.live.frame import Frame, Phase
from rugtui.live.session import Session
from rugtui.settings.settings import Settings
from rugtui.storage.run_directory import runs_folder

if TYPE_CHECKING:
    from rugtui.live.run_poller import RunPoller, SavedState, Standing
    from rugtui.live.run_session import RunSession
    from rugtui.storage.checkpoint_writer import CheckpointWriter

PHASES: dict[Standing, Phase] = {
    "live": "watching",
    "paused": "paused",
    "finished": "finished",
    "crashed": "crashed",
    "failed": "failed",
    "damaged": "damaged",
    "gone": "gone",
}


class Watching(Session):
    """Follows one run, from its first save until somebody leaves."""

    def __init__(self, run: Path) -> None:
        super().__init__(Settings(), source=run.name)
        self._run = run
        self._name = run.name if run.parent == runs_folder() else str(run)
        """By which commands find it."""
        self._lookout: RunPoller | None = None
        self._keeper: CheckpointWriter | None = None
        self._standing: Standing = "live"
        self._who, self._pid = "another process", ""
        self._written, self._device, self._doing = 0.0, "", ""
        self._complaints: set[str] = set()

    @property
    def begun(self) -> bool:
        """Nothing here needs to be saved: nobody has to wait for it."""
        return False

    def _begin(self, settings: Settings) -> None:
        self._narration = "waiting for its first save …"
        self._hand_over()
        # Torch comes in with these.
        from rugtui.live.other_runs import Others
        from rugtui.live.run_poller import RunPoller

        self._others, self._lookout = Others(), RunPoller(self._run)

    def _end(self) -> None:
        super()._end()
        if self._lookout is not None:
            self._lookout.leave()
        if self._keeper is not None:
            self._keeper.leave(0)

    def _train(self) -> None:
        """Where a session trains, this one looks what the other process did."""
        if self._lookout is None:
            return
        try:
            if sight := self._lookout.poll():
                self._show(sight)
        except (RugtuiError, OSError) as error:
            self._complain(error)
        if holder := self._lookout.holder:
            self._who, self._pid = str(holder), f"PID {holder.pid}, "
        if self._lookout.caught_up and self._lookout.standing != self._standing:
            self._stands(self._lookout.standing)

    def _show(self, sight: SavedState) -> None:
        """In all panes, from now on."""
        from rugtui.live.experiment import Experiment

        course, checkpoint = self._course_of(sight), sight.checkpoint
        if self._experiment is None:
            self._experiment = Experiment(course, followed=True)
            self._phase, self._narration = PHASES[self._standing], ""
        self._experiment.follow(course, lives=self._standing == "live")
        self.settings, self._picture = course.settings, None
        self._written, self._device = time.monotonic() - sight.age, checkpoint.device
        self._doing = "" if checkpoint.phase == "training" else f", {checkpoint.phase}"
        for note in sight.notes:
            self._complain(note)

    def _course_of(self, sight: SavedState) -> RunSession:
        """One that waits, and for ever: nobody can have it go on."""
        from rugtui.live.history import History
        from rugtui.live.run_session import RunSession
        from rugtui.storage.checkpoint_writer import CheckpointWriter
        from rugtui.training.frozen_run import FrozenRun

        checkpoint = sight.checkpoint
        self._keeper = self._keeper or CheckpointWriter(
            checkpoint.settings, device=checkpoint.device
        )
        still = FrozenRun(checkpoint.settings, sight.weights, checkpoint.step)
        course = RunSession(still, self._keeper)
        course.history, course.seconds = History.of(sight.past), checkpoint.seconds
        course.waits = True
        return course

    def _stands(self, standing: Standing) -> None:
        """It has ended, or vanished, or somebody trains it again: say so."""
        self._standing = standing
        if self._experiment is None:
            gone = "was deleted" if standing == "gone" else "ended"
            said = f"{self._run.name!r} {gone} before its first save: there is nothing to look at."
            self._refuse(RunError(said))
            return
        self._phase = PHASES[standing]
        self._experiment.follow(self._experiment.course, lives=standing == "live")
        self._tell(self._news, "information" if standing in ("live", "finished") else "warning")

    @property
    def _news(self) -> str:
        """How it stands, in a sentence."""
        step = f"step {self._experiment.training.step if self._experiment else 0:,}"
        goes_on = f"`rugtui resume {self._name}` goes on"
        said: dict[Standing, str] = {
            "live": f"{self._who} trains it again.",
            "finished": f"It finished at {step}.",
            "paused": f"It was left at {step}: {goes_on}.",
            "crashed": f"Its process crashed; {step} was saved: {goes_on}.",
            "failed": f"Its training failed at {step}: {goes_on} with other settings.",
            "damaged": f"Its files are damaged by now: this is {step}.",
            "gone": f"It was deleted: this is {step}, as it was.",
        }
        return said[self._standing]

    def _complain(self, trouble: RugtuiError | OSError | str) -> None:
        """Say once what cannot be read; where there is nothing else to show, that is the end."""
        if self._experiment is None and not isinstance(trouble, str):
            self._refuse(trouble)
        elif str(trouble) not in self._complaints:
            self._complaints.add(str(trouble))
            self._tell(str(trouble), "warning")

    def _refuse(self, why: RugtuiError | OSError) -> None:
        self.refusal = why
        self._stop.set()

    def _carry_out(self, command: Command) -> None:
        match command:
            case Pause() | Change() | Open():
                self._tell(self._read_only, "warning")
            case Save():
                self._tell(
                    f"read-only: `rugtui export {self._name}` saves it elsewhere.", "warning"
                )
            case _:
                super()._carry_out(command)

    @property
    def _read_only(self) -> str:
        """Why nothing can be changed here, and where it can."""
        holder = self._lookout.holder if self._lookout else None
        if self._standing == "gone":
            return "read-only: this run was deleted."
        if self._standing != "live":
            return f"read-only: `rugtui resume {self._name}` goes on with this run."
        if holder is None or holder.screen or holder.elsewhere:
            return f"read-only: {self._who} trains this run; change it there."
        return (
            f"read-only: {self._who} trains this run; `rugtui resume {self._name}` takes it over."
        )

    def _frame(self) -> Frame:
        frame = dataclasses.replace(super()._frame(), read_only=self._read_only)
        if self._experiment is None:
            return frame
        lives = self._standing == "live"
        return dataclasses.replace(
            frame,
            run=str(self._run),
            source=f"{self._pid}read-only{self._doing}" if lives else "read-only",
            device=self._device,
            save_age=time.monotonic() - self._written if lives else math.nan,
        )
