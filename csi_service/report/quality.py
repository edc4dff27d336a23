"""What a report says beside the scores: the surveys by channel, what the data hold and lack, how many raters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from csi_service.report.figures import Figure


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what a figure is about the data hold: `counted` of `of`; None is unknown."""

    figure: str
    counted: float | None
    of: float | None

    @property
    def share(self) -> float | None:
        """The share that is counted."""
        return self.counted / self.of if self.counted is not None and self.of else None


@dataclass(frozen=True, slots=True)
class DataQuality:
    """What the data of a period hold and lack; None is unknown. `days` are those that have passed."""

    days: int
    days_without_calls: int | None = None
    rows_counted: int | None = None
    rows_rejected: int | None = None
    unassigned_share: float | None = None
    coverage: tuple[Coverage, ...] = ()

    @property
    def rejected_share(self) -> float | None:
        """The rejected rows of all rows."""
        if self.rows_counted is None or self.rows_rejected is None:
            return None
        return self.rows_rejected / ((self.rows_counted + self.rows_rejected) or 1)


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of the period that no score carries: by channel invitations and suspect answers; complaints upheld (None

    where the data do not say); raters of the random samples; ratings of other samples by their selection.
    """

    invitations: Mapping[str, float] = field(default_factory=dict)
    set_aside: Mapping[str, float] = field(default_factory=dict)
    complaints_upheld: float | None = None
    raters: int | None = None
    apart: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Channel:
    """The surveys of one channel; both views of satisfaction, whichever the score uses."""

    figure: Figure
    satisfied_share: float | None
    satisfied_before: float | None
    mean_score: float | None
    invited: float | None
    set_aside: float | None

    @property
    def response_rate(self) -> float | None:
        """Answers for each invitation, suspect ones left out."""
        return self.figure.n / self.invited if self.figure.n is not None and self.invited else None
