"""Lives here: the command line, one file a noun; each command is imported when it is called.

May import: everything below, but not api or web.
Never: logic; a command parses, calls and prints.
"""

import importlib
import sys

import click

from csi_service import __version__
from csi_service.errors import CsiError
from csi_service.report.columns import visible

# Command: where it is, and what it does in a line (so that --help imports none of them).
COMMANDS = {
    "score": ("csi_service.cli.score:score", "Score record files: calls, surveys, complaints, tickets, evaluations."),
    "weights": ("csi_service.cli.weights:weights", "List, show, check and compare weights."),
    "mapping": ("csi_service.cli.mapping:mapping", "Draft and check mappings of other systems' exports."),
    "serve": ("csi_service.cli.serve:serve", "Serve the calculation API."),
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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="csi")
def csi() -> None:
    """Customer satisfaction indices of a contact centre, from its own files or as a service."""


def main() -> None:
    """Run the command line and exit; what the caller can mend ends with one line and exit code 2."""
    try:
        code = csi.main(prog_name="csi", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _complain("stopped", 130)
    except click.ClickException as error:
        code = _complain(error.format_message(), 2)
    except CsiError as error:
        code = _complain(str(error), 2)
    except OSError as error:
        code = _complain(f"{error.filename or 'the system'}: {error.strerror or error}", 2)
    sys.exit(code)


def _complain(text: str, code: int) -> int:
    click.echo(f"csi: {visible(' '.join(text.split()))}", err=True)
    return code
