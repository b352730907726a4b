"""Runs the conformance suite as a user does, in a process of its own."""

import re
import tempfile

from tests.support.command_line import Process

TIME = 300
SKIPS_AT_MOST = 35
"""Tests that need a second wire, a token, or a small instruction store."""

QUICK = ("--heartbeat-ms", "100", "--silence-ms", "2000", "--resume-ms", "3000")
"""Options of a daemon that does not keep the suite waiting."""


class Run:
    """A run of the suite under way."""

    def __init__(self, url, *options):
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by wait
        command = ["--pyargs", "pixeltree_conformance", "-p", "no:cacheprovider"]
        if url is not None:
            command += ["--ppa", url]
        command += ["-rfs", "-q", *options]
        self.process = Process(
            "pytest:console_main", command, self.output, self.output, folder=tempfile.gettempdir()
        )

    def wait(self):
        """Exit status and output."""
        try:
            status = self.process.wait(TIME)
        finally:
            self.process.kill()
        self.output.seek(0)
        text = self.output.read()
        self.output.close()
        return status, text


def counts(text):
    """How many tests passed, failed and so on, from the last line."""
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", text.strip().splitlines()[-1])}
