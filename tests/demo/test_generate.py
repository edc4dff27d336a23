"""The demo folder: complete, repeatable, consistent in itself, and with the stories that it promises."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from csi_service.demo.centre import AGENTS, SITES, TEAMS
from csi_service.demo.generate import write_demo

SCALE = 0.02
IMPROVING, WORSENING = "华东二组", "西南三组"
WANTED = {  # from the specification of the records: what a file must have
    "surveys": {"survey_id", "answered_at", "channel", "scale", "score"},
    "survey_invitations": {"day", "channel", "invited"},
    "complaints": {"complaint_id", "received_at"},
    "tickets": {"ticket_id", "opened_at"},
    "evaluations": {"evaluation_id", "call_id", "evaluated_at", "score"},
    "batches": {"batch", "period"},
}


class Demo:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        months = sorted((folder / "calls").iterdir())
        self.by_month = {path.stem.removeprefix("calls-"): self.read(path) for path in months}
        self.calls = pd.concat(self.by_month.values(), ignore_index=True)
        self.months = list(self.by_month)
        self.answered = self.calls[self.calls["answered"] == "Y"]
        self.kinds = {kind: self.read(folder / f"{kind}.csv") for kind in WANTED}

    @staticmethod
    def read(path: Path) -> pd.DataFrame:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for name in frame.columns[frame.columns.str.contains("_seconds|score|scale|invited|population|rating|views")]:
            frame[name] = pd.to_numeric(frame[name])
        return frame


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "centre"
    write_demo(folder, "2025-12", scale=SCALE)
    return Demo(folder)


def instants(texts: pd.Series) -> pd.Series:
    return pd.to_datetime(texts.where(texts != ""), format="%Y-%m-%d %H:%M:%S")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def service_level(calls: pd.DataFrame) -> float:
    return float(((calls["answered"] == "Y") & (calls["wait_seconds"] <= 20)).mean())


def first_and_last_quarter(
    frame: pd.DataFrame, instant: str, value: pd.Series, months: list[str]
) -> tuple[float, float]:
    month = frame[instant].str[:7]
    return float(value[month.isin(months[:3])].mean()), float(value[month.isin(months[-3:])].mean())


def test_same_arguments_give_the_same_bytes_and_another_seed_others(demo: Demo, tmp_path: Path) -> None:
    told: list[str] = []
    paths = write_demo(tmp_path / "again", "2025-12", scale=SCALE, progress=told.append)
    write_demo(tmp_path / "other", "2025-12", seed=21, scale=SCALE)
    first, again, other = content(demo.folder), content(tmp_path / "again"), content(tmp_path / "other")
    assert first == again
    assert sorted(str(path.relative_to(tmp_path / "again")) for path in paths) == sorted(again)
    assert len(told) == len(paths)
    assert all(first[name] != other[name] for name in first)


def test_months_sites_teams_and_agents(demo: Demo) -> None:
    expected = [str(month) for month in pd.period_range(end="2025-12", periods=14, freq="M")]
    assert demo.months == expected
    assert set(demo.calls["site"]) == set(SITES)
    assert set(demo.calls["team"]) == set(TEAMS)
    team_of_agent = demo.answered.groupby("agent")["team"].nunique()
    assert len(team_of_agent) == AGENTS == 160
    assert len(TEAMS) == 12
    assert (team_of_agent == 1).all()
    assert (demo.calls.groupby("team")["site"].nunique() == 1).all()
    for month, calls in demo.by_month.items():
        assert (calls["started_at"].str[:7] == month).all()
        assert calls["started_at"].is_monotonic_increasing


def test_files_have_their_columns_and_ids_are_unique(demo: Demo) -> None:
    assert {"call_id", "started_at", "answered"} <= set(demo.calls)
    assert demo.calls["call_id"].is_unique
    for kind, wanted in WANTED.items():
        frame = demo.kinds[kind]
        assert wanted <= set(frame), kind
        assert len(frame) > 0
        assert (frame[sorted(wanted)] != "").all(axis=None), kind
        identity = ["day", "channel", "team", "queue"] if kind == "survey_invitations" else frame.columns[0]
        assert not frame.duplicated(identity).any(), kind


def test_abandoned_calls_have_no_agent_and_answered_ones_all_parts(demo: Demo) -> None:
    abandoned = demo.calls[demo.calls["answered"] == "N"]
    assert (abandoned[["agent", "resolved", "transfers"]] == "").all(axis=None)
    assert abandoned[["talk_seconds", "hold_seconds", "wrap_seconds"]].isna().all(axis=None)
    assert (demo.answered[["agent", "resolved", "team", "queue", "topic", "customer_id"]] != "").all(axis=None)
    assert (demo.answered[["wait_seconds", "talk_seconds", "hold_seconds", "wrap_seconds"]] >= 0).all(axis=None)


def test_references_hold(demo: Demo) -> None:
    calls = demo.calls.set_index("call_id")
    for kind in ("surveys", "complaints", "evaluations"):
        frame = demo.kinds[kind]
        linked = frame[frame["call_id"] != ""]
        assert 0.8 < len(linked) / len(frame) <= 1
        about = calls.loc[linked["call_id"]]
        assert (about["answered"] == "Y").all(), kind
        for name in ("team", "agent", "queue"):
            assert (about[name].to_numpy() == linked[name].to_numpy()).all(), (kind, name)
    tickets = set(demo.kinds["tickets"]["ticket_id"])
    assert set(demo.kinds["complaints"]["ticket_id"]) - {""} <= tickets
    customers = set(demo.calls["customer_id"])
    assert set(demo.kinds["tickets"]["customer_id"]) <= customers
    assert set(demo.kinds["complaints"]["customer_id"]) <= customers


def test_scores_lie_on_their_scales(demo: Demo) -> None:
    surveys, evaluations = demo.kinds["surveys"], demo.kinds["evaluations"]
    assert {*surveys["channel"]} == {"ivr", "sms", "callback"}
    assert surveys["score"].between(1, surveys["scale"]).all()
    assert (
        surveys.groupby("channel")["scale"].unique().map(list) == pd.Series({"callback": [5], "ivr": [5], "sms": [10]})
    ).all()
    assert evaluations["score"].between(0, 100).all()
    assert evaluations["rating"].between(1, 5).all()


def test_evaluations_follow_the_call_and_nobody_rates_herself(demo: Demo) -> None:
    evaluations = demo.kinds["evaluations"]
    started = instants(demo.calls.set_index("call_id").loc[evaluations["call_id"], "started_at"]).to_numpy()
    later = instants(evaluations["evaluated_at"]).to_numpy() - started
    assert (later > np.timedelta64(0, "s")).all()
    assert (
        instants(evaluations["evaluated_at"]).to_numpy().astype("M8[D]") - started.astype("M8[D]")
    ).max() <= np.timedelta64(3, "D")
    assert (evaluations["rater"] != evaluations["agent"]).all()
    assert set(evaluations["rater"]) & set(demo.answered["agent"])  # some raters are agents, so the rule has work
    assert evaluations["rater"].nunique() == 10
    assert not evaluations.duplicated(["call_id", "rater"]).any()


def test_batches_say_what_they_stand_for(demo: Demo) -> None:
    batches, evaluations = demo.kinds["batches"], demo.kinds["evaluations"]
    assert set(evaluations["batch"]) <= set(batches["batch"])
    random = batches[batches["selection"] == "random"]
    in_site = demo.answered.groupby([demo.answered["started_at"].str[:7], "site"]).size()
    assert random.set_index(["period", "stratum"])["population"].sort_index().tolist() == in_site.sort_index().tolist()
    call_month = demo.calls.set_index("call_id").loc[evaluations["call_id"], "started_at"].str[:7].to_numpy()
    assert (evaluations["batch"].str[:7] == call_month).all()
    per_batch = evaluations.groupby("batch")["call_id"].agg(["size", "nunique"])
    assert per_batch.loc[random["batch"], "size"].sum() == 3 * AGENTS * 14
    calibration = per_batch.loc[batches.loc[batches["selection"] == "calibration", "batch"]]
    assert calibration.to_numpy().tolist() == [[120, 40]]
    assert set(batches.loc[batches["selection"] == "targeted", "period"].str[5:]) == {"03", "06", "09", "12"}


def test_tickets_run_in_order_and_end_with_the_data(demo: Demo) -> None:
    tickets = demo.kinds["tickets"]
    opened, closed = instants(tickets["opened_at"]), instants(tickets["closed_at"])
    assert not (closed <= opened).any()
    assert not (instants(tickets["first_contact_at"]) >= opened).any()
    reactivated = tickets["reactivated_at"].str.split(";")
    assert reactivated.str.len().max() == 2
    first, last = instants(reactivated.str[0]), instants(reactivated.str[-1])
    assert not (first <= closed).any()
    assert not (last < first).any()
    assert closed[first.notna()].notna().all()
    assert set(tickets.loc[tickets["first_callback_at"] != "", "promised_callback"]) == {"Y"}
    for kind, frame in demo.kinds.items():
        for name in frame.columns[frame.columns.str.endswith("_at")]:
            assert frame[name].str[-19:].max() < "2026-01-01", (kind, name)


def test_figures_are_realistic(demo: Demo) -> None:
    normal = [service_level(calls) for month, calls in demo.by_month.items() if month != demo.months[8]]
    assert 0.80 < np.mean(normal) < 0.88
    answered, tickets, surveys = demo.answered, demo.kinds["tickets"], demo.kinds["surveys"]
    assert 0.04 < 1 - len(answered) / len(demo.calls) < 0.07
    handled = answered[["talk_seconds", "hold_seconds", "wrap_seconds"]].sum(axis=1)
    assert 285 < handled.mean() < 315
    assert 0.77 < (answered["resolved"] == "Y").mean() < 0.84
    assert 0.004 < len(demo.kinds["complaints"]) / len(answered) < 0.008
    assert 0.13 < len(tickets) / len(demo.calls) < 0.17
    back = instants(tickets["reactivated_at"].str[:19]) - instants(tickets["closed_at"])
    assert 0.06 < (back <= pd.Timedelta(days=7)).sum() / (tickets["closed_at"] != "").sum() < 0.10
    random = demo.kinds["evaluations"]["batch"].str.contains("|".join(SITES))
    assert 0.03 < (demo.kinds["evaluations"]["delight"][random] == "Y").mean() < 0.06
    satisfied = (surveys["score"] >= np.where(surveys["scale"] == 5, 4, 8)).groupby(surveys["channel"]).mean()
    assert satisfied["ivr"] > satisfied["callback"] > satisfied["sms"]


@pytest.mark.parametrize(("team", "sign"), [(IMPROVING, 1), (WORSENING, -1)])
def test_one_team_improves_and_one_worsens(demo: Demo, team: str, sign: int) -> None:
    calls = demo.answered[demo.answered["team"] == team]
    handled = calls[["talk_seconds", "hold_seconds", "wrap_seconds"]].sum(axis=1)
    before, after = first_and_last_quarter(calls, "started_at", handled, demo.months)
    assert (before - after) * sign > 30
    evaluations = demo.kinds["evaluations"]
    evaluations = evaluations[evaluations["team"] == team]
    before, after = first_and_last_quarter(evaluations, "evaluated_at", evaluations["score"], demo.months)
    assert (after - before) * sign > 5
    before, after = first_and_last_quarter(evaluations, "evaluated_at", evaluations["rating"], demo.months)
    assert (after - before) * sign > 0.3


def test_customers_notice_both_teams(demo: Demo, tmp_path: Path) -> None:
    write_demo(tmp_path / "larger", "2025-12", scale=0.1)  # a team has few survey answers at the small scale
    surveys = Demo.read(tmp_path / "larger" / "surveys.csv")
    surveys["height"] = (surveys["score"] - 1) / (surveys["scale"] - 1)
    for team, sign in ((IMPROVING, 1), (WORSENING, -1)):
        of_team = surveys[surveys["team"] == team]
        before, after = first_and_last_quarter(of_team, "answered_at", of_team["height"], demo.months)
        assert (after - before) * sign > 0.05, team


def test_the_outage_month_is_the_worst(demo: Demo) -> None:
    level = {month: service_level(calls) for month, calls in demo.by_month.items()}
    assert min(level, key=level.__getitem__) == demo.months[8]
    by_day = demo.calls.groupby(demo.calls["started_at"].str[:10])
    worst = pd.Series({day: service_level(calls) for day, calls in by_day}).nsmallest(2).index
    assert sorted(worst) == ["2025-07-08", "2025-07-09"]
    assert by_day.size()[worst].min() > 1.5 * by_day.size().mean()


@pytest.mark.parametrize(
    "month", ["2025-13", "2025-1", "202512", "", "2025-12-01", "1991-06", "2025-12\n", "２０２５-12"]
)
def test_malformed_month_is_refused(tmp_path: Path, month: str) -> None:
    with pytest.raises(ValueError, match="last_month"):
        write_demo(tmp_path / "demo", month, scale=SCALE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5, float("nan")])
def test_scale_outside_its_range_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(ValueError, match="scale"):
        write_demo(tmp_path / "demo", "2025-12", scale=scale)


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    for taken in (tmp_path, tmp_path / "kept.txt"):
        with pytest.raises(ValueError, match=re.escape(str(taken))):
            write_demo(taken, "2025-12", scale=SCALE)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_an_empty_folder_is_filled_and_a_tiny_centre_works(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "empty"
    folder.mkdir(parents=True)
    paths = write_demo(folder, "2024-02", scale=0.0005)
    assert len(paths) == 20
    assert all(path.is_file() for path in paths)
    assert [path.name for path in folder.parent.iterdir()] == ["empty"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(message: str) -> None:
        if message.startswith("tickets.csv"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path / "demo", "2025-12", scale=SCALE, progress=interrupt)
    assert list(tmp_path.iterdir()) == []
