"""The config file: valid values are used, errors are reported with their lines, none is fatal."""

import os
import subprocess
import sys

import pytest

from rugtui.cli import main
from rugtui.cli.config_file import MAX_BYTES, config_path, read_config
from rugtui.cli.options import given_settings
from rugtui.settings.presets import preset
from rugtui.settings.settings import Settings
from rugtui.tui.app import RugtuiApp
from tests.tui.fake import FakeSession, running

GOOD = """
settings.p = 0.1            # dotted names are TOML, too
[preferences]
theme = "light"
mouse = false
[keys]
swap_weights = "b"
"""


@pytest.fixture
def write():
    """Writes this user's config file."""

    def written(text):
        path = config_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def test_without_a_file_the_defaults_hold():
    config = read_config()
    assert not config.found
    assert (config.settings, config.keymap, config.messages) == (Settings(), {}, [])


def test_valid_values_are_used(write):
    write(GOOD)
    config = read_config()
    assert config.messages == []
    assert config.settings == Settings(p=0.1)
    assert (config.preferences.theme, config.preferences.mouse) == ("light", False)
    assert config.keymap == {"swap_weights": "b"}


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("[settings]\np = 2\nseed = 5", 2, "p must be a number above 0 and at most 1, but it is 2"),
        ("[settings]\n\nq = 2\nseed = 5", 3, "no setting is called 'q'"),
        ("[settings]\nseeed = 2\nseed = 5", 2, "did you mean seed?"),
        ("[settings]\nseed = 5\n[settings.deep]\na = 1", 3, "no setting is called 'deep'"),
        ("[settings]\nbatch = [\n1,\n]\nseed = 5", 2, "batch must be a whole number"),
        ("[settings]\nseed = 5\ninit = 3", 3, "init must be default, linear"),
        (
            "[settings]\nseed = 5\ntied = 'maybe'",
            3,
            "tied must be true or false, but it is 'maybe'",
        ),
        ("[settings]\nseed = 5\ntied = 3", 3, "tied must be true or false, but it is 3"),
        ("[settings]\nseed = 5\ntied = [1]", 3, "tied must be true or false, but it is [1]"),
        ("[settings]\nseed = 5\nbatch = " + "9" * 400, 3, "batch must be a whole number"),
        ("[settings]\nseed = 5\n[keys]\nquit = 'w'", 4, "w is bound twice"),
        ("[settings]\nseed = 5\n[keys]\nquitt = 'w'", 4, "did you mean quit?"),
        ("[settings]\nseed = 5\n[keys]\nquit = 7", 4, "quit must be a key such as"),
        ("[settings]\nseed = 5\n[preferences]\nfps = 'x'", 4, "fps must be a number"),
        ("[settings]\nseed = 5\n[colours]\nx = 1", 3, "'colours' is not one of the tables"),
        ("keys = 3\n[settings]\nseed = 5", 1, "keys must be a table"),
    ],
)
def test_a_wrong_value_is_reported_with_its_line_and_the_others_are_used(
    write, text, line, sentence
):
    path = write(text)
    config = read_config()
    (message,) = config.messages
    assert message.startswith(f"{path}:{line}: ")
    assert sentence in message
    assert config.settings == Settings(seed=5)
    assert config.keymap == {}


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("[settings]\nseed = 5\np = \n[keys]\nquit = 'x'", 3, "this is not TOML"),
        ("[settings]\nseed = 5\nseed = 6", 3, "not TOML"),
        ("[settings]\nseed = 5\nx = '''\n\n", 5, "not TOML"),
        ("[settings]\nseed = 5\nx = " + "[" * 5000, 1, "nested too deeply"),
        ("[settings]\nseed = 5\nbatch = " + "9" * 9000, 3, "not TOML"),
        ("[settings]\nseed = 5\nn_dense = 512", 3, "n_dense must be a whole number from 1"),
        ("[settings]\nseed = 5\nn_dense = 700", 3, "All of [settings] is ignored"),
    ],
)
def test_a_file_that_cannot_be_used_is_reported_with_its_line_and_ignored(
    write, text, line, sentence
):
    path = write(text)
    config = read_config()
    (message,) = config.messages
    assert message.startswith(f"{path}:{line}: ")
    assert sentence in message
    assert (config.settings, config.keymap) == (Settings(), {})


def test_a_file_that_cannot_be_read_is_reported(write):
    write(b"[settings]\n# \xff\n")
    assert ":2: this is not UTF-8" in read_config().messages[0]
    write("#" * (MAX_BYTES + 1))
    assert "more than 65,536 bytes" in read_config().messages[0]
    path = write("")
    path.unlink()
    path.mkdir()
    assert "not a regular file" in read_config().messages[0]
    path.rmdir()
    os.mkfifo(path)
    assert "not a regular file" in read_config().messages[0]
    path.unlink()
    path.symlink_to(path.parent / "nowhere")
    assert "not a regular file" in read_config().messages[0]


def test_a_byte_order_mark_is_not_an_error(write):
    write("\ufeff[settings]\np = 0.3\nseed = -1")
    config = read_config()
    assert config.settings.p == 0.3
    assert ":3: seed must be" in config.messages[0]


def test_command_line_beats_preset_beats_file(write):
    write("[settings]\np = 0.3\nseed = 9\nn_sparse = 600")
    base = read_config().settings
    got = given_settings({"preset": "paper", "steps": None}, base)
    assert got == preset("paper").over(Settings(seed=9))
    assert given_settings({"ratio": 0.5}, base).n_dense == 300


def test_train_reports_errors_in_the_file_and_continues(write, capsys):
    path = write("[settings]\nn_sparse = 32\nn_dense = 8\nsteps = 2\np = 7\n[preferences]\nfps = 0")
    assert main(["train", "--seed", "3", "--json", "--quiet"]) == 0
    streams = capsys.readouterr()
    assert '"n_sparse": 32' in streams.out
    assert streams.err.splitlines() == [
        f"rugtui: {path}:5: p must be a number above 0 and at most 1, but it is 7.",
        f"rugtui: {path}:7: fps must be a number of at least 0.1 and at most 60, but it is 0.",
    ]


async def test_the_dashboard_shows_errors_in_the_file_and_presets_keep_its_defaults():
    complaints = [f"config.toml:{k}: wrong" for k in range(5)]
    app = RugtuiApp(FakeSession(), defaults=Settings(momentum=0.5), complaints=complaints)
    async with running(app) as pilot:
        await pilot.pause()
        told = [notice.message for notice in app._notifications]
        assert told[:3] == complaints[:3]
        assert "2 more faults" in told[3]
        await app.action_edit(preset("small"))
        await pilot.pause()
        assert app.screen.form.texts["momentum"] == "0.5"


def test_reading_the_file_imports_nothing_heavy(write):
    write(GOOD + "quit = 'e'")
    code = (
        "from rugtui.cli.config_file import read_config; read_config().report();"
        "import sys; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "bound twice" in done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"torch", "textual", "rich", "numpy", "scipy"}
