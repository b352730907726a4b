"""The command line in this process, for what it prints and how it ends."""

from typer.testing import CliRunner

from pixeltree.cli.app import make_application


def invoke(*arguments, **options):
    """Call a command as ``pixeltree.cli.app.run`` does; errors of it are in the result."""
    arguments = [str(each) for each in arguments]
    return CliRunner().invoke(make_application(arguments), arguments, **options)
