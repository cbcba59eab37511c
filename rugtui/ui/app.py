"""The application: one worker thread, a timer that takes its newest Frame, keys that command it."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding
from textual.filter import LineFilter
from textual.notifications import SeverityLevel
from textual.screen import ModalScreen, Screen
from textual.timer import Timer

from rugtui.config import Settings, fields
from rugtui.errors import SettingError
from rugtui.preferences import Preferences, Theme
from rugtui.presets import PRESETS, Preset
from rugtui.session.commands import Change, Detach, NextFrame, Pause, Save, Show, Stop
from rugtui.session.frame import Frame
from rugtui.session.session import Session
from rugtui.threads import share_beside, step_back
from rugtui.ui.driver import Meter, thrifty
from rugtui.ui.keynames import shown
from rugtui.ui.keys import KEYS, SHEETS, Key, Keymap, bindings, key_named
from rugtui.ui.link import KIB, Link
from rugtui.ui.plain import Respelled, Uncoloured, in_ascii, on_console
from rugtui.ui.renderables.palette import Colours
from rugtui.ui.renderables.picture_colours import picture_colours
from rugtui.ui.screens.dashboard import PANES, Dashboard
from rugtui.ui.screens.failure import Failure
from rugtui.ui.screens.help import Help
from rugtui.ui.screens.runs import Runs
from rugtui.ui.screens.settings_form import SettingsForm
from rugtui.ui.screens.sheet import Sheet, ShowsFrames
from rugtui.ui.themes import name_of, themes
from rugtui.ui.thrift import Thrift
from rugtui.ui.widgets.headline import Headline
from rugtui.ui.widgets.loss import LossPane
from rugtui.ui.widgets.weights import WeightsPane

if TYPE_CHECKING:
    from rugtui.ui.screens.sweep import Desk

LOADING = "loading PyTorch …"
METER_SECONDS = 2.0
STILL = 4.0
"""Seconds without a Frame after which the header says so: a step takes long, or a device hangs."""
EAGER_SECONDS = 0.03
ANSWER_SECONDS = 0.5
MOST_COMPLAINTS, COMPLAINT_SECONDS = 3, 15.0
FPS_LEAST, FPS_USUAL, FPS_MOST = 0.25, Preferences().fps, 60.0
LEAST_P = 1e-9
THEMES: tuple[Theme, ...] = get_args(Theme)


class RugtuiApp(App[None]):
    """Watches one session. It holds no tensor and never waits for the worker."""

    TITLE = "rugtui"
    CSS_PATH = "rugtui.tcss"
    BINDINGS = bindings()

    def __init__(
        self,
        session: Session,
        preferences: Preferences | None = None,
        keymap: Keymap | None = None,
        defaults: Settings | None = None,
        complaints: Sequence[str] = (),
    ) -> None:
        """`defaults` are what presets do not set; `complaints` are shown once it runs."""
        super().__init__()
        self.defaults, self.complaints = defaults or Settings(), complaints
        self.keymap = keymap or {}
        self.set_keymap(self.keymap)
        self.preferences = preferences or Preferences()
        self.link = Link(self.preferences.link)
        self.driver_class = thrifty(self.driver_class, self.link)
        for theme in themes(self.colours):
            self.register_theme(theme)
        self.theme = name_of(self.preferences.theme)
        self._plainer: list[LineFilter] = [Uncoloured()] if self.colours == "none" else []
        linux = os.environ.get("TERM") == "linux"
        self.braille = not (self.preferences.ascii or linux)
        if self.preferences.ascii:
            self._plainer.append(Respelled(in_ascii))
        elif linux:
            self._plainer.append(Respelled(on_console))
        self.session = session
        self.settings = session.settings
        self.latest = Frame(session.settings, narration=LOADING, source=session.source)
        self.fps = self.preferences.fps
        """Frames shown in a second, at most."""
        self.thrift = Thrift()
        self._eager: Timer | None = None
        self._told = self._sent = self._drawn = 0
        self._failure = ""
        self._wrong_until, self._taken = 0.0, time.monotonic()
        self.heard = 0
        """The last signal that came."""
        self._desk: Desk | None = None
        self._loop_of_app: asyncio.AbstractEventLoop | None = None
        self.hung_up = False
        """Whether the terminal is gone and training goes on."""

    @property
    def colours(self) -> Colours:
        """What the terminal has, as far as its environment says."""
        system = self.console.color_system
        if self.no_color or system is None:
            return "none"
        few: dict[str, Colours] = {"256": "eight bits", "standard": "sixteen", "windows": "sixteen"}
        return few.get(system, "many")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and what a terminal of no colours or of other characters needs."""
        return [*super().get_line_filters(), *self._plainer]

    def get_default_screen(self) -> Dashboard:
        return Dashboard()

    def get_key_display(self, binding: Binding) -> str:
        """The footer's keys are those of the table, where it has them."""
        key = key_named(binding.id)
        if key and key.pair:
            return key.shown_with_pair(self.keymap)
        return shown(binding.key) if key else super().get_key_display(binding)

    @property
    def dashboard(self) -> Dashboard:
        screen = self.screen_stack[0]
        assert isinstance(screen, Dashboard)
        return screen

    @property
    def share(self) -> float:
        """What drawing may take, in cores: more where more of it is wanted."""
        return share_beside() * self.fps / FPS_USUAL

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent):
            self.thrift.attend()
            self.link.attend()
            self._eager = self._eager or self.set_interval(EAGER_SECONDS, self.take_answer)
        await super().on_event(event)

    def on_ready(self) -> None:
        """Painted: only now may anything slow begin."""
        self._loop_of_app = asyncio.get_running_loop()
        if self.heard:
            self.leave(self.heard)
        self.dashboard.show(self.latest)
        for complaint in self.complaints[:MOST_COMPLAINTS]:
            self.notify(complaint, severity="warning", timeout=COMPLAINT_SECONDS)
        if more := len(self.complaints[MOST_COMPLAINTS:]):
            told = f"{more} more faults in the config file: `rugtui doctor` tells them all"
            self.notify(told, severity="warning", timeout=COMPLAINT_SECONDS)
        self.run_worker(self._work, thread=True, exit_on_error=False, name="session")
        self._timer = self.set_interval(1 / self.fps, self.take_frame)
        self.set_interval(METER_SECONDS, self.read_meter)

    def on_resize(self) -> None:
        self._forget()  # also where it is the old size again: another was in between

    def _forget(self) -> None:
        if isinstance(self._driver, Meter):
            self._driver.forget()

    def read_meter(self) -> None:
        """Bytes sent and Frames drawn since the last reading, into the header with the next."""
        sent = self._driver.sent if isinstance(self._driver, Meter) else 0
        rate, self._sent = (sent - self._sent) / METER_SECONDS / KIB, sent
        drawn, self._drawn = self._drawn / METER_SECONDS, 0
        waited = time.monotonic() - self._taken if self.latest.phase == "training" else 0.0
        if not self.screen_stack:
            return  # a last tick, when the app is already leaving
        for headline in self.dashboard.query(Headline):
            headline.screen_facts = f"{rate:.0f} KiB/s", f"{drawn:.2g} fps"
            headline.wait(waited if waited > STILL else 0.0)

    def take_answer(self) -> None:
        """Do not let whoever pressed a key wait for the next Frame's turn."""
        if self.thrift.eager:
            self.take_frame()
        elif self._eager is not None:
            self._eager.stop()
            self._eager = None

    def take_frame(self) -> None:
        """Show the newest Frame, if there is one, it is time, and the terminal has taken what came
        before."""
        if isinstance(self._driver, Meter) and self._driver.stuck:
            return
        if self.latest.phase == "training" and not self.thrift.due(self.share):
            return
        frame = self.session.frames.take()
        if frame is None:
            return
        self.thrift.begin()
        self._drawn, self._taken = self._drawn + 1, time.monotonic()
        self.latest, self.settings = frame, frame.settings
        for screen in reversed(self.screen_stack):  # what is in front has the link first
            if isinstance(screen, ShowsFrames):
                screen.show(frame)
            if isinstance(screen, ModalScreen):
                break  # it covers what is behind
        self._tell_news(frame)

    def _tell_news(self, frame: Frame) -> None:
        for notice in frame.notices:
            if notice.serial > self._told:
                self._told = notice.serial
                self.notify(notice.text, severity=notice.severity)
        if frame.failure and frame.failure != self._failure:
            self.push_screen(Failure(frame.failure, frame.traceback, frame.kept))
        self._failure = frame.failure

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Say something over the keys, where only what is wrong piles up: of what a key did (`]`
        five times), the last is enough."""
        now = time.monotonic()
        lasting = timeout or self.NOTIFICATION_TIMEOUT
        if now >= self._wrong_until:
            self.clear_notifications()
        if severity != "information":
            self._wrong_until = max(self._wrong_until, now + lasting)
        super().notify(
            folded(message, self.size.width - 2),
            title=title,
            severity=severity,
            timeout=lasting,
            markup=markup,
        )

    def _work(self) -> None:
        """The session catches its own faults; one that gets past it is a bug, and is shown."""
        step_back()
        try:
            self.session.run()
            if self.session.refusal is not None:
                self.call_from_thread(self.leave)
        except Exception as error:  # noqa: BLE001 - the thread's edge
            failure = Failure(f"The worker died: {error!r}", traceback.format_exc())
            self.call_from_thread(self.push_screen, failure)

    def on_key(self, event: events.Key) -> None:
        """Escape and a letter soon after it come as one key, alt+letter, which only those have who
        moved a key there."""
        if event.key.startswith("alt+") and event.key not in self.screen.active_bindings:
            event.stop()
            letter = event.key.removeprefix("alt+")
            capital = letter.removeprefix("shift+")
            for key in ("escape", letter if capital == letter else capital.upper()):
                self.simulate_key(key)

    def on_weights_pane_looks(self, message: WeightsPane.Looks) -> None:
        self.session.send(message.look)

    def on_weights_pane_wants_frame(self) -> None:
        self.session.send(NextFrame())

    def action_swap_weights(self) -> None:
        self.session.send(Show("trained" if self.latest.shown == "rug" else "rug"))

    def action_pause(self) -> None:
        if self.refused():
            return
        self.session.send(Pause(self.latest.phase == "training"))

    def action_lr(self, factor: float) -> None:
        self.change(lr=self.settings.learning_rate * factor)

    def action_p(self, factor: float) -> None:
        self.change(p=min(max(self.settings.p * factor, LEAST_P), 1.0))

    def change(self, **changes: float) -> None:
        """Ask for other settings; what they may not be is said, and nothing happens."""
        if self.refused():
            return
        try:
            self.settings = self.settings.replace(**changes)
        except SettingError as error:
            self.notify(str(error), severity="error")
            return
        self.session.send(Change(self.settings))
        self.notify(", ".join(f"{name} {value:.4g}" for name, value in changes.items()), timeout=2)

    def refused(self) -> bool:
        """Whether nothing can be changed here; why is said."""
        if self.latest.read_only:
            self.notify(self.latest.read_only, severity="warning")
        return bool(self.latest.read_only)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything by name: each key that can be had from here, each preset, each theme."""
        here = keys_of(screen)
        for key in KEYS:
            reached = key.pane not in SHEETS or key.pane == here or key.pane in self._opens
            if reached and key.name != "command_palette":
                title = f"{key.title} ({key.shown(self.keymap)})"
                yield SystemCommand(title, key.about, partial(self.do, key))
        for one in PRESETS:
            about = f"{one.about} Opens the form with it."
            yield SystemCommand(f"preset: {one.name}", about, partial(self.action_edit, one))
        for theme in THEMES:
            about = f"Colours for a {theme} terminal."
            yield SystemCommand(f"theme: {theme}", about, partial(self.wear, theme))

    @property
    def _opens(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The sheets that can be had from everywhere, by the pane of their keys."""
        return {"runs": self.action_runs, "sweep": self.action_sweep}

    async def do(self, key: Key) -> None:
        """What a key does, wherever one is: the screen that has it comes to the front."""
        if key.pane and key.pane != keys_of(self.screen):
            while self.screen is not self.dashboard:
                await self.pop_screen()
            if key.pane in self._opens:
                await self._opens[key.pane]()
        if key.pane in PANES:
            self.dashboard.go_to(key.pane)
            await self.run_action(key.action, self.dashboard.query_one(f"#{key.pane}"))
        else:
            await self.run_action(key.action, self.screen if key.pane else self)

    def wear(self, theme: Theme) -> None:
        self.theme = name_of(theme)

    def action_edit(self, preset: Preset | None = None) -> None:
        """Open the form; one that is open may be given a preset."""
        if self.refused():
            return
        if isinstance(self.screen, SettingsForm):
            if preset is not None:
                self.screen.fill(preset.name)
            return

        def apply(draft: Settings | None) -> None:
            if draft is not None and (draft != self.settings or self.latest.phase == "failed"):
                self.settings = draft
                self.session.send(Change(draft))

        defaults = on_this_machine(self.settings, self.defaults)
        self.push_screen(SettingsForm(self.settings, defaults, preset), apply)

    async def action_runs(self) -> None:
        loss = self.dashboard.query_one(LossPane)
        await self.push_screen(
            Runs(self.latest, loss.runs_view, loss.look_at_runs, self.session.send)
        )

    async def action_sweep(self) -> None:
        from rugtui.ui.screens.sweep import Desk, SweepScreen  # they load SciPy

        self._desk = self._desk or Desk()
        await self.push_screen(SweepScreen(self.latest, self._desk, self.session.send))

    def action_snapshot(self) -> None:
        colours = picture_colours(self.current_theme.dark)
        self.session.send(Save(self.export_screenshot(), colours))

    def action_copy(self) -> None:
        """Copy what is pointed at, or else the last snapshot's path, and say what it was."""
        text = self.dashboard.pointed_at().replace("−", "-") or self.latest.snapshot
        if not text:
            hint = "nothing to copy yet: h shows the crosshair, arrows a cell of W, s saves"
            self.notify(hint, severity="warning", timeout=4)
            return
        self.copy_to_clipboard(text)
        self.notify(f"copied: {text}", timeout=4)

    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52; tmux passes on what is wrapped for it, where it does not copy by itself."""
        super().copy_to_clipboard(text)
        if self._driver is not None and "TMUX" in os.environ:
            self._driver.write(passed_through(text))

    def action_fps(self, factor: float) -> None:
        self.fps = min(max(self.fps * factor, FPS_LEAST), FPS_MOST)
        self._timer.stop()
        self._timer = self.set_interval(1 / self.fps, self.take_frame)
        self.notify(f"{self.fps:g} frames a second, at most", timeout=2)

    def action_redraw(self) -> None:
        """The terminal may show anything: something else wrote to it."""
        self._forget()
        self.refresh()

    def action_theme(self) -> None:
        self.wear("light" if self.current_theme.dark else "dark")

    def action_help(self) -> None:
        self.push_screen(Help(self.keymap, keys_of(self.screen)))

    async def action_quit(self) -> None:
        self.leave()

    def hear(self, signal_number: int) -> None:
        """A signal came: what its handler may do in the middle of anything else."""
        self.heard = signal_number
        if signal_number != signal.SIGHUP:
            self.session.send(Stop())
        if self._loop_of_app is not None and not self._loop_of_app.is_closed():
            self._loop_of_app.call_soon_threadsafe(self.leave, signal_number)

    def leave(self, signal_number: int = 0) -> None:
        """Give the terminal back, and stop the worker unless the terminal is what went.

        A signal shows in the exit code.
        """
        hangup = signal_number == signal.SIGHUP and self.preferences.on_hangup == "continue"
        self.hung_up = self.hung_up or hangup
        self.session.send(Detach() if hangup else Stop())
        if isinstance(self._driver, Meter):
            self._driver.drop()
        code = 128 + signal_number if signal_number else 0
        self._exit_soon(code, time.monotonic() + (0 if self.hung_up else ANSWER_SECONDS))

    def _exit_soon(self, code: int, until: float) -> None:
        """The shell would take for typed what the terminal answers only then."""
        if isinstance(self._driver, Meter) and self._driver.answer_due and time.monotonic() < until:
            self.set_timer(EAGER_SECONDS, partial(self._exit_soon, code, until))
        else:
            self.exit(return_code=code)


def keys_of(screen: Screen[Any]) -> str:
    """The pane in the key table whose keys work on a screen."""
    return screen.keys_of if isinstance(screen, Sheet) else "dashboard"


def folded(text: str, width: int) -> str:
    """The text in full lines where a word (a path, mostly) is longer than a line: wrapped at spaces
    it would take a line more."""
    if width < 1 or all(len(word) <= width for word in text.split()):
        return text
    return "\n".join(text[k : k + width] for k in range(0, len(text), width))


def on_this_machine(settings: Settings, defaults: Settings) -> Settings:
    """`defaults`, with the seed, the device and the precisions of `settings`."""
    kept = [one.name for one in fields() if one.rule.group == "machine"]
    return defaults.replace(**{name: getattr(settings, name) for name in kept})


def passed_through(text: str) -> str:
    """OSC 52 as tmux hands it on to the terminal around it."""
    return f"\x1bPtmux;\x1b\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a\x1b\\"
