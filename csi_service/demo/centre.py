"""Who works in the demo centre and what it is like: sites, teams, agents, queues, topics and shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]  # -1 stands for missing wherever a value may be missing
Floats = npt.NDArray[np.float64]

SITES = ("shanghai", "chengdu", "wuhan")
TEAMS = tuple(f"{region}{number}组" for region in ("华东", "西南", "华中") for number in "一二三四")
TEAMS_PER_SITE = len(TEAMS) // len(SITES)
AGENTS = 160
IMPROVING_TEAM, WORSENING_TEAM = TEAMS.index("华东二组"), TEAMS.index("西南三组")
CHAT_TEAM, CHAT_SHARE = TEAMS.index("华中四组"), 0.07  # answers all chats and nothing else

CHANNELS = ("voice", "chat")
QUEUES = ("billing", "technical", "sales", "vip", "online")
VIP_QUEUE, ONLINE_QUEUE = QUEUES.index("vip"), QUEUES.index("online")
VIP_EVERY = 25  # every 25th customer is served in the vip queue
TOPICS = ("账单查询", "充值缴费", "网络故障", "宽带安装", "账户安全", "套餐变更", "业务开通", "投诉建议")
TOPIC_SHARES = (0.22, 0.13, 0.19, 0.12, 0.07, 0.13, 0.08, 0.06)
TOPIC_TALK = np.array([0.85, 0.70, 1.30, 1.15, 1.05, 1.05, 0.95, 1.35])  # talk time relative to the mean
TOPIC_QUEUES = np.array([0, 0, 1, 1, 1, 2, 2, 0])  # indices into QUEUES

CALLS_PER_DAY = 2850  # calls, the mean over a year
WEEKDAY_SHAPE = np.array([1.22, 1.12, 1.06, 1.04, 1.05, 0.80, 0.71])  # from Monday, mean 1
SEASON_SHAPE = (1.06, 0.93, 0.98, 0.97, 0.99, 1.02, 1.06, 1.05, 1.00, 0.96, 0.98, 1.00)  # from January, mean 1
HOUR_SHAPE = np.array([4, 8, 11, 10, 6, 6, 9, 10, 9, 7, 6, 6, 5, 3]) / 100  # from 08:00: peaks at 10 and at 15
OPENS_AT, SLOT_SECONDS = 8 * 3600, 1800
OUTAGE_LOAD = 2.0  # calls on a day of the outage, relative to a usual one


@dataclass(frozen=True, eq=False)
class Centre:
    """Each agent's team, relative handling time and quality around 0; a team's drift of quality, month by month."""

    team: Ints
    pace: Floats
    quality: Floats
    drift: Floats


def build_centre(rng: np.random.Generator, months: int) -> Centre:
    """The centre with its agents in team order, their traits drawn from `rng`."""
    drift = np.zeros((len(TEAMS), months))
    drift[IMPROVING_TEAM] = np.linspace(-0.9, 0.9, months)
    drift[WORSENING_TEAM] = np.linspace(0.9, -0.9, months)
    pace = np.exp(0.12 * rng.standard_normal(AGENTS))
    quality = np.clip(0.5 * rng.standard_normal(AGENTS), -1.2, 1.2)
    return Centre(np.arange(AGENTS) * len(TEAMS) // AGENTS, pace, quality, drift)


def pick(shares: Sequence[float], size: int, rng: np.random.Generator) -> Ints:
    """`size` indices into `shares`, each drawn as often as its share says."""
    steps = np.cumsum(shares)
    return np.searchsorted(steps / steps[-1], rng.random(size), side="right")


def lognormal(mean: float | Floats, sigma: float, size: int, rng: np.random.Generator) -> Floats:
    """Positive numbers with this mean and a long tail to the right."""
    return mean * np.exp(sigma * rng.standard_normal(size) - sigma**2 / 2)
