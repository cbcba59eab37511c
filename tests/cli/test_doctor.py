"""`rugtui doctor`: its checks and their advice, and the template of the config file."""

import json
import os
import re
import tomllib

import pytest

from rugtui.cli import doctor as checks
from rugtui.cli import main
from rugtui.cli.config_file import config_path, parse_config, template
from rugtui.settings.fields import fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings, fields
from rugtui.tui.keys import KEYS

NAMES = (
    "terminal size colours unicode link clipboard devices versions runs config_folder config_file"
)


def test_json_is_one_object_without_a_terminal(capsys):
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert list(told["checks"]) == NAMES.split()
    assert told["works"] is False
    assert "train" in told["checks"]["terminal"]["advice"][0]
    assert "cpu" in told["checks"]["devices"]["value"]
    assert "torch" in told["checks"]["versions"]["value"]


def test_errors_in_the_config_file_are_shown_with_their_lines(capsys):
    config_path().parent.mkdir(parents=True)
    config_path().write_text("[settings]\np = 3\n")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "!!  config file" in out
    assert f"→ {config_path()}:2: p must be" in out
    assert main(["doctor", "--template"]) == 0
    assert capsys.readouterr().out == template()


def test_the_template_lists_everything_and_is_read_back(tmp_path):
    text = template()
    assert all(len(line) <= 100 for line in text.splitlines())
    config = parse_config(tmp_path, text.encode())
    assert config.messages == []
    assert tomllib.loads(text) == {"settings": {}, "preferences": {}, "keys": {}}
    taken = re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.M)
    everything = tomllib.loads(taken)
    assert list(everything["settings"]) == [one.name for one in fields()]
    assert list(everything["preferences"]) == list(fields_of(Preferences))
    assert sorted(everything["keys"]) == sorted(key.name for key in KEYS)
    config = parse_config(tmp_path, taken.encode())
    assert config.messages == []
    assert config.settings == Settings()
    assert config.preferences == Preferences()
    assert config.keymap == {key.name: key.keys for key in KEYS}


def test_a_path_below_a_file_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    check = checks.folder("runs", lambda: tmp_path / "file" / "runs")
    assert not check.works
    assert "is not a folder" in check.advice[0]
    assert "XDG_STATE_HOME" in check.advice[0]
    assert checks.folder("runs", lambda: tmp_path / "a" / "b").works


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_reported(tmp_path):
    tmp_path.chmod(0o500)
    assert not checks.folder("runs", tmp_path / "runs").works


@pytest.mark.parametrize(
    ("found", "works", "said"),
    [
        (None, True, "no terminal"),
        ((20, 5), False, "20 × 5"),
        ((80, 24), True, "three panes"),
        ((40, 12), True, "one pane"),
        ((160, 50), True, "four panes"),
    ],
)
def test_sizes(found, works, said):
    check = checks.size(found)
    assert check.works == works
    assert said in check.value


@pytest.mark.parametrize(
    ("environment", "works", "said"),
    [
        ({"TERM": "xterm-kitty"}, True, "accepts OSC 52"),
        ({"TERM": "tmux-256color", "TMUX": "x"}, True, "tmux"),
        ({"TERM": "xterm", "TERM_PROGRAM": "Apple_Terminal"}, False, "ignores OSC 52"),
        ({"TERM": "linux"}, False, "ignores OSC 52"),
        ({"TERM": "xterm-256color"}, True, "unknown"),
    ],
)
def test_the_clipboard_is_guessed(environment, works, said):
    check = checks.clipboard(environment)
    assert check.works == works
    assert said in check.value
