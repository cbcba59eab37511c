"""The errors that rugtui raises on purpose.

Each carries a sentence that a user can act on. The command line prints it and exits with
`exit_code`; the dashboard shows it in a pane or a form. Anything else is a bug and keeps its
traceback.
"""


class RugtuiError(Exception):
    """Base of all errors that can be explained in one sentence; the command line exits with 1."""

    exit_code = 1


class UsageError(RugtuiError):
    """The request cannot be carried out; the command line exits with 2."""

    exit_code = 2


class SettingError(UsageError):
    """A setting has an invalid value.

    The sentence is always: name, valid values, what was given, and (`hint`) what to do about it.
    """

    def __init__(self, name: str, wanted: str, got: object, hint: str = "") -> None:
        self.name, self.wanted, self.got, self.hint = name, wanted, got, hint
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{name} must be {wanted}, but it is {got}{tail}.")

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """For pickle, which would call it with the sentence alone."""
        return type(self), (self.name, self.wanted, self.got, self.hint)


class WeightsError(UsageError):
    """Weights whose shapes do not fit, that are not finite, or that cannot be built."""


class TrainingError(RugtuiError):
    """Training cannot continue; the message names the step and what to change."""


class RunError(UsageError):
    """A run or snapshot that does not exist, is in use, or was written by a newer version."""


class DamagedError(UsageError):
    """A file that is not as rugtui wrote it: nothing of it is used."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{str(path)!r} is damaged: {reason}.")
