"""What a benchmark says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One number: `aim` is what the project wants, as `>= 8` or `< 3`, or empty."""

    name: str
    value: float
    unit: str
    aim: str = ""

    @property
    def reached(self) -> bool | None:
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        return self.value >= float(bound) if sign == ">=" else self.value < float(bound)
