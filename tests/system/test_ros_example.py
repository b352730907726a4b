"""The node for ROS 2 of examples/: it compiles, and publishes results, on a stand-in for rclpy."""

import py_compile
import runpy
import sys
import types
from dataclasses import dataclass
from typing import Any

import pytest
from tests.support.command_line import ROOT

NODE = ROOT / "examples/ros2/pixeltree_node.py"
FRAMES = 3


@dataclass
class Message:
    """Of std_msgs: they have one field."""

    data: Any


class Ros:
    """As much of rclpy as the node uses: it shuts down after a few frames."""

    def __init__(self):
        self.published = {}
        self.logged = []
        self.turns = 0
        self.alive = False

    def init(self, signal_handler_options):
        self.alive = True

    def try_shutdown(self):
        self.alive = False

    def spin_once(self, node, timeout_sec):
        self.turns += 1

    def ok(self):
        return self.alive and self.turns < FRAMES


class Publisher:
    def __init__(self, kind, told):
        self._kind, self._told = kind, told

    def publish(self, message):
        assert type(message) is self._kind
        self._told.append(message.data)


@pytest.fixture
def ros(monkeypatch):
    """ROS itself is on no package index."""
    world = Ros()

    class Node:
        def __init__(self, name):
            self.name = name

        def declare_parameter(self, name, value):
            return types.SimpleNamespace(value="inproc:?source=moving" if name == "url" else value)

        def create_publisher(self, kind, topic, depth):
            return Publisher(kind, world.published.setdefault(topic.replace("~", f"/{self.name}"), []))

        def get_logger(self):
            return types.SimpleNamespace(info=world.logged.append)

    def module(name, **names):
        made = types.ModuleType(name)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)

    calls = {name: getattr(world, name) for name in ("init", "try_shutdown", "spin_once", "ok")}
    module("rclpy", **calls)
    module("rclpy.node", Node=Node)
    module("rclpy.signals", SignalHandlerOptions=types.SimpleNamespace(NO=0))
    module("std_msgs")
    kinds = {name: type(name, (Message,), {}) for name in ("Float32", "Int32", "String")}
    module("std_msgs.msg", **kinds)
    return world


def test_the_node_publishes_every_frame_until_ros_shuts_down(ros, tmp_path):
    py_compile.compile(NODE, tmp_path / "node.pyc", doraise=True)
    assert len(NODE.read_text().splitlines()) <= 60
    runpy.run_path(str(NODE), run_name="__main__")
    labels, margins, latencies = (
        ros.published[f"/pixeltree/{name}"] for name in ("label", "margin", "latency")
    )
    assert len(labels) == len(margins) == len(latencies) == FRAMES
    assert all(label in "0123456789" for label in labels)
    assert all(margin >= 0 for margin in margins)
    assert all(latency > 0 for latency in latencies)
    assert f"{FRAMES} frames, latency" in ros.logged[0]
    assert not ros.alive
