"""Calls: when they come, who answers them, how long all took and whether it was resolved.

Neighbouring calls touch only through the load of their half hour, so two calls of one agent may overlap.
Calls are routed to a team; an abandoned one has a team but no agent.
"""

import numpy as np
import pandas as pd

from csi_service.demo import centre as shape
from csi_service.demo.centre import Centre, lognormal, pick
from csi_service.demo.columns import named
from csi_service.demo.span import DAY_SECONDS, Span

COLUMNS = (
    "call_id started_at answered site team agent queue channel topic customer_id wait_seconds talk_seconds "
    "hold_seconds wrap_seconds ivr_steps transfers transfer_succeeded resolved"
).split()
OF_ANSWERED = "agent talk_seconds hold_seconds wrap_seconds transfers transfer_succeeded resolved".split()
SLOTS = len(shape.HOUR_SHAPE) * 3600 // shape.SLOT_SECONDS
EARLY_SHIFT, LATE_SHIFT = slice(0, 18), slice(10, 28)  # slots: 08:00 to 17:00, 13:00 to 22:00
CUSTOMERS = 380_000  # at full scale
RECONTACT_SECONDS = 1.6 * DAY_SECONDS  # mean time to the next contact about the same issue, after the first hour
RING_SECONDS = 5  # longest wait of a call that met a free agent
WAITING_SECONDS, PATIENCE_SECONDS = 28.0, 140.0  # means at usual load: in the queue, until hanging up
HELD_SHARE = 0.30  # of the voice calls


def make_calls(span: Span, centre: Centre, rng: np.random.Generator, scale: float) -> pd.DataFrame:
    """All calls in order of start, one row each, with the agent's `quality` and the customer's `mood`.

    `call_id` is the row, `first` the row of the first call about the issue, `ended_at` the end of the wrap-up.
    """
    calls = _arrivals(span, rng, scale)
    calls = _routed(calls, span, centre, rng)
    calls = _identified(calls, rng, scale)
    calls = _waited(calls, rng)
    calls = _handled(calls, centre, rng)
    calls = _felt(calls, span, rng)
    calls.loc[calls["answered"] == 0, OF_ANSWERED] = -1
    return calls


def _arrivals(span: Span, rng: np.random.Generator, scale: float) -> pd.DataFrame:
    season = np.array([shape.SEASON_SHAPE[int(name[5:]) - 1] for name in span.months])[span.month]
    demand = np.exp(0.05 * rng.standard_normal(span.midnight.size))
    demand[span.outage] = shape.OUTAGE_LOAD
    expected = shape.CALLS_PER_DAY * scale * season * shape.WEEKDAY_SHAPE[span.weekday] * demand
    count = rng.poisson(np.outer(expected, np.repeat(shape.HOUR_SHAPE / 2, 2)))
    understaffed = np.exp(0.03 * rng.standard_normal(len(span.months)))[span.month]
    load = (demand * understaffed)[:, None] * np.exp(0.08 * rng.standard_normal(count.shape))

    cell = np.repeat(np.arange(count.size), count.ravel())
    day, slot = cell // SLOTS, cell % SLOTS
    second = shape.OPENS_AT + ((slot + rng.random(cell.size)) * shape.SLOT_SECONDS).astype(np.int64)
    started = span.midnight[day] + second
    calls = pd.DataFrame({"started_at": started, "day": day, "slot": slot, "load": load.ravel()[cell]})
    calls = calls.sort_values("started_at", kind="stable", ignore_index=True)
    return calls.assign(call_id=np.arange(len(calls)), month=span.month[calls["day"]])


