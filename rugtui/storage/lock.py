"""The lock of a run: the file `lock`, held by the one process that writes to the run.

On one machine the kernel's lock on the file decides, which ends with its process. The process id
and start time in the file tell which process it is, and decide if the file system has no locks. A
lock file that no process holds is stale: its process crashed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import platform
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from rugtui.errors import RugtuiError, RunError
from rugtui.storage.files import file_mode, naming

try:
    import fcntl
except ImportError as error:
    raise RugtuiError("runs are kept on Linux and macOS; on Windows, use rugtui in WSL.") from error

NAME = "lock"
LOCK_MOST = 4096
TRIES, BETWEEN = 20, 0.05
"""Attempts, and seconds between them: `holder`, in another process, locks the file for a moment."""
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes to a run."""

    pid: int
    started: int
    """In clock ticks since boot: setting the system clock does not change them."""
    boot: str
    host: str
    screen: bool
    """Whether a dashboard shows it."""
    quit: bool = False
    """Whether its user quit without waiting for a long step: such a run has not crashed."""

    @classmethod
    def here(cls, screen: bool) -> Holder:
        return cls(os.getpid(), _started(os.getpid()), _boot(), platform.node(), screen)

    @property
    def here_too(self) -> bool:
        """Whether it runs on this machine since the same boot; containers share the boot's id."""
        return self.boot == _boot() and bool(self.boot or self.host == platform.node())

    @property
    def elsewhere(self) -> bool:
        return self.host != platform.node() and not self.here_too

    @property
    def alive(self) -> bool:
        """Whether it still exists, and its id has not been reused."""
        if not self.here_too:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return _started(self.pid) == self.started

    def ask_to_exit(self) -> None:
        """Ask it to save and exit. Raises RunError if it belongs to another user."""
        if not self.alive:
            return
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise RunError(f"process {self.pid} belongs to another user.") from error

    def __str__(self) -> str:
        where = f" on {self.host}" if self.elsewhere else ""
        return f"process {self.pid}{where}"


class Lock:
    """Held from `take` to `release`, or to the end of the process."""

    def __init__(self, path: Path, handle: int, holder: Holder) -> None:
        self._path, self._handle, self._holder = path, handle, holder

    @classmethod
    def take(cls, run: Path, *, screen: bool) -> Lock:
        """Take the lock of a run. Raises RunError if another process holds it, OSError."""
        path, mine = run / NAME, Holder.here(screen)
        for attempt in range(TRIES):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, file_mode(run))
            try:
                if _try_lock(handle) and _is(handle, path):
                    _refuse_foreign(_read(handle), path)
                    lock = cls(path, handle, mine)
                    lock._write()
                    return lock
                other = _read(handle)
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)
            if (other is not None and other.alive) or attempt == TRIES - 1:
                raise RunError(
                    f"{str(run)!r} is in use by {other or 'another process'}; wait for it, or "
                    "end it first."
                )
            time.sleep(BETWEEN)
        raise AssertionError("the last try returns or raises")

    def tell(self, **changes: bool) -> None:
        """Record `screen` or `quit` of the Holder. Raises OSError."""
        self._holder = dataclasses.replace(self._holder, **changes)
        self._write()

    @property
    def there(self) -> bool:
        """Whether the lock file still exists; somebody may have deleted the run."""
        return _is(self._handle, self._path)

    def release(self) -> None:
        """Release the run, and remove the file to show that the run ended properly."""
        if self.there:
            with contextlib.suppress(OSError):  # on a disk now read-only, the run shows as crashed
                self._path.unlink()
        os.close(self._handle)

    def _write(self) -> None:
        content = json.dumps(dataclasses.asdict(self._holder)).encode()
        with naming(self._path):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, content, 0)


def holder(run: Path) -> tuple[bool, Holder | None]:
    """Whether a process writes to the run, and which; (False, process) if the lock is stale.

    Raises OSError.
    """
    try:
        handle = os.open(run / NAME, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False, None
    try:
        known = _read(handle)
        free = _try_lock(handle, shared=True)
    finally:
        os.close(handle)
    if known is not None and known.elsewhere:
        return True, known
    return not free, known


def abandon(run: Path) -> None:
    """Release a run that this process locked but did not change, before the process exits: a lock
    file left behind would mean that the run crashed. Raises OSError."""
    live, known = holder(run)
    if live and known is not None and known.pid == os.getpid() and known.here_too:
        run.joinpath(NAME).unlink(missing_ok=True)


def _try_lock(handle: int, *, shared: bool = False) -> bool:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        known = _read(handle)
        return known is None or known.pid == os.getpid() or not known.alive
    return True


def _refuse_foreign(known: Holder | None, path: Path) -> None:
    """Raises RunError for a lock of another machine, whose processes cannot be checked."""
    if known is not None and known.elsewhere:
        raise RunError(
            f"{str(path.parent)!r} is in use by {known}; if that is gone, remove {str(path)!r}."
        )


def _read(handle: int) -> Holder | None:
    """The process named in the file; None if it cannot be read."""
    try:
        facts = json.loads(os.pread(handle, LOCK_MOST, 0))
        known = Holder(**facts)
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = {"pid": int, "started": int, "boot": str, "host": str, "screen": bool, "quit": bool}
    fits = all(type(getattr(known, name)) is kind for name, kind in kinds.items())
    return known if fits and known.pid > 0 else None


def _is(handle: int, path: Path) -> bool:
    try:
        there = path.stat(follow_symlinks=False)
    except OSError:
        return False
    mine = os.fstat(handle)
    return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)


def _started(pid: int) -> int:
    """When a process began; 0 if the system does not say: then only ids are compared."""
    try:
        # The second field is the program's name in brackets, which may contain anything.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
