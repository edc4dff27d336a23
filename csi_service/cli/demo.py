"""csi demo: made-up data of a contact centre, scored and served."""

import dataclasses
import datetime as dt
import shlex
import zoneinfo
from collections.abc import Sequence
from pathlib import Path

import click

from csi_service.cli.language import say, spoken, words
from csi_service.cli.output import Progress, write_whole
from csi_service.core.periods import containing, parse_period
from csi_service.core.told import Told
from csi_service.demo.generate import write_demo
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.language import LANGUAGES, marked
from csi_service.report.collect import Asked
from csi_service.report.kept import Wanted, made_report
from csi_service.report.text import render_both
from csi_service.scoring import Request, score_facts
from csi_service.server import check_address, serve
from csi_service.services import Services, build_services
from csi_service.settings import load_settings
from csi_service.store.facts import open_facts
from csi_service.store.import_books import DONE, list_imports
from csi_service.store.import_progress import Steps
from csi_service.store.imports import import_files
from csi_service.store.keys import KeyRing, create_key

ZONE = "Asia/Shanghai"


@click.group(short_help="Demo data.")
def demo() -> None:
    """Make demo data; score and serve them."""


@demo.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--last-month", help="Last of the 14 months, for instance 2026-10; default: the last month that has ended."
)
@click.option("--seed", default=20, show_default=True, help="Another seed makes another centre.")
@click.option("--scale", default=1.0, show_default=True, help="Share of the calls to make, above 0 and up to 1.")
def make(folder: Path, last_month: str | None, seed: int, scale: float) -> None:
    """Write 14 months of a made-up centre into FOLDER: three sites, 12 teams, 160 agents, 1.2 million calls."""
    services = build_services(load_settings())
    _make(folder, last_month or _last_month(services.today()), seed, scale)


@demo.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path(".demo"), show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8000, show_default=True)
def run(folder: Path, port: int) -> None:
    """Load demo data into a data folder once, score and report their latest month, and serve them on 127.0.0.1."""
    check_address("127.0.0.1", port)
    settings = dataclasses.replace(load_settings(), data=folder / "data", time_zone=zoneinfo.ZoneInfo(ZONE))
    services = build_services(settings)
    if not demo_files(folder)["calls"]:
        say("Making demo data: 14 months of a centre with three sites (once).", err=True)
        _make(folder, _last_month(services.today()))
    files = demo_files(folder)
    month = files["calls"][-1].stem.removeprefix("calls-")
    _load(services, files)
    click.echo(_scored(services, month))
    written = _write_reports(services, folder / "reports", month)
    click.echo(hints(folder, month, port, _key(services, folder / "key.txt"), written))
    services.store().database.close()
    serve(
        dataclasses.replace(
            settings, host="127.0.0.1", port=port, samples=folder / "reports", log_format="text", log_level="warning"
        )
    )


def _load(services: Services, files: dict[str, list[Path]]) -> None:
    """Import the files, once."""
    store = services.store()
    loaded = {each.kind for each in list_imports(store, limit=100)[0] if each.status == DONE}
    for kind, paths in files.items():
        if kind not in loaded:
            with Progress() as progress:
                import_files(
                    store, kind, paths, "cli:demo", services.now, None, ZONE, steps=Steps(progress.tell, lambda _: None)
                )


def _write_reports(services: Services, folder: Path, month: str) -> list[Path]:
    """Write the month's report by team as HTML and PDF in each language."""
    folder.mkdir(exist_ok=True)
    wanted = Wanted(Asked(parse_period(month), ("team",)), services.today())
    written = []
    for language in LANGUAGES:
        for name in ("html", "pdf"):
            path = folder / f"{month}-{language}.{name}"
            write_whole(made_report(services.store(), services.dated_weights(), wanted, name, language), path)
            written.append(path)
    return written


def _key(services: Services, path: Path) -> str:
    """The key of the demo, kept in a file that only its owner reads: these data are made up."""
    database = services.store().database
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    if not text or KeyRing(database).caller(text, services.now()) is None:
        name = f"demo {services.now():%Y%m%d-%H%M%S}"
        text = create_key(database, name, "admin", "cli:demo", services.now())[1]
        path.touch(mode=0o600)
        path.write_text(f"{text}\n", encoding="utf-8")
    return text


def demo_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a demo folder by record kind."""
    kinds = ("surveys", "survey_invitations", "complaints", "tickets", "evaluations", "batches")
    return {
        "calls": sorted((folder / "calls").glob("calls-*.csv")),
        **{kind: [folder / f"{kind}.csv"] for kind in kinds},
    }


def _make(folder: Path, last_month: str, seed: int = 20, scale: float = 1.0) -> None:
    try:
        write_demo(
            folder, last_month, seed, scale=scale, progress=lambda text: click.echo(f"  {words(text)}", err=True)
        )
    except ValueError as error:
        raise InvalidInputError(Problem("demo", error.args[0])) from error
    except OSError as error:
        text = Told("{path}: cannot be written ({reason})", path=folder, reason=error.strerror)
        raise FileRefusedError(text) from error


def _last_month(today: dt.date) -> str:
    return containing(today.replace(day=1) - dt.timedelta(days=1), "month").label


def _scored(services: Services, month: str) -> str:
    period = parse_period(month)
    facts = open_facts(services.store(), period, ("team",))
    request = Request(period=period, keys=("team",))
    return render_both(score_facts(facts, services.weights.all(), request, services.today()), spoken())


def hints(folder: Path, month: str, port: int, key: str, reports: Sequence[Path] = ()) -> str:
    """Return the commands, ready to copy, that score the same files and ask the service."""
    address = f"http://127.0.0.1:{port}"
    composite = (
        '{"internal": {"sla": {"numerator": 850, "denominator": 1000}, "aht": {"value": 360}, "fcr": {"value": 0.8}, '
        '"qa": {"value": 0.9}}, "external": {"value": 0.92}, '
        '"complaint": {"complaints": {"numerator": 9, "denominator": 1000}}}'
    )
    csi = ".venv/bin/csi" if Path(".venv/bin/csi").exists() else "csi"
    calls, surveys, complaints, tickets, evaluations, batches = (
        shlex.quote(f"{folder}/{name}.csv")
        for name in ("calls/*", "surveys", "complaints", "tickets", "evaluations", "batches")
    )
    written = "".join(f"\n  {path}" for path in reports)
    api = marked("The API: {address}  (documentation and reports: {address}/docs; stop with Ctrl-C)")
    return f"""{words("The same from the files:")}
  {csi} score --calls {calls} --surveys {surveys} --complaints {complaints} \\
    --tickets {tickets} --evaluations {evaluations} --batches {batches} \\
    --period {month} --by team

{words("The month's report:")}{written}

{words(api, address=address)}
{words("The key, for these data only: {key}", key=key)}
  curl -H 'Authorization: Bearer {key}' '{address}/api/v1/scores?period={month}&by=team'
  curl -H 'Authorization: Bearer {key}' {address}/api/v1/calculate/composite \\
    -H 'Content-Type: application/json' -d '{composite}'
"""
