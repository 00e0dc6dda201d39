"""The errors that Iroko raises, drawn once.

IrokoError
├── InputError         what the user asked for is not possible: a name, a value, a file       exit code 2
├── UnsupportedError   this machine or kernel lacks something; the message says how to get it   exit code 2
├── EngineError        an engine failed while it ran                                            exit code 1
└── ClosedError        something was used after it was closed                                   exit code 1
"""


class IrokoError(Exception):
    """Every error of Iroko's own."""

    exit_code = 1


class InputError(IrokoError):
    """A value, name or file that the user gave cannot be used."""

    exit_code = 2


class UnsupportedError(IrokoError):
    """The machine lacks what the request needs."""

    exit_code = 2


class EngineError(IrokoError):
    """An engine stopped, hung or answered nonsense."""


class ClosedError(IrokoError):
    """An engine or environment was used after `close`, or stepped before `reset`."""
