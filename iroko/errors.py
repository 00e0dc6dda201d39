"""The errors that Iroko raises, drawn once.

IrokoError
├── InputError                 a name, value or file of the user cannot be used (also a ValueError)     exit code 2
│   └── UnknownArgumentError   an argument, key or mode that does not exist (also a TypeError)          exit code 2
├── UnsupportedError           this machine or kernel lacks something; the message has the remedy       exit code 2
│   └── MissingExtraError      an optional dependency is not installed (also an ImportError)            exit code 2
├── EngineError                an engine failed while it ran                                            exit code 1
└── ClosedError                something was used after it was closed                                   exit code 1

Learning libraries try an argument and drop it on a `TypeError`, and expect a `ValueError` for a bad value, so these are both.
"""


class IrokoError(Exception):
    """Every error of Iroko's own."""

    exit_code = 1


class InputError(IrokoError, ValueError):
    """A value, name or file that the user gave cannot be used."""

    exit_code = 2


class UnknownArgumentError(InputError, TypeError):
    """An argument, a key or a mode that does not exist."""


class UnsupportedError(IrokoError):
    """The machine lacks what the request needs."""

    exit_code = 2


class MissingExtraError(UnsupportedError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class EngineError(IrokoError):
    """An engine stopped, hung or answered nonsense."""


class ClosedError(IrokoError):
    """An engine or environment was used after `close`, or stepped before `reset`."""
