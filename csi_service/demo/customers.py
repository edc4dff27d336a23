"""What customers say and need after a call: survey answers, tickets and complaints."""

import numpy as np
import pandas as pd

from csi_service.demo.centre import lognormal, pick
from csi_service.demo.columns import joined, named
from csi_service.demo.span import DAY_SECONDS, Span, in_office_hours

SURVEY_COLUMNS = "survey_id answered_at channel scale score call_id customer_id team agent queue comment".split()
INVITATION_COLUMNS = "day channel team queue invited".split()
TICKET_COLUMNS = (
    "ticket_id opened_at closed_at reactivated_at first_contact_at promised_callback first_callback_at "
    "customer_id topic team agent progress_views"
).split()
COMPLAINT_COLUMNS = (
    "complaint_id received_at call_id ticket_id customer_id team agent queue category severity channel "
    "department upheld resolved_at"
).split()

SURVEY_CHANNELS = ("ivr", "sms", "callback")
SMS = SURVEY_CHANNELS.index("sms")
INVITED_BY_VOICE = (0.50, 0.30, 0.012, 0.188)  # share of the calls asked in each channel, the rest not at all
INVITED_BY_CHAT = (0.0, 0.60, 0.012, 0.388)
STEPS_OF_5 = (-2.2, -1.6, -0.85, 0.0)  # of the mood, between the scores of the scale
STEPS_OF_10 = (-2.7, -2.4, -2.1, -1.85, -1.6, -1.3, -0.95, -0.4, 0.4)
TEXT_HARSHNESS = 0.30  # of the mood: what people write is less kind than what they say
TEXT_WITHOUT_CALL = 0.04  # share of the text answers
COMMENTS = (
    "服务很好",
    "很快解决了问题",
    "态度热情",
    "问题没有解决",
    "等待时间太长",
    "解释不清楚",
)  # three kind ones first
OPENED_SHARE, OPENED_AGAIN_SHARE = 0.165, 0.08  # tickets of the first calls about an issue, of the later ones
CLOSED_SHARE, PROMISED_SHARE, CALLED_BACK_SHARE = 0.97, 0.40, 0.96
COMPLAINT_RATE = 0.0035  # of the answered calls at mood 0
OUTAGE_FACTOR = 2.5  # on top of the bad mood of those days
LINKED_SHARE = 0.88  # of the complaints name a call
CATEGORIES = ("服务态度", "处理结果", "等待过长", "资费争议", "信息错误", "系统故障")
DEPARTMENTS = np.array(["客服部", "客服部", "客服部", "财务部", "客服部", "技术部"])  # of each category


