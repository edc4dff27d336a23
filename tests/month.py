"""A made-up month of a contact centre: its rows, how they are judged, and its figures, counted in plain loops."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tests.api.test_evaluations import WHOLE

Row = dict[str, Any]
Judged = Mapping[str, tuple[str, float]]  # the number of an evaluation: its call, its score as a fraction
MONTH = "2026-03"
TEAMS = {"north": 120, "south": 80, "west": 60}


def at(number: int, hour: int = 9) -> str:
    return f"{MONTH}-{1 + number % 28:02} {hour + number % 8:02}:{number % 60:02}:00"


def later(at: str, days: int) -> str:
    return str(dt.datetime.fromisoformat(at) + dt.timedelta(days=days))


CALLS = [
    {
        "call_id": f"{team[0].upper()}{n:03}", "started_at": at(n), "answered": "N" if n % 10 == 9 else "Y",
        "team": team, "agent": f"{team}-{n % 4}", "wait_seconds": 5 + 7 * n % 30,
        "talk_seconds": 240 + n % 90, "hold_seconds": n % 25, "wrap_seconds": 30 + n % 7,
    }
    for team, count in TEAMS.items()
    for n in range(count)
]  # fmt: skip
ANSWERED = [call for call in CALLS if call["answered"] == "Y"]
TEAM_OF = {call["call_id"]: call["team"] for call in CALLS}
SURVEYS = [
    {
        "survey_id": f"S{n}", "call_id": call["call_id"], "answered_at": at(n, 10),
        **({"channel": "sms", "scale": "10", "score": 3 + n * 7 % 8} if n % 3 else
           {"channel": "ivr", "scale": "5", "score": 1 + n % 5}),
    }
    for n, call in enumerate(ANSWERED[::4])
]  # fmt: skip
COMPLAINTS = [{"complaint_id": f"P{n}", "received_at": at(n), "call_id": ANSWERED[50 * n]["call_id"]} for n in range(3)]
LATE = {"complaint_id": "P9", "received_at": f"{MONTH}-20T10:00:00+08:00", "call_id": ANSWERED[7]["call_id"]}
TICKETS = [  # of those that come back, every second does so after the week that counts
    {
        "ticket_id": f"T{n}", "opened_at": at(n), "closed_at": at(n, 11), "team": list(TEAMS)[n % 3],
        "reactivated_at": later(at(n, 11), 9 - n % 2 * 6) if n % 5 == 0 else "",
    }
    for n in range(60)
]  # fmt: skip
LEVEL_OF = {call: 1 + 3 * int(call[1:]) % 5 for call in TEAM_OF}
TITLES = {  # of the figures that a report tells
    "csi": "Customer satisfaction index (CSI)",
    "csi.internal": "Internal process index (I-CSI)",
    "csi.internal.sla": "Service level (SLA)",
    "csi.internal.aht": "Average handling time (AHT)",
    "csi.internal.fcr": "First contact resolution (FCR)",
    "csi.internal.qa": "Recording score (QA)",
    "csi.external": "Customer feedback index (O-CSI)",
    "csi.complaint": "Complaint index (C-CSI)",
}


def answers_of(number: int) -> tuple[dict[str, Any], float]:
    """Return the answers to the form for the n-th evaluation, and the score that follows from its points."""
    if number % 3 == 0:
        return WHOLE, 1.0
    if number % 3 == 1:  # 6 points of listening, and both excitement needs of 5
        return WHOLE | {"listening": False, "prevention": False, "empathy": False}, (100 - 16) / 100
    return WHOLE | {"resolution": "na", "clear_words": 3}, (100 - 15 - 3) / (100 - 15)


def expected(judged: Judged, complaints: list[Row], team: str | None = None) -> dict[str, float]:
    """Return the figures of the month, of a team or of all, counted from its rows and what was judged."""
    calls = [call for call in CALLS if team in (None, call["team"])]
    answered = [call for call in calls if call["answered"] == "Y"]
    surveys = [each for each in SURVEYS if team in (None, TEAM_OF[each["call_id"]])]
    good = [each for each in surveys if each["score"] >= {"5": 4, "10": 8}[each["scale"]]]
    tickets = [each for each in TICKETS if team in (None, each["team"])]
    again = [each for each in tickets if "" < each["reactivated_at"] <= later(each["closed_at"], 7)]
    handled = [call["talk_seconds"] + call["hold_seconds"] + call["wrap_seconds"] for call in answered]
    scores = [score for call, score in judged.values() if team in (None, TEAM_OF[call])]
    complained = [each for each in complaints if team in (None, TEAM_OF[each["call_id"]])]
    found = {
        "csi.internal.sla": sum(call["wait_seconds"] <= 20 for call in answered) / len(calls),
        "csi.internal.aht": sum(handled) / len(answered),
        "csi.internal.fcr": 1 - len(again) / len(tickets),
        "csi.internal.qa": sum(scores) / len(scores),
        "csi.external": len(good) / len(surveys),
        "csi.complaint": max(0, 1 - 25 * len(complained) / len(answered)),
    }
    for channel in ("ivr", "sms"):
        of = [each for each in surveys if each["channel"] == channel]
        found[f"csi.external.{channel}"] = sum(each in good for each in of) / len(of)
    sla, aht, fcr, qa = (found[f"csi.internal.{name}"] for name in ("sla", "aht", "fcr", "qa"))
    found["csi.internal"] = 0.25 * min(1, sla / 0.9) + 0.05 * min(1, 300 / aht) + 0.10 * fcr + 0.60 * qa
    found["csi"] = (found["csi.internal"] + found["csi.external"] + found["csi.complaint"]) / 3
    return found
