"""csi sample: plan which calls are listened to, draw them, list plans and worklists."""

import contextlib
import dataclasses
import datetime as dt
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from csi_service.cli.language import heads, say, words
from csi_service.cli.store_option import caller, data_option, services_for
from csi_service.core.told import Told
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.kinds import SELECTIONS
from csi_service.language import marked
from csi_service.report.columns import in_columns, visible
from csi_service.schema.plans import STRATA, load_plan
from csi_service.store.draws import draw_plan
from csi_service.store.plans import Listed, Plan, create_plan, list_batches
from csi_service.store.worklists import Progress, is_overdue, mark_away, progress, worklist

_SELECTIONS = {"random": marked("random"), "targeted": marked("targeted"), "calibration": marked("calibration")}
_STRATA = {"team": marked("team"), "queue": marked("queue"), "channel": marked("channel"), "agent": marked("agent")}
_SEED_BITS = 31
_AT_ONCE = 1000
_RULE = ("abandoned", "unresolved", "handle_from", "transfers_from", "dissatisfied", "complained")
_OF_BODY = {"answered": "--abandoned", "resolved": "--unresolved", "handle_seconds_from": "--handle-from"}


@click.group(short_help="Samples of calls.")
def sample() -> None:
    """Plan samples of calls, draw them, list what is to be rated."""


@sample.command()
@click.option("--batch", required=True, help="The plan's name.")
@click.option("--period", required=True, help="Whose calls: 2026-01, 2026-W05, 2026-01-31 ...")
@click.option("--rater", "raters", multiple=True, required=True, metavar="NAME[=SHARE]", help="Who rates; repeat it.")
@click.option("--by", "strata", multiple=True, type=click.Choice(STRATA), help="A stratum each; may be repeated.")
@click.option("--size", type=int, help="Calls in all, in proportion to the strata.")
@click.option("--min-per", "min_per", type=int, help="Calls of each stratum at least.")
@click.option("--seed", type=int, help="The same seed and calls give the same draw; made up without it.")
@click.option("--expected-share", type=float, help="The share that you expect to find. Default: 0.5, the worst case.")
@click.option("--due", "due_on", help="Last day to rate them, for instance 2026-02-10.")
@click.option("--selection", type=click.Choice(SELECTIONS), default="random", show_default=True)
@click.option("--calls", type=click.Path(dir_okay=False, path_type=Path), help="File of call numbers, one a line.")
@click.option("--abandoned", is_flag=True, help="By rule: calls that nobody answered.")
@click.option("--unresolved", is_flag=True, help="By rule: calls that did not resolve the matter.")
@click.option("--handle-from", type=float, metavar="SECONDS", help="By rule: handled for so long at least.")
@click.option("--transfers-from", type=int, help="By rule: transferred so often at least.")
@click.option("--dissatisfied", is_flag=True, help="By rule: calls whose survey was not satisfied.")
@click.option("--complained", is_flag=True, help="By rule: calls that a complaint names.")
@data_option
def plan(data: Path | None, **given: Any) -> None:
    """Count what a plan may draw and tell what it buys; csi sample draw then draws it.

    Random samples alone enter estimates. Targeted ones are picked by rule or from a file; in a calibration every rater
    gets every call.
    """
    services = services_for(data)
    with _naming_options(click.get_current_context()):
        body = load_plan({"batch": given.pop("batch"), "period": given.pop("period"), "plan": _plan(given)})
        made = create_plan(services.store(), body, caller(), secrets.randbits(_SEED_BITS), services.now())
    for line in _strata(made):
        click.echo(line)
    bought = made.buys(made.strata)
    if bought.half_width is not None:
        pattern = marked(
            "A share comes out to +-{width:.1f} points (95 %); +-5 points take {five:,} calls, +-3 points {three:,}."
        )
        five, three = bought.needed_for_5_points, bought.needed_for_3_points
        say(pattern, width=100 * bought.half_width, five=five, three=three)
    say("Seed {seed}. csi sample draw {batch} draws it.", err=True, seed=made.seed, batch=made.batch)


@contextlib.contextmanager
def _naming_options(context: click.Context) -> Iterator[None]:
    """Name the options at fault where the plan's own rules point into its body."""
    options = {each.name or "": each.opts[0] for each in context.command.params} | _OF_BODY
    options["rule"] = ", ".join(options[name] for name in _RULE if context.params[name])
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(*(_of_option(problem, options) for problem in error.problems)) from error


def _of_option(problem: Problem, options: Mapping[str, str]) -> Problem:
    if not problem.where.startswith("/"):
        return problem
    option, place = "", ""
    for part in problem.where.split("/"):
        option = options.get(part, option)
        place = f" ({int(part) + 1})" if part.isdecimal() else place
    message = problem.message
    if isinstance(message, Told):
        values = {name: options.get(str(value), value) for name, value in message.values.items()}
        message = Told(message.pattern, **values)
    return dataclasses.replace(problem, where=f"{option}{place}" if option else "", message=message)


def _plan(given: dict[str, Any]) -> dict[str, Any]:
    """The plan as the API takes it."""
    rule = {
        "answered": False if given.pop("abandoned") else None,
        "resolved": False if given.pop("unresolved") else None,
        "handle_seconds_from": given.pop("handle_from"),
        "transfers_from": given.pop("transfers_from"),
        "dissatisfied": given.pop("dissatisfied") or None,
        "complained": given.pop("complained") or None,
    }
    raters, calls, strata = given.pop("raters"), given.pop("calls"), given.pop("strata")
    found = {name: value for name, value in given.items() if value is not None}
    if named := {name: value for name, value in rule.items() if value is not None}:
        found["rule"] = named
    if calls is not None:
        found["calls"] = _numbers(calls)
    return found | {"strata": list(strata), "raters": [_rater(text) for text in raters]}


