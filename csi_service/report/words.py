"""How a report calls its figures and tells its numbers, in the language of a translator."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csi_service.core.calculators import CALCULATORS
from csi_service.core.periods import Period
from csi_service.facts.kinds import UNASSIGNED
from csi_service.language import ENGLISH, Translate, marked, tell, translator
from csi_service.report.columns import visible
from csi_service.report.numbers import percent, seconds
from csi_service.scoring import PARTS

DASH = "–"
_TITLES = {
    "csi": marked("Customer satisfaction index"),
    "internal": marked("Internal process index"),
    "external": marked("Customer feedback index"),
    "complaint": marked("Complaint index"),
    "sla": marked("Service level"),
    "aht": marked("Average handling time"),
    "fcr": marked("First contact resolution"),
    "qa": marked("Recording score"),
    "ivr": marked("Telephone menu"),
    "sms": marked("Text message"),
    "callback": marked("Call-back"),
    "site": marked("Site"),
    "team": marked("Team"),
    "agent": marked("Agent"),
    "queue": marked("Queue"),
    "channel": marked("Channel"),
    "topic": marked("Topic"),
    "very_dissatisfied": marked("Very dissatisfied"),
    "dissatisfied": marked("Dissatisfied"),
    "neutral": marked("Neutral"),
    "satisfied": marked("Satisfied"),
    "very_satisfied": marked("Very satisfied"),
    UNASSIGNED: marked("unassigned"),
}
_SHORT = {"csi": "CSI", "sla": marked("SLA"), "aht": marked("AHT"), "fcr": marked("FCR"), "qa": marked("QA")}
_SHORT |= {calculator.name: calculator.title for calculator in CALCULATORS}
_REASONS = {
    "not_given": marked("the data do not hold it"),
    "no_data": marked("no cases in the period"),
    "coverage": marked("too little of its weight has data"),
}
_SELECTIONS = {
    "targeted": marked("Ratings of calls picked on purpose (not in the shares)"),
    "calibration": marked("Ratings for calibration (not in the shares)"),
}
_OUTLOOKS = {
    "optimistic": marked("optimistic"),
    "neutral": marked("neutral"),
    "pessimistic": marked("pessimistic"),
    "unknown": marked("unknown"),
}
_WEIGHTINGS = {"population": marked("population"), "sample": marked("sample"), "explicit": marked("explicit")}
_LOCALES = {"en": "en_GB", "zh": "zh_CN"}


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    language: str
    translate: Translate

    def __call__(self, text: str, /, **values: Any) -> str:
        """Return a text of the code in the language, with its values filled in (without any: as it is)."""
        translated = self.translate(text)
        return translated.format(**values) if values else translated

    def title(self, name: str) -> str:
        """Return the full title of a figure, level, dimension or channel."""
        return self.translate(_TITLES[name]) if name in _TITLES else visible(name.replace("_", " "))

    def short(self, name: str) -> str:
        """Return the short title of a figure, as columns carry it."""
        return self.translate(_SHORT[name]) if name in _SHORT else self.title(name)

    def both(self, name: str) -> str:
        """Return the full title with the short one, where they differ."""
        full, short = self.title(name), self.short(name)
        return full if full == short else self("{title} ({short})", title=full, short=short)

    def coded(self, name: str) -> str:
        """Return the full title behind the short one, where they differ."""
        full, short = self.title(name), self.short(name)
        return full if full == short else f"{short}\u2002{full}"

    def listed(self, names: tuple[str, ...]) -> str:
        """Return the titles of some names as a list in a sentence."""
        return self.translate(", ").join(self.title(name) for name in names)

    def key(self, name: str) -> str:
        """Return a dimension as a terminal's columns carry it: in English by the name that options have for it."""
        return name if self.language == ENGLISH else self.title(name)

    def member(self, name: str) -> str:
        """Return the name of a group as it stands in the data."""
        return self.translate(name) if name == UNASSIGNED else name

    def weighting(self, word: str) -> str:
        """Return by what batches are weighed."""
        return self.translate(_WEIGHTINGS[word])

    def name(self, text: str) -> str:
        """Return a text from the data as it may be shown."""
        return visible(text)

    def source(self, text: str) -> str:
        """Return where a weight comes from; those of the sets that are shipped are known in every language."""
        return visible(self.translate(text)) if text else ""

    def group(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names of a group, one a key."""
        return tuple(self.title(name) if name == UNASSIGNED else visible(name) for name in names)

    def selection(self, word: str) -> str:
        """Return how the calls of a sample were chosen, as a heading of its ratings."""
        return self.translate(_SELECTIONS[word]) if word in _SELECTIONS else visible(word)

    def reason(self, word: str | None) -> str:
        """Return why a figure is missing."""
        return self.translate(_REASONS[word]) if word in _REASONS else ""

    def outlook(self, word: str) -> str:
        """Return the outlook as a word."""
        return self.translate(_OUTLOOKS[word])

    def told(self, text: str) -> str:
        """Return a note that came with the scores."""
        return visible(tell(text, self.translate))

    def share(self, value: float | None) -> str:
        """Return a fraction as per cent, rounded half up to two decimals; a dash for None."""
        return DASH if value is None else _unbroken(percent(value))

    def measured(self, value: float | None, unit: str) -> str:
        """Return a figure as measured, in its unit; a dash for None."""
        if value is None:
            return DASH
        return self._seconds(seconds(value).removesuffix(" s")) if unit == "seconds" else self.share(value)

    def points(self, change: float | None) -> str:
        """Return a difference of two fractions in percentage points, signed; a dash for None."""
        return DASH if change is None else _signed(change, percent(abs(change)).removesuffix(" %"))

    def difference(self, change: float | None, unit: str) -> str:
        """Return a difference of two figures as measured, signed; a dash for None."""
        if change is None or unit != "seconds":
            return self.points(change)
        return self._seconds(_signed(change, seconds(abs(change)).removesuffix(" s")))

    def _seconds(self, number: str) -> str:
        return _unbroken(self("{number} s", number=number))

    def count(self, number: float | None) -> str:
        """Return a whole number with its thousands set apart; a dash for None."""
        return DASH if number is None else f"{number:,.0f}"

    def figure(self, value: float | None, form: str) -> str:
        """Return a figure in one of the forms of a table's cells; a dash for None."""
        if value is None:
            return DASH
        if form == "share":
            return self.share(value)
        if form in ("points", "lapse"):
            return self.difference(value, "seconds" if form == "lapse" else "fraction")
        if form == "whole":
            return f"{value:.0f}\u00a0%"
        if form == "factor":
            return f"{value:g}"
        return self.measured(value, "seconds") if form == "seconds" else self.count(value)

    def day(self, day: dt.date) -> str:
        """Return a date in full."""
        from babel.dates import format_date  # takes its time to load, and tables for a terminal need none

        return str(format_date(day, "long", locale=_LOCALES[self.language]))

    def period(self, period: Period) -> str:
        """Return a period's name as people write it."""
        from babel.dates import format_skeleton

        year, _, rest = period.label.partition("-")
        if re.fullmatch(r"\d{4}-\d{2}", period.label):
            return str(format_skeleton("yMMMM", period.first, locale=_LOCALES[self.language]))
        if re.fullmatch(r"\d{4}-[WQ]\d+", period.label):
            pattern = marked("week {number} of {year}") if rest[0] == "W" else marked("quarter {number} of {year}")
            return self(pattern, number=int(rest[1:]), year=year)
        if period.label == year:
            return self("the year {year}", year=year)
        if period.first == period.last:
            return self.day(period.first)
        return self("{first} to {last}", first=self.day(period.first), last=self.day(period.last))


def words_of(language: str) -> Words:
    """Return the words of a language; InvalidInputError where there is no such language."""
    return Words(language, translator(language))


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _signed(change: float, size: str) -> str:
    if not any(digit in "123456789" for digit in size):
        return size
    return f"{'+' if change > 0 else '−'}{size}"


_SERVICE_LEVELS = {
    "offered": marked("Calls answered within {seconds} s, of all calls answered or abandoned."),
    "exclude_short": marked(
        "Calls answered within {seconds} s, of all calls answered or abandoned, less those abandoned within {short} s."
    ),
    "credit_short": marked(
        "Calls answered within {seconds} s or abandoned within {short} s, of all calls answered or abandoned."
    ),
    "late_abandons_only": marked(
        "Calls answered within {seconds} s, of all calls answered or abandoned later than that."
    ),
    "credit_abandons": marked("Calls answered or abandoned within {seconds} s, of all calls answered or abandoned."),
    "answered_only": marked("Calls answered within {seconds} s, of all answered calls."),
}
_RESOLUTIONS = {
    "reactivation": marked("Tickets closed and not reactivated within {days} days, of all tickets closed."),
    "repeat_contact": marked(
        "First contacts without another of the same customer and topic within {days} days, of all first contacts."
    ),
    "flag": marked("Answered calls that the agent marked as resolved, of all that carry the mark."),
}
_QUALITIES = {
    "mean_of_scores": marked("Mean score of the evaluated recordings, each as a share of its full marks."),
    "points": marked("Points earned in the evaluated recordings, of the points possible."),
}
_POOLINGS = {
    "responses": marked("each answer counts once"),
    "equal": marked("each channel counts the same"),
    "weights": marked("the channels count by the weights"),
}
_COUNTS = {"received": marked("complaints received"), "upheld_only": marked("complaints found justified")}
_CONTACTS = {"answered": marked("answered calls"), "offered": marked("calls answered or abandoned")}


def definition(name: str, components: Mapping[str, Any], applied: Mapping[str, Any], words: Words) -> str:
    """Return what a figure means under a set's parameters; "" for a figure that has no words of its own here.

    `applied` are the parameters that the figure was made with: what stood in for what the data lack.
    """
    process, survey, complaint = (components.get(part) for part in ("internal", "external", "complaint"))
    if name == "csi":
        return words("The component indices, weighed. 100 % is the best possible.")
    if name == "internal":
        return words("The scores of its figures, weighed: how well the basic and expected needs of customers were met.")
    if name == "external" and survey is not None:
        view = words("Mean score on its scale") if survey.method == "mean" else words("Satisfied answers of all")
        pooling = words(_POOLINGS[survey.pooling])
        return words("{view} in the customers' surveys; {pooling}.", view=view, pooling=pooling)
    if name == "complaint" and complaint is not None:
        counted, contacts = words(_COUNTS[complaint.count]), words(_CONTACTS[complaint.contacts])
        pattern = marked("1 less {factor} times the complaint rate ({counted} over {contacts}), never below 0.")
        return words(pattern, factor=f"{complaint.multiplier:g}", counted=counted, contacts=contacts)
    return "" if process is None else _process_definition(name, process, applied, words)


def _process_definition(name: str, process: Any, applied: Mapping[str, Any], words: Words) -> str:
    if name == "sla":
        times = {"seconds": f"{process.threshold_seconds:g}", "short": f"{process.short_abandon_seconds:g}"}
        return words(_SERVICE_LEVELS[process.service_level_method], **times)
    if name == "aht":
        parts = words(" + ").join(words(PARTS[part]) for part in applied.get("components", process.handling_components))
        return words("Mean of {parts} time of the answered calls.", parts=parts)
    if name == "fcr":
        method = applied.get("resolution_method", process.resolution_method)
        return words(_RESOLUTIONS[method], days=f"{process.resolution_window_days:g}")
    return words(_QUALITIES[process.quality_method]) if name == "qa" else ""
