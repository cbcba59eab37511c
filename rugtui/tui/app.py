"""The application: one worker thread, and the keys that command it.

`frame_app.py` brings its Frames to the screen; `terminal/terminal_app.py` adapts it to the
terminal.
"""

from __future__ import annotations

import asyncio
import signal
import traceback
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from rugtui.errors import SettingError
from rugtui.live.commands import Detach, NextConstruction, Pause, Save, Show, ShowStep, Stop
from rugtui.live.session import Session
from rugtui.runtime.threads import lower_priority
from rugtui.settings.preferences import Preferences
from rugtui.settings.presets import Preset
from rugtui.settings.settings import Settings, fields, no_effect
from rugtui.tui.charts.palette import picture_colours
from rugtui.tui.command_palette import CommandPalette, Commands, commands, focused_in, keys_of
from rugtui.tui.frame_app import FrameApp
from rugtui.tui.keynames import shown
from rugtui.tui.keys import Keymap, bindings, key_named
from rugtui.tui.panes.loss.widget import LossPane
from rugtui.tui.panes.pane import TablePane
from rugtui.tui.panes.weights.widget import WeightsPane
from rugtui.tui.screens.failure import Failure
from rugtui.tui.screens.help import Glossary, Help
from rugtui.tui.screens.runs import Runs
from rugtui.tui.screens.settings_form import SettingsForm
from rugtui.tui.screens.system import RunLog, System

if TYPE_CHECKING:
    from rugtui.tui.screens.sweep import Desk

MOST_COMPLAINTS, COMPLAINT_SECONDS = 3, 15.0
LEAST_P = 1e-9