def _rater(text: str) -> dict[str, Any]:
    name, _, share = text.rpartition("=")
    if not name:
        return {"name": text}
    try:
        return {"name": name, "share": float(share)}
    except ValueError as error:
        message = Told("{text!r} is no NAME=SHARE; the share is a number", text=text)
        raise InvalidInputError(Problem("--rater", message, text)) from error


def _numbers(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileRefusedError(Told("{path}: cannot be read as UTF-8 text", path=path)) from error
    return [line.strip() for line in lines if line.strip()]


@sample.command()
@click.argument("batch")
@data_option
def draw(batch: str, data: Path | None) -> None:
    """Draw a plan's calls, once, and share them out to its raters."""
    services = services_for(data)
    made = draw_plan(services.store(), batch, caller(), services.now())
    with services.store().database.reading() as connection:
        done = progress(connection, [made])[made.batch]
    for line in (*_strata(made), "", *_raters(done)):
        click.echo(line)
    if done.unassigned:
        say("{count:,} calls can be rated by none of the raters.", err=True, count=done.unassigned)


@sample.command("list")
@data_option
def list_(data: Path | None) -> None:
    """List plans with their progress, and batches that no plan has made."""
    services = services_for(data)
    head = heads("batch", "period", "selection", "state", "due", "population", "sample", "done", "left")
    rows: list[tuple[str, ...]] = []
    cursor = None
    with services.store().database.reading() as connection:
        while True:
            some, cursor = list_batches(connection, caller(), cursor, _AT_ONCE)
            done = progress(connection, [each.plan for each in some if each.plan is not None])
            rows += [_row(each, done, services.today()) for each in some]
            if cursor is None:
                break
    for line in in_columns([head, *rows], range(5)):
        click.echo(line)


def _row(listed: Listed, done: dict[str, Progress], today: dt.date) -> tuple[str, ...]:
    if listed.plan is None:
        record = listed.record or {}
        population = "" if record["population"] is None else f"{record['population']:,.0f}"
        selection = words(_SELECTIONS[record["selection"] or "random"])
        return (visible(listed.batch), visible(record["period"]), selection, words("sent"), "", population, "", "", "")
    made, far = listed.plan, done[listed.batch]
    left = far.calls - far.done
    state = words("drawn")
    if made.drawn_at is None:
        state = words("planned")
    elif is_overdue(made, left, today):
        state = words("overdue")
    due = "" if made.wanted.due_on is None else made.wanted.due_on.isoformat()
    numbers = (sum(each.population for each in made.strata), sum(each.sample for each in made.strata), far.done, left)
    texts = (visible(made.batch), made.wanted.period.label, words(_SELECTIONS[made.wanted.selection]), state, due)
    return (*texts, *(f"{number:,}" for number in numbers))


@sample.command("worklist")
@click.argument("batch")
@click.argument("rater")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Calls at most.")
@data_option
def worklist_(batch: str, rater: str, limit: int, data: Path | None) -> None:
    """List the next calls of a rater, in the order in which they are to be worked off."""
    services = services_for(data)
    with services.store().database.reading() as connection:
        found = worklist(connection, batch, caller(), rater, limit, services.today())
    zone = services.settings.time_zone
    rows = [
        (
            visible(call["call_id"]),
            visible(call["batch"]),
            call["started_at"].astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            visible(call["team"] or ""),
            visible(call["agent"] or ""),
        )
        for call in found.calls
    ]
    for line in in_columns([heads("call", "batch", "started", "team", "agent"), *rows], range(5)):
        click.echo(line)
    counts = {"done": found.share.done, "calls": found.share.calls, "left": found.share.left}
    if found.overdue:
        pattern = marked("{done:,} of {calls:,} done, {left:,} left; overdue since {day}.")
        say(pattern, err=True, **counts, day=found.plan.wanted.due_on)
    else:
        say("{done:,} of {calls:,} done, {left:,} left.", err=True, **counts)


@sample.command()
@click.argument("batch")
@click.argument("rater")
@click.option("--back", is_flag=True, help="The rater is back.")
@data_option
def away(batch: str, rater: str, back: bool, data: Path | None) -> None:
    """Say that a rater is away: the undone calls go to the others."""
    services = services_for(data)
    made = mark_away(services.store(), batch, rater, not back, caller(), services.now())
    with services.store().database.reading() as connection:
        done = progress(connection, [made])[made.batch]
    for line in _raters(done):
        click.echo(line)


def _strata(made: Plan) -> Iterator[str]:
    """The strata as a table."""
    wanted = made.wanted.strata
    names: Sequence[str] = [words(_STRATA[name]) for name in wanted] if wanted else heads("stratum")
    rows = [
        (
            visible(each.batch),
            *(map(visible, each.members) if wanted else (words("all"),)),
            *(f"{number:,}" for number in (each.calls, each.evaluated, each.population, each.sample)),
        )
        for each in made.strata
    ]
    head = (words("batch"), *names, *heads("calls", "evaluated", "population", "sample"))
    return in_columns([head, *rows], range(1 + len(names)))


def _raters(done: Progress) -> Iterator[str]:
    rows = [
        (
            visible(each.rater),
            words("away") if each.away else "",
            *(f"{n:,}" for n in (each.calls, each.done, each.left)),
        )
        for each in done.shares
    ]
    return in_columns([(words("rater"), "", *heads("calls", "done", "left")), *rows], range(2))
