"""csi demo: made-up data of a contact centre, scored and served."""

import dataclasses
import datetime as dt
import shlex
from pathlib import Path

import click

from csi_service.cli.output import Progress
from csi_service.core.periods import containing, parse_period
from csi_service.demo.generate import write_demo
from csi_service.errors import FileRefusedError, InvalidInputError, Problem
from csi_service.facts.duck import workspace
from csi_service.file_facts import FileFacts
from csi_service.ingest.coerce import Zones
from csi_service.ingest.load import Importer
from csi_service.ingest.mapping import Mapping
from csi_service.report.text import render_both
from csi_service.rollup.places import Scope
from csi_service.scoring import Request, score_facts
from csi_service.server import serve
from csi_service.services import Services, build_services
from csi_service.settings import load_settings

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
    """Make demo data once, score their latest month, and serve the API on 127.0.0.1."""
    services = build_services(load_settings())
    if not demo_files(folder)["calls"]:
        click.echo("Making demo data: 14 months of a centre with three sites (once).", err=True)
        _make(folder, _last_month(services.today()))
    files = demo_files(folder)
    month = files["calls"][-1].stem.removeprefix("calls-")
    click.echo(_scored(services, files, month))
    click.echo(hints(folder, month, port))
    serve(dataclasses.replace(services.settings, host="127.0.0.1", port=port))


def demo_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of a demo folder by record kind."""
    kinds = ("surveys", "survey_invitations", "complaints", "tickets", "evaluations", "batches")
    return {
        "calls": sorted((folder / "calls").glob("calls-*.csv")),
        **{kind: [folder / f"{kind}.csv"] for kind in kinds},
    }


def _make(folder: Path, last_month: str, seed: int = 20, scale: float = 1.0) -> None:
    try:
        write_demo(folder, last_month, seed, scale=scale, progress=lambda text: click.echo(f"  {text}", err=True))
    except ValueError as error:
        raise InvalidInputError(Problem("demo", str(error))) from error
    except OSError as error:
        raise FileRefusedError(f"{folder}: cannot be written ({error.strerror})") from error


def _last_month(today: dt.date) -> str:
    return containing(today.replace(day=1) - dt.timedelta(days=1), "month").label


def _scored(services: Services, files: dict[str, list[Path]], month: str) -> str:
    with workspace() as (connection, folder), Progress() as progress:
        keys = ("team",)
        importer = Importer(connection, folder, Mapping(), Zones(ZONE, ZONE))
        facts = FileFacts(importer, files, Scope(keys), progress.tell)
        request = Request(period=parse_period(month), keys=keys)
        return render_both(score_facts(facts, services.weights.all(), request, services.today()))


def hints(folder: Path, month: str, port: int) -> str:
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
    return f"""The same from the files:
  {csi} score --calls {calls} --surveys {surveys} --complaints {complaints} \\
    --tickets {tickets} --evaluations {evaluations} --batches {batches} \\
    --period {month} --by team

The API: {address}  (documentation: {address}/docs; stop with Ctrl-C)
  curl {address}/api/v1/weights
  curl {address}/api/v1/calculate/composite -H 'Content-Type: application/json' -d '{composite}'
"""
