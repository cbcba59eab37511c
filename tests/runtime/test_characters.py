"""Characters where terminals and encodings lack them: nothing dies of one."""

import io
import subprocess
import sys

import pytest

from rugtui.runtime import characters
from rugtui.runtime.characters import lacks_unicode, printable, spell_out_what_is_missing


@pytest.mark.parametrize(
    ("environment", "lacking"),
    [
        ({}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, False),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "C"}, True),
    ],
)
def test_the_locale_says_whether_there_is_braille(environment, lacking, monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert lacks_unicode(environment) == lacking


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "koi8-r"])
def test_so_does_the_encoding_of_the_terminal(encoding, monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert lacks_unicode({"LANG": "en_US.UTF-8"})


def test_a_locale_that_python_itself_set_is_looked_through(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    coerced = {"LANG": "C", "LC_CTYPE": "C.UTF-8"}
    monkeypatch.setattr(characters, "_began_with", lambda name: False)
    assert lacks_unicode(coerced)
    monkeypatch.setattr(characters, "_began_with", lambda name: True)
    assert not lacks_unicode(coerced)


@pytest.mark.parametrize(
    ("encoding", "bytes_printed"),
    [
        ("utf-8", "× ≥ é ".encode() + b"\x82 ?"),
        ("latin-1", b"\xd7 > \xe9 \x82 ?"),
        ("ascii", b"x > ? \x82 ?"),
    ],
)
def test_what_an_encoding_lacks_is_spelled_out(encoding, bytes_printed, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    spell_out_what_is_missing()
    print("× ≥ é \udc82 \ud800", end="", flush=True)
    assert raw.getvalue() == bytes_printed


def test_what_terminals_obey_is_written_out():
    assert printable("a\x1b[31mb\u202ec\u200bd\r\n日本é") == r"a\x1b[31mb\u202ec\u200bd\r\n日本é"


@pytest.mark.parametrize("command", [["--help"], ["help", "glossary"], ["predict", "--p", "0.01"]])
def test_no_command_dies_of_a_character(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "rugtui", *command],
        env={"PYTHONIOENCODING": "latin-1", "HOME": str(tmp_path), "NO_COLOR": ""},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"\xe2" not in done.stdout, "no UTF-8 where it cannot be shown"
