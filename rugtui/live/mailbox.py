"""A one-place mailbox: whoever is slow sees the newest, whoever is fast never waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Letter = TypeVar("Letter")


class Mailbox(Generic[Letter]):
    """Holds at most one letter; a new one takes the place of one not yet read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letter: Letter | None = None

    def put(self, letter: Letter) -> None:
        with self._lock:
            self._letter = letter

    def take(self) -> Letter | None:
        """The newest letter, once; None where there is no news."""
        with self._lock:
            letter, self._letter = self._letter, None
        return letter

    @property
    def empty(self) -> bool:
        """Whether the last letter has been taken: time to write the next."""
        return self._letter is None
