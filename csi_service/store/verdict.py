"""What a check of the data folder found."""

from dataclasses import dataclass

GOOD, NOTE, FAULT = "good", "note", "FAULT"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was looked at, how it is (GOOD, NOTE or FAULT), and a line on it."""

    name: str
    state: str
    text: str