class RugtuiApp(FrameApp):
    """Carries out the keys: commands are sent to the session, and their effect appears in a
    Frame."""

    TITLE = "rugtui"
    CSS_PATH = "rugtui.tcss"
    BINDINGS = bindings()
    COMMANDS = {Commands}

    def __init__(
        self,
        session: Session,
        preferences: Preferences | None = None,
        keymap: Keymap | None = None,
        defaults: Settings | None = None,
        complaints: Sequence[str] = (),
    ) -> None:
        """`defaults` are what presets do not set; `complaints` are shown once it runs."""
        super().__init__(session, preferences or Preferences())
        self.defaults, self.complaints = defaults or Settings(), complaints
        self.keymap = keymap or {}
        self.set_keymap(self.keymap)
        self.signal_received = 0
        """The signal that ends the app; a hang-up does not replace an earlier one."""
        self._desk: Desk | None = None
        self._loop_of_app: asyncio.AbstractEventLoop | None = None
        self.hung_up = False
        """Whether the terminal is gone and training goes on."""

    def get_key_display(self, binding: Binding) -> str:
        """The keys in the footer are those of the key table."""
        key = key_named(binding.id)
        if key and key.pair:
            return key.shown_with_pair(self.keymap)
        return shown(binding.key) if key else super().get_key_display(binding)

    def on_ready(self) -> None:
        """Start the session: the first screen is painted, so what is slow may begin."""
        self._loop_of_app = asyncio.get_running_loop()
        if self.signal_received:
            self.leave(self.signal_received)
        self.dashboard.show(self.latest)
        for complaint in self.complaints[:MOST_COMPLAINTS]:
            self.notify(complaint, severity="warning", timeout=COMPLAINT_SECONDS)
        if more := len(self.complaints[MOST_COMPLAINTS:]):
            faults = "1 more fault" if more == 1 else f"{more} more faults"
            told = f"{faults} in the config file: `rugtui doctor` tells them all"
            self.notify(told, severity="warning", timeout=COMPLAINT_SECONDS)
        self.run_worker(self._work, thread=True, exit_on_error=False, name="session")
        self.follow()

    def _work(self) -> None:
        """Run the session, in a thread. An error that it does not handle itself is a bug: shown."""
        lower_priority()
        try:
            self.session.run()
            if self.session.refusal is not None:
                self.call_from_thread(self.leave)
        except Exception as error:  # noqa: BLE001 - the thread's edge
            failure = Failure(f"The worker died: {error!r}", traceback.format_exc())
            self.call_from_thread(self.push_screen, failure)

    async def on_event(self, event: events.Event) -> None:
        """Treat alt+letter, unless it is bound, as escape and then the letter: terminals send the
        same bytes when both are pressed within a moment."""
        key = event.key if isinstance(event, events.Key) else ""
        unbound = key.startswith("alt+") and self.screen_stack
        if unbound and key not in self.screen.active_bindings:
            if escape := self.screen.active_bindings.get("escape"):
                await self.run_action(escape.binding.action, escape.node)
            letter = key.removeprefix("alt+")
            capital = letter.removeprefix("shift+")
            self.simulate_key(letter if capital == letter else capital.upper())
        else:
            await super().on_event(event)

    def on_weights_pane_picture_wanted(self, message: WeightsPane.PictureWanted) -> None:
        self.send(message.look)

    def on_loss_pane_step_wanted(self, message: LossPane.StepWanted) -> None:
        self.send(ShowStep(message.step))

    def on_weights_pane_next_rug_wanted(self) -> None:
        self.send(NextConstruction())

    def action_swap_weights(self) -> None:
        shown = self.shown_then or self.latest.shown
        self.shown_then = "trained" if shown == "rug" else "rug"
        self.send(Show(self.shown_then))

    def action_replay(self) -> None:
        if not self.dashboard.query_one(LossPane).toggle_replay():
            self.notify("There is nothing to replay: no earlier weights were kept.", timeout=4)

    def action_pause(self) -> None:
        if self.refused():
            return
        if self.latest.phase == "failed":
            self.notify("training has stopped: e edits the settings and starts again", timeout=4)
        elif self.latest.phase == "loading":
            self.send(Pause(None))
        else:
            trains = self.latest.phase == "training"
            self.paused_then = trains if self.paused_then is None else not self.paused_then
            self.send(Pause(self.paused_then))

    def action_lr(self, factor: float) -> None:
        self.change(lr=self.settings.learning_rate * factor)

    def action_p(self, factor: float) -> None:
        self.change(p=min(max(self.settings.p * factor, LEAST_P), 1.0))

    def change(self, **changes: float) -> None:
        """Ask for other settings; invalid ones are reported and ignored."""
        if self.refused():
            return
        # a form would show twenty digits of 3e-3 / √512
        short = {name: float(f"{value:.6g}") for name, value in changes.items()}
        try:
            settings = self.settings.replace(**short)
        except SettingError as error:
            self.notify(str(error), severity="error")
            return
        if vain := no_effect(settings, short):
            self.notify(" ".join(vain), severity="warning", timeout=4)
            return
        self.ask(settings)
        self.notify(", ".join(f"{name} {value:.4g}" for name, value in changes.items()), timeout=2)

    def refused(self) -> bool:
        """Whether the run cannot be changed here; if so, says why."""
        if self.latest.read_only:
            self.notify(self.latest.read_only, severity="warning")
        return bool(self.latest.read_only)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(id="--command-palette"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return commands(self, screen, self.keymap, self.action_edit)

    async def action_edit(self, preset: Preset | None = None) -> None:
        """Open the form; one that is open may be given a preset."""
        if self.refused():
            return
        if isinstance(self.screen, SettingsForm):
            if preset is not None:
                self.screen.fill(preset.name)
            return

        def apply(draft: Settings | None) -> None:
            if draft is not None and (draft != self.settings or self.latest.phase == "failed"):
                self.ask(draft)

        defaults = on_this_machine(self.settings, self.defaults)
        await self.push_screen(SettingsForm(self.settings, defaults, preset), apply)

    async def action_runs(self) -> None:
        loss = self.dashboard.query_one(LossPane)
        await self.push_screen(Runs(self.latest, loss.runs_view, loss.look_at_runs, self.send))

    async def action_sweep(self) -> None:
        from rugtui.tui.screens.sweep import Desk, SweepScreen  # they load SciPy

        self._desk = self._desk or Desk()
        await self.push_screen(SweepScreen(self.latest, self._desk, self.send))

    def action_snapshot(self) -> None:
        colours = picture_colours(self.current_theme.dark)
        self.send(Save(self.export_screenshot(), colours))

    def action_copy(self) -> None:
        """Copy what the user points at, otherwise the path of the last snapshot, and say what was
        copied."""
        text = self.dashboard.pointed_at().replace("−", "-") or self.latest.snapshot
        if not text:
            hint = "nothing to copy yet: h shows the crosshair, arrows a cell of W, s saves"
            self.notify(hint, severity="warning", timeout=4)
            return
        self.copy_to_clipboard(text)
        self.notify(f"copied: {text}", timeout=4)

    async def action_help(self) -> None:
        sheet = Help(self.keymap, keys_of(self.screen), focused_in(self.screen))
        pane = self.screen.focused
        if isinstance(pane, TablePane) and (rows := pane.explained()):
            await self.push_screen(Glossary(str(pane.border_title), rows, sheet))
        else:
            await self.push_screen(sheet)

    async def action_system(self) -> None:
        await self.push_screen(System())

    async def action_log(self) -> None:
        await self.push_screen(RunLog())

    async def action_quit(self) -> None:
        self.leave()

    def handle_signal(self, signal_number: int) -> None:
        """Note a signal, and leave as soon as the event loop is free. The signal handler calls it,
        in the middle of anything."""
        if signal_number != signal.SIGHUP or not self.signal_received:
            self.signal_received = signal_number  # a hang-up may be noticed late
        if signal_number != signal.SIGHUP:
            self.send(Stop())
        if self._loop_of_app is not None and not self._loop_of_app.is_closed():
            self._loop_of_app.call_soon_threadsafe(self.leave, signal_number)

    def leave(self, signal_number: int = 0) -> None:
        """Give the terminal back, and stop the worker unless the terminal was lost and training
        goes on. The exit code tells of a signal."""
        hangup = signal_number == signal.SIGHUP and self.preferences.on_hangup == "continue"
        self.hung_up = self.hung_up or hangup
        self.send(Detach() if hangup else Stop())
        self.terminal.abandon(hung_up=self.hung_up)
        self.exit(return_code=128 + signal_number if signal_number else 0)


def on_this_machine(settings: Settings, defaults: Settings) -> Settings:
    """`defaults`, with the seed, the device and the precisions of `settings`."""
    kept = [one.name for one in fields() if one.rule.group == "machine"]
    return defaults.replace(**{name: getattr(settings, name) for name in kept})
