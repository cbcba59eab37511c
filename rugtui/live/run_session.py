"""A run under way: training, its history, and the keeper that writes both down."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from rugtui.analysis.verdict import death
from rugtui.errors import RunError
from rugtui.live.commands import Kind
from rugtui.live.history import NAMES, History
from rugtui.models.dense import Dense
from rugtui.settings.effects import no_effect, set_in_vain
from rugtui.settings.settings import Settings, fields
from rugtui.storage.checkpoint import Checkpoint, Phase, newest, restore
from rugtui.storage.checkpoint_writer import EVERY, CheckpointWriter, ResumeHandle, RunState
from rugtui.storage.files import read_json
from rugtui.storage.history_file import read_past
from rugtui.storage.run_directory import ABOUT, name_for_commands, settings_of
from rugtui.training.failure import Diverged
from rugtui.training.result import StepResult
from rugtui.training.trainer import Trainer, never

LEAVING = 10.0
"""Seconds that the last save may take; the checkpoint before it stays where that is not enough."""


class RunSession:
    """What the dashboard and `rugtui train` have in common. One thread advances it."""

    def __init__(self, trainer: Trainer, writer: CheckpointWriter) -> None:
        self.trainer, self.writer = trainer, writer
        self.history = History()
        self.seconds = 0.0
        """Spent in training."""
        self.notes: list[str] = []
        """What there is to tell, of the files that it was taken up from and of how it fares."""
        self.dead = 0
        """Outputs that stay at 0 whatever comes, as of the last result."""
        self.waits = False
        """Whether it is only looked at until somebody says to train: nothing is written."""
        self.shown: Kind = "trained"
        self.construction = ""
        """Which construction the rug is that was shown, if it was not the usual one."""
        self.origin = ""
        """Where its weights are from, if not from the seed."""
        self.source = ""
        """The same in a word or two, while it waits."""
        self.reserve: ResumeHandle | None = None
        """The run that it is of, which it does not hold while it waits."""
        self._begun = False
        self._saved: tuple[int, Phase, Settings] | None = None

    @classmethod
    def new(
        cls,
        settings: Settings,
        *,
        into: Path | None = None,
        screen: bool = False,
        every: float = EVERY,
    ) -> RunSession:
        """A run that begins. Raises SettingError where there is no such device."""
        training = Trainer(settings, screen=screen)
        device = str(training.device)
        keeper = CheckpointWriter(settings, device=device, into=into, screen=screen, every=every)
        course = cls(training, keeper)
        course.notes += set_in_vain(settings)
        return course

    @classmethod
    def taken_up(cls, run: Path, *, screen: bool = False, every: float = EVERY) -> RunSession:
        """The run in this directory, from its newest whole checkpoint, bit for bit.

        Raises RunError where another process trains it or a newer rugtui wrote it, DamagedError,
        SettingError, OSError.
        """
        keeper = CheckpointWriter(Settings(), device="", run=run, screen=screen, every=every)
        try:
            found = newest(run)
            if found is None:
                # Nothing was saved yet: equal settings give equal bits from the start.
                settings = settings_of(run / ABOUT, read_json(run / ABOUT))
                return cls(Trainer(settings, screen=screen), keeper)
            course = cls.restored(run, found, keeper, screen=screen)
            path, checkpoint, _ = found
            keeper.went_on_from(path)
        except BaseException:
            keeper.leave(0)
            raise
        course._saved = checkpoint.step, checkpoint.phase, checkpoint.settings
        keeper.note(f"taken up at step {checkpoint.step:,}")
        return course

    @classmethod
    def restored(
        cls,
        folder: Path,
        found: tuple[Path, Checkpoint, list[str]],
        keeper: CheckpointWriter,
        *,
        device: str = "",
        screen: bool = False,
    ) -> RunSession:
        """What `newest` found in a folder, with the history beside it."""
        path, checkpoint, refused = found
        course = cls(restore(path, checkpoint, device=device, screen=screen), keeper)
        past, damaged = read_past(folder, NAMES)
        past = past.until(checkpoint.step)
        course.history = History.of(past)
        course.seconds = checkpoint.seconds
        course.notes = [*refused, *damaged]
        lost = checkpoint.results - past.table.shape[1]
        if lost and past.thinned == checkpoint.thinned:  # killed in between, they cannot be counted
            course.notes.append(f"{str(folder)!r}: {lost:,} results are missing from its history.")
        if checkpoint.device != str(course.trainer.device):
            course.notes.append(f"it ran on {checkpoint.device} before: data and digits may differ")
        before, now = checkpoint.state.facts.get("threads"), course.trainer.threads
        if before not in (None, now):
            course.notes.append(
                f"it trained with --threads {before} so far and goes on with --threads {now}: the "
                "last digits may differ from those of an uninterrupted run"
            )
        return course

    def go_on(self) -> None:
        """Train from now on what was only looked at.

        Raises RunError where its run is in use, or went on meanwhile; OSError.
        """
        if self.reserve is not None:
            self.reserve.take(self.writer)
            self.writer.note(f"opened at step {self.trainer.step:,}, and goes on")
        waited, self.waits, self.source, self.reserve = self.waits, False, "", None
        if waited:
            self._begin()

    def place(self) -> Path:
        """Where snapshots go: the run's directory, made if it has none yet.

        Raises RunError where it cannot be made, and for a run that is only looked at.
        """
        if self.reserve is not None:
            raise RunError(
                f"{self.reserve.run.name!r} is open read-only: nothing is written into it before "
                "training resumes (space)."
            )
        if self.waits or not self._begun:
            self.waits = False
            self._begin()
        if self.writer.run is None:
            raise RunError(self.writer.trouble)
        return self.writer.run

    @property
    def settings(self) -> Settings:
        return self.trainer.settings

    @property
    def step(self) -> int:
        return self.trainer.step

    @property
    def done(self) -> bool:
        return self.trainer.done

    @property
    def device(self) -> str:
        return str(self.trainer.device)

    @property
    def plan(self) -> str:
        return self.trainer.plan

    @property
    def folder(self) -> Path | None:
        return self.writer.run

    def weights(self) -> Dense:
        """A copy that training will not touch, on the training device."""
        return self.trainer.weights()

    def advance(
        self, cancelled: Callable[[], bool], called: Callable[[], bool] = never
    ) -> StepResult | None:
        """One interval into the history, or what there was time for until somebody called, and a
        save where one is due. Raises TrainingError."""
        if not self._begun:
            self._begin()
        started = time.perf_counter()
        try:
            result = self.trainer.advance(cancelled, called)
        except Diverged as error:
            self._go_back(error)
            raise
        finally:
            self.seconds += time.perf_counter() - started
        if result is not None:
            self.history.add(result, self.seconds)
            self._notice_death(result.dead)
        if self.writer.due:
            self.save("training")
        return result

    def _go_back(self, error: Diverged) -> None:
        """The history, too, is that of the weights that were kept."""
        self.history = History.of(self.history.past().until(error.kept_step))
        self.history.mark(error.kept_step, f"back from {error.step:,}")

    def _notice_death(self, dead: int) -> None:
        """Say it, once, when the last output has died: such a run only looks as if it trained."""
        if dead == self.settings.n_sparse > self.dead:
            self.notes.append(f"at step {self.trainer.step:,}: {death(dead, self.settings)}")
        self.dead = dead

    def _begin(self) -> None:
        """Training starts: from now on there is a directory, and something to lose."""
        self._begun = True
        if self.writer.run is None:
            self.writer.begin()
            self.writer.note(f"began {self.origin}".rstrip())
            if self.origin:  # the seed alone does not lead here
                self.save("training")

    def change(self, settings: Settings) -> None:
        """Go on with other settings. Raises SettingError where they need a restart."""
        before = self.settings
        if settings == before:
            return  # what training does for a change would end the interval under way
        self.trainer.change(settings)
        for declared in fields():
            value = getattr(settings, declared.name)
            if value != getattr(before, declared.name):
                was = f"{before.steps:,}→" if declared.name == "steps" and before.steps else ""
                self.history.mark(self.trainer.step, f"{declared.name} {was}{_short(value)}")
                self.notes += no_effect(settings, [declared.name])

    def renew(self) -> str:
        """Train on where it is over; what that takes, in a word or two, which a mark says too."""
        changes = self.trainer.renew()
        if not changes:
            self.history.mark(self.trainer.step, "patience anew")
            return "with patience counted from here"
        self.change(self.settings.replace(**changes))
        told = {"steps": f"to step {self.settings.steps:,}", "until_within": "without the target"}
        return ", ".join(told[name] for name in changes)

    def save(self, phase: Phase) -> None:
        """Have the keeper write down this step; returns at once. What waits is not written."""
        if self.waits:
            return
        self._saved = self.trainer.step, phase, self.settings
        self.writer.save(lambda: self.moment(phase))

    def kept(self) -> str:
        """What of it is on disk, in a sentence; empty where nothing is to be."""
        run, step = self.writer.run, self.writer.kept
        if self.waits:
            return ""
        if step is None:
            return "Nothing of this run is saved yet."
        assert run is not None
        how = f"`rugtui resume {name_for_commands(run)}` goes on from there"
        return f"Step {step:,} is saved in {run}; {how}."

    def detach(self) -> None:
        """Nobody looks on any more: say so, and where this goes, in the lock and in the log."""
        if not self._begun:
            self._begin()
        self.writer.tell_screen(False)
        steps = self.settings.steps
        to = f": goes on to step {steps:,}" if steps else ": goes on until stopped"
        to = "" if self.trainer.done else to
        self.writer.note(f"the terminal is gone at step {self.trainer.step:,}{to}")

    def news(self) -> list[tuple[str, bool]]:
        """What there is to tell, once: sentences, and whether each is bad."""
        notes, self.notes = self.notes, []
        return [(note, True) for note in notes] + self.writer.news()

    def save_last(self, phase: Phase) -> None:
        """Have this step saved where it is not yet: nothing comes after it. Returns at once."""
        if self.waits or (not self._begun and self._saved is None):
            return
        if self._saved != (self.trainer.step, phase, self.settings) or self.writer.trouble:
            self.save(phase)

    def leave(self, phase: Phase, within: float | None = LEAVING, *, by: str = "") -> bool:
        """Save the last step, where it is not yet, and give the run free; whether it was saved.

        `within`: seconds to wait for it; None is without end. `by`: what ended the run, for its
        log.
        """
        self.save_last(phase)
        done = self.writer.wait(within)  # a run saved for the first time has no log before
        if not self.waits and self._saved is not None:
            ended = f"{phase} at step {self.trainer.step:,}{by and f' by {by}'}"
            how = "" if phase == "done" else f": {self.writer.unsaved or self.kept()}"
            self.writer.note(ended + how)
        return self.writer.leave(within if done else 0)

    def moment(self, phase: Phase) -> RunState:
        """A copy of everything that is kept."""
        past = self.history.past()
        rows = past.table.shape[1]
        checkpoint = Checkpoint(
            settings=self.settings,
            state=self.trainer.state(),
            seconds=self.seconds,
            phase=phase,
            device=str(self.trainer.device),
            loss=float(past.table[NAMES.index("loss"), -1]) if rows else None,
            results=rows,
            thinned=past.thinned,
        )
        return RunState(checkpoint, past)


def _short(value: object) -> str:
    return "auto" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
