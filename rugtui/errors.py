"""The one family of errors that rugtui raises on purpose.

Each carries a sentence that a user can act on. The command line prints it and exits with
`exit_code`; the dashboard shows it in a pane or a form. Anything else is a bug and keeps its
traceback.
"""


class RugtuiError(Exception):
    """Something that a user can be told in one sentence; the command line exits with 1."""

    exit_code = 1


class UsageError(RugtuiError):
    """What was asked for cannot be; the command line exits with 2."""

    exit_code = 2


class SettingError(UsageError):
    """A setting has a value that it may not have.

    The sentence is always: name, what it may be, what came, and (`hint`) what to do about it.
    """

    def __init__(self, name: str, wanted: str, got: object, hint: str = "") -> None:
        self.name, self.wanted, self.got, self.hint = name, wanted, got, hint
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{name} must be {wanted}, but it is {got}{tail}.")


class WeightsError(UsageError):
    """Weights whose shapes do not fit, or that are not finite, or cannot be built."""


class TrainingError(RugtuiError):
    """Training cannot go on; the message names the step and what to change."""


class RunError(UsageError):
    """A run or snapshot that is not there, or is in use, or is of a newer version."""


class DamagedError(UsageError):
    """A file that was asked for and is not what rugtui wrote: nothing of it is used."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{str(path)!r} is damaged: {reason}.")
