"""Lives here: the command line, one file a noun; each command is imported when it is called.

May import: everything below, but not api or web.
Never: logic; a command parses, calls and prints.
"""

import importlib
import sys

import click

from csi_service import __version__
from csi_service.cli.help import SpokenContext, spoken_help
from csi_service.cli.language import lang_option, speak, with_language, words
from csi_service.cli.usage import reworded, speak_as_asked
from csi_service.core.told import Told
from csi_service.errors import CsiError
from csi_service.language import marked, message_of
from csi_service.report.columns import visible
from csi_service.settings import load_language

# Command: where it is, and what it does in a line (so that --help imports none of them).
COMMANDS = {
    "score": ("csi_service.cli.score:score", "Score record files: calls, surveys, complaints, tickets, evaluations."),
    "report": ("csi_service.cli.report:report", "A period's report as HTML, PDF or XLSX; publish it."),
    "ratings": ("csi_service.cli.ratings:ratings", "Level shares of a period's ratings."),
    "rate": ("csi_service.cli.ratings:rate", "Put ratings from a file into the data folder."),
    "sample": ("csi_service.cli.sample:sample", "Plan samples of calls, draw them, list what is to be rated."),
    "calibration": ("csi_service.cli.calibration:calibration", "Whether raters judge alike."),
    "appeals": ("csi_service.cli.appeals:appeals", "Disputed evaluations."),
    "forms": ("csi_service.cli.forms:forms", "List, show and check QA forms."),
    "weights": ("csi_service.cli.weights:weights", "List, show, check and compare weights."),
    "mapping": ("csi_service.cli.mapping:mapping", "Draft and check mappings of other systems' exports."),
    "import": ("csi_service.cli.imports:import_", "Import record files into the data folder."),
    "imports": ("csi_service.cli.imports:imports", "List imports, show one, undo one."),
    "serve": ("csi_service.cli.serve:serve", "Serve the calculation API."),
    "key": ("csi_service.cli.key:key", "Make, list and revoke API keys."),
    "audit": ("csi_service.cli.audit:audit", "Print who changed what."),
    "backup": ("csi_service.cli.backup:backup", "Back the data folder up, also while it is served."),
    "restore": ("csi_service.cli.backup:restore", "Make a data folder of a backup."),
    "doctor": ("csi_service.cli.doctor:doctor", "Check the data folder, its records and counters."),
    "settings": ("csi_service.cli.serve:settings", "Print the settings, their values and what they do."),
    "demo": ("csi_service.cli.demo:demo", "Make demo data; score and serve them."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return spoken_help(with_language(command))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, params=[lang_option()])
@click.version_option(__version__, prog_name="csi")
def csi() -> None:
    """Customer satisfaction indices of a contact centre, from its own files or as a service."""


csi.context_class = SpokenContext


def main() -> None:
    """Run the command line and exit; what the caller can mend ends with one line and exit code 2."""
    speak(load_language())
    try:
        code = csi.main(prog_name="csi", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _complain(marked("stopped"), 130)
    except click.ClickException as error:
        speak_as_asked(sys.argv[1:])
        code = _complain(reworded(error.format_message()), 2)
    except CsiError as error:
        code = _complain(message_of(error), 2)
    except OSError as error:
        where = error.filename or Told("the system")
        code = _complain(Told("{where}: {message}", where=where, message=error.strerror or str(error)), 2)
    sys.exit(code)


def _complain(text: str, code: int) -> int:
    click.echo(f"csi: {visible(' '.join(words(text).split()))}", err=True)
    return code
