"""Bounds of a dataclass's fields, declared in their metadata and checked by one function."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from iroko.errors import InputError
from iroko.registry import check_name, show
from iroko.units import plain

Check = Callable[[str, Any], Any]
"""Reads the value of the field of this name; raises InputError for one that it may not hold."""


def checked(default: Any, check: Check) -> Any:
    """Declare a field with a default and a check."""
    return dataclasses.field(default=default, metadata={"check": check})


def check_fields(instance: Any) -> None:
    """Check every field of a frozen dataclass that was declared by `checked`, in order, and keep what the check gives.

    Raises:
        InputError: a value is out of range or of the wrong type; the message names the field.
    """
    for field in dataclasses.fields(instance):
        if (check := field.metadata.get("check")) is not None:
            object.__setattr__(instance, field.name, check(field.name, getattr(instance, field.name)))


@dataclasses.dataclass(frozen=True)
class Number:
    """A number between bounds.

    Attributes:
        low, high: the bounds; None: another check of the class has one that depends on other fields.
        read: makes it a float, such as `iroko.units.parse_time`.
        is_open: whether the bounds themselves are out of range.
    """

    low: float | None
    high: float | None
    read: Callable[[Any], float] = float
    is_open: bool = False

    def __call__(self, name: str, value: Any) -> float:
        try:
            number = self.read(value)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{name}={show(value)}: expected a number") from error
        if self.low is None or self.high is None:
            return number
        if not (self.low < number < self.high if self.is_open else self.low <= number <= self.high):
            sign = "<" if self.is_open else "<="
            raise InputError(f"{name}={number:g}: expected {self.low:g} {sign} {name} {sign} {self.high:g}")
        return number


@dataclasses.dataclass(frozen=True)
class WholeNumber:
    """A whole number, and its bounds, which are in range."""

    low: int
    high: int

    def __call__(self, name: str, value: Any) -> int:
        number = plain(value)
        if isinstance(number, bool) or not isinstance(number, int) or not self.low <= number <= self.high:
            raise InputError(f"{name}={show(number)}: expected a whole number, {self.low} <= {name} <= {self.high}")
        return number


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of some names."""

    names: Iterable[str]

    def __call__(self, name: str, value: Any) -> str:
        return check_name(name, value, self.names)


@dataclasses.dataclass(frozen=True)
class Text:
    """A name, a path or a hash."""

    max_characters: int

    def __call__(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.max_characters:
            raise InputError(f"{name}={show(value)}: expected a name, a path or a hash of at most {self.max_characters:,} characters")
        return value