def _routed(calls: pd.DataFrame, span: Span, centre: Centre, rng: np.random.Generator) -> pd.DataFrame:
    """Adds channel, site, team, agent and the agent's quality, drawn among the agents on shift."""
    days, agent = np.arange(span.midnight.size)[:, None], np.arange(shape.AGENTS)
    rests_from = np.where(agent % 2 == 0, 5, agent // 2 % 7)  # half of the agents rest on Saturday and Sunday
    works = (span.weekday[:, None] - rests_from) % 7 >= 2
    early = (days // 7 + agent // 2) % 2 == 0
    on_shift = np.zeros((days.size, SLOTS, shape.AGENTS), dtype=np.bool_)
    on_shift[:, EARLY_SHIFT] |= (works & early)[:, None]
    on_shift[:, LATE_SHIFT] |= (works & ~early)[:, None]

    chosen, place = np.empty(len(calls), dtype=np.int64), rng.random(len(calls))
    chat = rng.random(len(calls)) < shape.CHAT_SHARE
    day, slot = calls["day"].to_numpy(), calls["slot"].to_numpy()
    for rows, skilled in ((chat, centre.team == shape.CHAT_TEAM), (~chat, centre.team != shape.CHAT_TEAM)):
        # Present agents first, then the skilled ones at home: one of them steps in where nobody is present.
        rank = np.argsort(-(2 * (on_shift & skilled) + skilled), axis=-1, kind="stable")
        present = (on_shift & skilled).sum(axis=-1)[day[rows], slot[rows]]
        chosen[rows] = rank[day[rows], slot[rows], (place[rows] * present).astype(np.int64)]
    team = centre.team[chosen]
    quality = centre.quality[chosen] + centre.drift[team, calls["month"]]
    site = team // shape.TEAMS_PER_SITE
    return calls.assign(channel=named(chat, shape.CHANNELS), site=site, team=team, agent=chosen, quality=quality)


def _identified(calls: pd.DataFrame, rng: np.random.Generator, scale: float) -> pd.DataFrame:
    """Adds customer, topic, queue, the first call about the issue and whether there is a later one."""
    rows, started = np.arange(len(calls)), calls["started_at"].to_numpy()
    returns = np.flatnonzero(rng.random(rows.size) < np.clip(0.15 - 0.06 * calls["quality"], 0.02, 0.5))
    delay = (3600 - RECONTACT_SECONDS * np.log(1 - rng.random(returns.size))).astype(np.int64)
    later = np.searchsorted(started, started[returns] + delay)
    earlier = rows.copy()
    earlier[later[later < rows.size]] = returns[later < rows.size]
    again, first = np.isin(rows, earlier[earlier < rows]), earlier
    while not np.array_equal(first, first[first]):
        first = first[first]

    customers = max(1, round(CUSTOMERS * scale))
    often = (customers * rng.random(rows.size) ** 1.3).astype(np.int64)  # some call far more often than others
    customer = rng.permutation(customers)[often][first]
    topic = pick(shape.TOPIC_SHARES, rows.size, rng)[first]
    queue = np.where(customer % shape.VIP_EVERY == 0, shape.VIP_QUEUE, shape.TOPIC_QUEUES[topic])
    queue = np.where(calls["channel"] == "chat", shape.ONLINE_QUEUE, queue)
    return calls.assign(customer_id=customer, topic=topic, queue=queue, first=first, again=again)


def _waited(calls: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Adds wait and answered: a call is abandoned where the queue outlasts the customer's patience."""
    size, crowd = len(calls), calls["load"].to_numpy() ** 2.5
    chance = np.clip(0.26 * crowd * np.where(calls["queue"] == shape.VIP_QUEUE, 0.5, 1.0), 0.02, 0.95)
    queued = np.where(rng.random(size) < chance, -WAITING_SECONDS * crowd * np.log(1 - rng.random(size)), 0)
    queued += rng.random(size) * RING_SECONDS
    patience = RING_SECONDS - PATIENCE_SECONDS * np.log(1 - rng.random(size))
    wait = np.minimum(np.minimum(queued, patience), 1800).astype(np.int64)
    return calls.assign(wait_seconds=wait, answered=(queued <= patience).astype(np.int64))


def _handled(calls: pd.DataFrame, centre: Centre, rng: np.random.Generator) -> pd.DataFrame:
    """Adds talk, hold, wrap, the end of the call, IVR steps and transfers."""
    size, voice = len(calls), (calls["channel"] == "voice").to_numpy()
    pace = centre.pace[calls["agent"]] * (1 - 0.15 * centre.drift[calls["team"], calls["month"]])
    talk = lognormal(236 * pace * shape.TOPIC_TALK[calls["topic"]], 0.60, size, rng).clip(1, 3600).astype(np.int64)
    hold = lognormal(55 * pace, 0.70, size, rng).clip(1, 900).astype(np.int64)
    hold = np.where((rng.random(size) < HELD_SHARE) & voice, hold, 0)
    wrap = lognormal(48 * pace, 0.50, size, rng).clip(1, 900).astype(np.int64)
    transfers = pick((0.935, 0.058, 0.007), size, rng)
    return calls.assign(
        talk_seconds=talk,
        hold_seconds=hold,
        wrap_seconds=wrap,
        ended_at=calls["started_at"] + calls["wait_seconds"] + talk + hold + wrap,
        ivr_steps=np.where(voice, 2 + pick((0.30, 0.36, 0.20, 0.10, 0.04), size, rng), -1),
        transfers=transfers,
        transfer_succeeded=np.where(transfers > 0, rng.random(size) < 0.92, -1),
    )


def _felt(calls: pd.DataFrame, span: Span, rng: np.random.Generator) -> pd.DataFrame:
    """Adds resolved and the customer's mood, a number around 0."""
    quality, outage = calls["quality"], span.outage[calls["day"]]
    chance = np.clip(0.855 + 0.06 * quality - 0.50 * calls["again"] - 0.15 * outage, 0.05, 0.97)
    resolved = (rng.random(len(calls)) < chance).astype(np.int64)
    mood = 0.6 * quality + 1.1 * (resolved - 0.8) - 0.004 * calls["wait_seconds"].clip(upper=300) - 0.8 * outage
    return calls.assign(resolved=resolved, mood=mood + rng.standard_normal(len(calls)))
