"""What `rugtui doctor` looks at, one thing a function: what is there, does it work, what to do."""

from __future__ import annotations

import locale
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rugtui import __version__
from rugtui.cli.config_file import Config, config_path, read_config
from rugtui.tui.layout import LEAST, layout_for

PACKAGES = ("torch", "textual", "numpy", "scipy", "rich", "platformdirs")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing; `advice` may also better what works."""

    name: str
    value: str
    works: bool = True
    advice: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"value": self.value, "works": self.works, "advice": list(self.advice)}


def checks() -> list[Check]:
    """Everything, in the order in which people look for it."""
    from rugtui.storage.run_directory import runs_folder

    config, environment = read_config(), os.environ
    return [
        terminal(environment),
        size(_size()),
        colours(),
        characters(environment),
        link(config, environment),
        clipboard(environment),
        devices(),
        versions(),
        folder("runs", runs_folder()),
        folder("config_folder", config_path().parent),
        config_file(config),
    ]


def terminal(environment: Mapping[str, str]) -> Check:
    name = environment.get("TERM", "")
    outer = [word for word in ("tmux", "screen") if name.startswith(word)]
    value = name + ("" if "TMUX" not in environment or outer else " in tmux")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        value = f"standard input or output is no terminal (TERM is {name or 'unset'})"
        advice = "the dashboard needs one; `rugtui train` and all other commands do not"
        return Check("terminal", value, False, (advice,))
    if name in ("", "dumb", "unknown"):
        advice = "set TERM to what the terminal is, such as xterm-256color"
        return Check("terminal", name or "TERM is unset", False, (advice,))
    return Check("terminal", value)


def _size() -> tuple[int, int] | None:
    for descriptor in (1, 0, 2):
        try:
            found = os.get_terminal_size(descriptor)
        except OSError:
            continue
        return found.columns, found.lines
    return None


def size(found: tuple[int, int] | None) -> Check:
    if found is None:
        return Check("size", "unknown: no terminal to ask")
    layout = layout_for(*found)
    value = f"{found[0]} × {found[1]}"
    if layout == "none":
        advice = f"enlarge it to {LEAST[0]} × {LEAST[1]} at least"
        return Check("size", value, False, (advice,))
    four = "four panes"
    panes = {"broad": four, "wide": four, "compact": "three panes", "single": "one pane at a time"}
    return Check("size", f"{value}: {panes[layout]}")


def colours() -> Check:
    from rich.console import Console

    from rugtui.cli.plots import colours_of

    found = colours_of(Console())
    words = {"many": "16 million", "eight bits": "256", "sixteen": "16", "none": "none"}
    advice: tuple[str, ...] = ()
    if found == "none" and "NO_COLOR" in os.environ:
        advice = ("NO_COLOR is set: unset it to have colours",)
    elif found in ("eight bits", "sixteen"):
        advice = ("where the terminal has more, COLORTERM=truecolor says so",)
    return Check("colours", words[found], True, advice)


def characters(environment: Mapping[str, str]) -> Check:
    encoding = locale.getpreferredencoding(False)
    works = encoding.lower().replace("-", "") == "utf8" and environment.get("TERM") != "linux"
    advice = ("`--ascii` does without braille and blocks; LANG=C.UTF-8 has them",)
    return Check("unicode", encoding, works, () if works else advice)


def link(config: Config, environment: Mapping[str, str]) -> Check:
    from rugtui.tui.terminal.bandwidth import KIB, BandwidthLimiter

    kind = config.preferences.link
    rate = BandwidthLimiter(kind, environment=environment).rate / KIB
    where = "over SSH" if "SSH_CONNECTION" in environment else "no SSH"
    return Check("link", f"{where}; {kind}: draws up to {rate:.0f} KiB/s")


def clipboard(environment: Mapping[str, str]) -> Check:
    """A guess: a terminal does not say whether it takes OSC 52."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    known = ("kitty", "alacritty", "foot", "wezterm", "ghostty", "iterm", "vscode", "contour")
    name = f"{term} {program}".lower()
    if "TMUX" in environment:
        advice = "in tmux: set -g set-clipboard on; set -g allow-passthrough on"
        return Check("clipboard", "tmux passes OSC 52 on where it is told to", True, (advice,))
    if program == "Apple_Terminal" or term in ("linux", "dumb") or term.startswith("screen"):
        advice = "`y` also says what it copies: select that with the mouse"
        return Check("clipboard", "this terminal takes no OSC 52", False, (advice,))
    if any(word in name for word in known):
        return Check("clipboard", "this terminal takes OSC 52")
    advice = "if `y` copies nothing, allow it in the terminal's settings (xterm: allowWindowOps)"
    return Check("clipboard", "perhaps: unknown whether OSC 52 is taken", True, (advice,))


def devices() -> Check:
    import torch

    found = [f"cpu ({torch.get_num_threads()} threads)"]
    if torch.cuda.is_available():
        names = (torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count()))
        found += [f"cuda:{k} ({name})" for k, name in enumerate(names)]
    if torch.backends.mps.is_available():
        found.append("mps")
    return Check("devices", ", ".join(found))


def versions() -> Check:
    said = [f"rugtui {__version__}", f"python {platform.python_version()}"]
    missing = []
    for name in PACKAGES:
        try:
            said.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    advice = (f"install {', '.join(missing)}",) if missing else ()
    return Check("versions", ", ".join(said), not missing, advice)


def folder(name: str, path: Path) -> Check:
    """Whether something can be written there; what is not yet there can be made, or not."""
    nearest = path
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Check(name, str(path) if nearest == path else f"{path} (not there yet)")
    why = "cannot be written to" if nearest.is_dir() else "is no folder"
    variable = "XDG_STATE_HOME" if name == "runs" else "XDG_CONFIG_HOME"
    advice = f"{nearest} {why}: mend that, or set {variable} to another folder"
    return Check(name, str(path), False, (advice,))


def config_file(config: Config) -> Check:
    if not config.found:
        made = f"mkdir -p {config.path.parent} && rugtui doctor --template > {config.path}"
        advice = f"`{made}` makes one"
        return Check("config_file", f"{config.path} (none yet)", True, (advice,))
    faults = tuple(config.complaints)
    value = f"{config.path}: " + (f"{len(faults)} faults" if faults else "right")
    return Check("config_file", value, not faults, faults)