def make_invitations(calls: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The answered calls with an invitation to a survey, one row each, with the code of its channel in `asked`."""
    asked, by_chat = pick(INVITED_BY_VOICE, len(calls), rng), pick(INVITED_BY_CHAT, len(calls), rng)
    asked = np.where(calls["channel"] == "chat", by_chat, asked)
    return calls.assign(asked=asked)[(asked < len(SURVEY_CHANNELS)) & (calls["answered"] == 1)]


def count_invitations(invited: pd.DataFrame) -> pd.DataFrame:
    """Number of invitations, one row a day, channel, team and queue that has any."""
    day = (invited["started_at"] // DAY_SECONDS * DAY_SECONDS).astype("datetime64[s]")
    counts = invited.assign(day=day).groupby(["day", "asked", "team", "queue"]).size().reset_index(name="invited")
    return counts.assign(day=counts["day"].dt.strftime("%Y-%m-%d"), channel=named(counts["asked"], SURVEY_CHANNELS))


def make_surveys(invited: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """The survey answers in order of time; the happier the customer, the likelier an answer in the ivr channel."""
    stays = np.clip(0.15 + 0.07 * invited["mood"], 0.03, 0.40)
    answers = invited[rng.random(len(invited)) < np.choose(invited["asked"], (stays, 0.08, 0.60))]
    size, asked, ended = len(answers), answers["asked"].to_numpy(), answers["ended_at"].to_numpy()
    at_once = ended - answers["wrap_seconds"].to_numpy() + 15 + (60 * rng.random(size)).astype(np.int64)
    later = ended + 60 + lognormal(3 * 3600, 1.2, size, rng).astype(np.int64)
    called = in_office_hours(ended, 1 + pick((1, 1, 1), size, rng), rng)
    felt = answers["mood"].to_numpy() - TEXT_HARSHNESS * (asked == SMS) + 0.3 * rng.standard_normal(size)
    score = np.where(asked == SMS, np.searchsorted(STEPS_OF_10, felt), np.searchsorted(STEPS_OF_5, felt)) + 1
    comment = pick((1, 1, 1), size, rng) + 3 * (score < 8)
    comment = np.where((asked == SMS) & (rng.random(size) < 0.25), comment, -1)
    answers = answers.assign(
        answered_at=np.choose(asked, (at_once, later, called)),
        channel=named(asked, SURVEY_CHANNELS),
        scale=np.where(asked == SMS, 10, 5),
        score=score,
        comment=named(comment, COMMENTS),
    )
    without_call = (asked == SMS) & (rng.random(size) < TEXT_WITHOUT_CALL)
    answers.loc[without_call, ["call_id", "customer_id", "agent"]] = -1
    answers = answers[answers["answered_at"] < span.end].sort_values("answered_at", kind="stable")
    return answers.assign(survey_id=np.arange(len(answers)))


def make_tickets(calls: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """The tickets in order of opening, one row each, with the row of their call in `call_id`."""
    chance = np.where(calls["first"] == calls["call_id"], OPENED_SHARE, OPENED_AGAIN_SHARE)
    tickets = calls[(rng.random(len(calls)) < chance) & (calls["answered"] == 1)]
    tickets = tickets.sort_values("ended_at", kind="stable")
    size, opened, quality = len(tickets), tickets["ended_at"].to_numpy(), tickets["quality"].to_numpy()
    open_for = lognormal(28 * 3600 * np.exp(-0.15 * quality), 1.0, size, rng).astype(np.int64)
    closed = np.where(rng.random(size) < CLOSED_SHARE, span.known(opened + 300 + open_for), -1)

    fate, share, week = rng.random(size), rng.random(size), 7 * DAY_SECONDS
    soon = fate < np.clip(0.08 - 0.04 * quality, 0.01, 0.30)
    delay = 1 + (np.where(soon, share, 1 + 2 * share) * (week - 1)).astype(np.int64)
    once = np.where((soon | (fate > 0.99)) & (closed >= 0), span.known(closed + delay), -1)
    twice = np.where((once >= 0) & (rng.random(size) < 0.15), span.known(once + 3600 + delay // 2), -1)

    promised = rng.random(size) < PROMISED_SHARE
    called_back = span.known(opened + lognormal(11 * 3600, 0.7, size, rng).astype(np.int64))
    return tickets.assign(
        ticket_id=np.arange(size),
        opened_at=opened,
        closed_at=closed,
        reactivated_at=joined(once, twice),
        first_contact_at=calls["started_at"].to_numpy()[tickets["first"]],
        promised_callback=promised.astype(np.int64),
        first_callback_at=np.where(promised & (rng.random(size) < CALLED_BACK_SHARE), called_back, -1),
        progress_views=rng.poisson(0.4 + np.minimum(open_for / (3 * DAY_SECONDS), 3.0)),
    )


def make_complaints(calls: pd.DataFrame, tickets: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """The complaints in order of arrival, one row each; those without a call keep only the customer."""
    chance = COMPLAINT_RATE * np.exp(-0.7 * calls["mood"]) * np.where(span.outage[calls["day"]], OUTAGE_FACTOR, 1)
    rows = np.flatnonzero((rng.random(len(calls)) < chance) & (calls["answered"] == 1))
    days_later = pick((0.45, 0.30, 0.15, 0.10), rows.size, rng)
    received = in_office_hours(calls["ended_at"].to_numpy()[rows], days_later, rng)
    rows, received = rows[received < span.end], received[received < span.end]

    size = rows.size
    usual, of_outage = (0.24, 0.27, 0.12, 0.19, 0.12, 0.06), (0.03, 0.07, 0.55, 0.02, 0.03, 0.30)
    outage = span.outage[calls["day"].to_numpy()[rows]]
    category = np.where(outage, pick(of_outage, size, rng), pick(usual, size, rng))
    resolved = span.known(received + 1800 + lognormal(30 * 3600, 0.9, size, rng).astype(np.int64))
    ticket_of_call = np.full(len(calls), -1)
    ticket_of_call[tickets["call_id"]] = tickets["ticket_id"]
    complaints = calls.iloc[rows].assign(
        received_at=received,
        ticket_id=ticket_of_call[rows],
        category=named(category, CATEGORIES),
        severity=named(pick((0.92, 0.08), size, rng), ("general", "high_risk")),
        channel=named(pick((0.94, 0.025, 0.035), size, rng), ("ordinary", "media", "regulator")),
        department=DEPARTMENTS[category],
        upheld=np.where(resolved >= 0, rng.random(size) < 0.45, -1),
        resolved_at=resolved,
    )
    complaints.loc[rng.random(size) >= LINKED_SHARE, ["call_id", "ticket_id", "team", "agent", "queue"]] = -1
    return complaints.sort_values("received_at", kind="stable").assign(complaint_id=np.arange(size))
