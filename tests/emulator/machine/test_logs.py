"""Log lines: one event a line, whatever a host made the values be."""

import json
import logging
import socket
import sys

from pixeltree_emu.machine.logs import JsonFormatter, TextFormatter, fields
from pixeltree_emu.serving.notify import READY, notify


def record(message, *arguments, error=None, **values):
    logger = logging.getLogger("pixeltree_emu.test")
    extra = fields(**values)
    return logger.makeRecord(logger.name, logging.INFO, "", 0, message, arguments, error, extra=extra)


def test_text_is_one_line_of_keys_and_values():
    line = TextFormatter().format(record("session opened", wire="pty /tmp/ppa0", count=3, known=None))
    rest = line.partition(" ")[2]
    assert line.startswith("time=20")
    assert rest == (
        'level=info event="session opened" logger=pixeltree_emu.test wire="pty /tmp/ppa0" count=3 known=null'
    )


def test_a_value_cannot_forge_a_line():
    line = TextFormatter().format(record("HELLO", client='x\nlevel=error event="all is lost" \x1b[2J'))
    assert "\n" not in line
    assert "\x1b" not in line
    assert r'client="x\nlevel=error event=\"all is lost\"' in line


def test_json_is_one_object_a_line_with_tracebacks_inside():
    try:
        raise ValueError("why")
    except ValueError:
        line = JsonFormatter().format(record("broke", error=sys.exc_info(), session="session 1"))
    assert "\n" not in line
    facts = json.loads(line)
    assert (facts["event"], facts["session"], facts["level"]) == ("broke", "session 1", "info")
    assert "ValueError: why" in facts["traceback"]


def test_a_service_manager_is_told_by_an_abstract_address_too(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the kernel chooses an abstract address
        manager.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + manager.getsockname()[1:].decode())
        notify(READY)
        assert manager.recv(100) == b"READY=1"


def test_a_service_manager_that_is_gone_stops_nothing(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify(READY)
    assert "the service manager was not told" in caplog.text
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify(READY)
