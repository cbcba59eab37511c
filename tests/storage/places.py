"""Folders in which files cannot be written, as real as this machine and user allow."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class FullDisk:
    """A folder on a disk that can be filled and freed."""

    folder: Path

    def fill(self) -> None: ...

    def free(self) -> None: ...


class SmallDisk(FullDisk):
    """A disk of its own, filled by a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._filler = folder, folder / "filler"

    def fill(self) -> None:
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        self._filler.unlink()


class NoLargeFiles(FullDisk):
    """No file may grow beyond a size, as under a quota; needs no privileges."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._before = folder, resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@contextlib.contextmanager
def full_disk(kind: str, folder: Path) -> Iterator[FullDisk]:
    """`mount` needs privileges; without them the test is skipped. `limit` needs none."""
    folder.mkdir()
    if kind == "limit":
        disk = NoLargeFiles(folder)
        try:
            yield disk
        finally:
            disk.free()
        return
    if not did("mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder):
        pytest.skip("mounts are not allowed here")
    try:
        yield SmallDisk(folder)
    finally:
        did("umount", "-l", folder)


@contextlib.contextmanager
def read_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder made read-only by its mode, for root by a mount, or by replacing `os.open`."""
    if os.geteuid():
        folder.chmod(0o500)
        try:
            yield
        finally:
            folder.chmod(0o700)
    elif did("mount", "--bind", folder, folder):
        try:
            assert did("mount", "-o", "remount,bind,ro", folder)
            yield
        finally:
            did("umount", "-l", folder)
    else:
        with monkeypatch.context() as patched:
            opened = os.open

            def refused(path, flags, *mode, **known):
                if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(folder)):
                    raise OSError(errno.EROFS, "Read-only file system", str(path))
                return opened(path, flags, *mode, **known)

            patched.setattr(os, "open", refused)
            yield


def did(*command: object) -> bool:
    try:
        done = subprocess.run([str(one) for one in command], capture_output=True, timeout=20)
    except OSError:
        return False
    return done.returncode == 0
