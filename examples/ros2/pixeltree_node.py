"""A ROS 2 node that runs a tree on a device and publishes what comes of each frame.

    python3 pixeltree_node.py --ros-args -p url:=serial:///dev/ttyACM0 -p tree:=my.ptree -p rate:=30.0
    ros2 topic echo /pixeltree/label

It needs rclpy and std_msgs, and Pixeltree in the same Python: 3.11 or later, as ROS 2 Jazzy has it.
"""

import asyncio
import contextlib

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Float32, Int32, String

import pixeltree as pt

PARAMETERS = {"url": "emu:?source=moving", "tree": "digits", "rate": 30.0}


class PixeltreeNode(Node):
    """Publishes ~/label, ~/margin (how far the label was ahead of the second) and ~/latency (seconds)."""

    def __init__(self) -> None:
        super().__init__("pixeltree")
        self._given = {name: self.declare_parameter(name, value).value for name, value in PARAMETERS.items()}
        self._label = self.create_publisher(String, "~/label", 10)
        self._margin = self.create_publisher(Int32, "~/margin", 10)
        self._latency = self.create_publisher(Float32, "~/latency", 10)

    async def run(self) -> None:
        """Frame after frame, until ROS shuts down. Frames run in a thread; swaps and reconnects too."""
        name = self._given["tree"]
        tree = pt.Tree.load(name) if name.endswith(".ptree") else pt.zoo.load(name)
        async with pt.aconnect(self._given["url"]) as device:
            runner = await device.open(tree)
            async for result in runner.run(period=1 / self._given["rate"]):
                self._label.publish(String(data=result.label_name))
                self._latency.publish(Float32(data=result.latency_us / 1e6))
                if result.margin is not None:  # a coarse answer has none
                    self._margin.publish(Int32(data=result.margin))
                rclpy.spin_once(self, timeout_sec=0)  # parameters and services of the node
                if not rclpy.ok():
                    break
            self.get_logger().info(str(await runner.finish()))


if __name__ == "__main__":
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C is asyncio's
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(PixeltreeNode().run())
    rclpy.try_shutdown()
