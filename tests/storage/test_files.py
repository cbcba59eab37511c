"""Files: private, written as a whole or not at all, and refused by name if they are damaged."""

import math
import os
import stat

import numpy as np
import pytest

from rugtui.errors import DamagedError
from rugtui.storage import files
from tests.storage.some import damage


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_in_the_state_folder_are_private(private_state):
    top = private_state / "rugtui"
    folder = files.make_folder(top / "b")
    files.write_whole(folder / "file", b"x")
    assert mode(top) == mode(folder) == 0o700
    assert mode(folder / "file") == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_whole(path, b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_files_of_killed_processes_are_removed(tmp_path):
    (tmp_path / f".checkpoint.x{files.ASIDE}").write_bytes(b"half")
    (tmp_path / "checkpoint").write_bytes(b"whole")
    files.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_json_comes_back_as_written_and_damage_is_refused(tmp_path):
    path = tmp_path / "run.json"
    facts = {"loss": 0.1 + 0.2, "name": "é\n", "steps": [1, 2], "none": math.nan}
    files.write_json(path, facts)
    assert files.read_json(path) == facts | {"none": None}
    content, rng, named = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(1000):
        path.write_bytes(damage(content, rng))
        try:
            assert files.read_json(path) == facts | {"none": None}  # white space was hit
        except DamagedError as error:
            named += "run.json" in str(error)
    assert named > 900


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"nul", b"[" * 100_000, b'{"a": ' * 50_000, b"\xff"]
)
def test_a_file_without_a_json_object_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(DamagedError, match=r"run\.json"):
        files.read_json(tmp_path / "run.json")


def test_pipes_and_huge_files_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedError, match="not a regular file"):
        files.read_json(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(DamagedError, match="1,073,741,824 bytes"):
        files.read_json(tmp_path / "huge")
