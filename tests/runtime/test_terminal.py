"""Characters that terminals and encodings lack, and a terminal that is closed."""

import io
import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from rugtui.runtime import terminal
from rugtui.runtime.terminal import (
    ResilientOutput,
    lacks_unicode,
    printable,
    substitute_missing,
    watch_for_hangup,
)


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
def test_the_locale_decides_whether_braille_is_shown(environment, lacking, monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert lacks_unicode(environment) == lacking


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "koi8-r"])
def test_an_encoding_without_braille_shows_none(encoding, monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    assert lacks_unicode({"LANG": "en_US.UTF-8"})


def test_a_locale_that_python_itself_set_does_not_count(monkeypatch):
    monkeypatch.setattr(sys, "__stdout__", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    coerced = {"LANG": "C", "LC_CTYPE": "C.UTF-8"}
    monkeypatch.setattr(terminal, "_began_with", lambda name: False)
    assert lacks_unicode(coerced)
    monkeypatch.setattr(terminal, "_began_with", lambda name: True)
    assert not lacks_unicode(coerced)


@pytest.mark.parametrize(
    ("encoding", "bytes_printed"),
    [
        ("utf-8", "× ≥ é ".encode() + b"\x82 ?"),
        ("latin-1", b"\xd7 > \xe9 \x82 ?"),
        ("ascii", b"x > ? \x82 ?"),
    ],
)
def test_characters_that_an_encoding_lacks_are_substituted(encoding, bytes_printed, monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    substitute_missing()
    print("× ≥ é \udc82 \ud800", end="", flush=True)
    assert raw.getvalue() == bytes_printed


def test_control_characters_are_written_out():
    assert printable("a\x1b[31mb\u202ec\u200bd\r\n日本é") == r"a\x1b[31mb\u202ec\u200bd\r\n日本é"


def test_no_command_fails_on_a_character_that_cannot_be_encoded(tmp_path):
    calls = (
        "from rugtui.cli import main; "
        "print([main(words.split()) for words in ('--help', 'help glossary', 'predict --p 0.01')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", calls],
        env={"PYTHONIOENCODING": "latin-1", "HOME": str(tmp_path), "NO_COLOR": ""},
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.endswith(b"[0, 0, 0]\n"), done.stderr
    assert b"\xe2" not in done.stdout, "no UTF-8 where it cannot be shown"


def test_a_closed_terminal_is_noticed_without_a_signal_from_the_kernel():
    controller, inside = pty.openpty()
    heard = threading.Event()
    before = signal.signal(signal.SIGHUP, lambda *_: heard.set())
    try:
        watch_for_hangup(inside)
        os.write(controller, b"typed\n")
        assert not heard.wait(0.05)
        os.close(controller)
        assert heard.wait(10)
    finally:
        signal.signal(signal.SIGHUP, before)
        os.close(inside)


def test_writing_to_a_closed_terminal_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as stream:
        resilient = ResilientOutput(stream)
        assert resilient.write("line\n") == 5
        resilient.flush()
