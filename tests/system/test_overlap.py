"""Uploads, frames and small requests at the same time, on a line as slow as a real one."""

import pixeltree
from pixeltree.demo.run import count_mismatches, demo_digits, demo_tree
from pixeltree.device.upload import Uploading
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.objects import FullyConnected, digest_of

LARGE = FullyConnected(2048, (0,) * 250, bytes(256 * 250)).encode()


def test_frames_and_small_requests_overtake_an_upload(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", "--bps", "1e6", "--memory-bytes", "200000")
    tree = demo_tree()
    image = demo_digits().images[0]
    with pixeltree.connect(daemon.url) as device:
        runner = pixeltree.TreeRunner.open(device, tree)
        first = runner.infer(image)
        uploading = Uploading(
            device.exchange, {digest_of(LARGE): LARGE}, Priority.PREFETCH
        )  # half a second of line
        device.ping()
        assert not uploading.done
        again = runner.run_frame()
        assert not uploading.done
        assert again.logits == first.logits
        assert count_mismatches(again, *tree.reference(image)) == 0
        assert uploading.wait().wire_bytes > len(LARGE)
        assert uploading.done


def test_a_fault_is_served_before_what_is_only_expected(start, tmp_path):
    daemon = start("--listen", f"unix://{tmp_path}/device", "--bps", "1e6", "--memory-bytes", "200000")
    tree = demo_tree()
    image = demo_digits().images[0]
    with pixeltree.connect(daemon.url) as device:
        runner = pixeltree.TreeRunner.open(device, tree)
        uploading = Uploading(device.exchange, {digest_of(LARGE): LARGE}, Priority.PREFETCH)
        result = runner.infer(image)  # its nodes are uploaded meanwhile, capture and root and leaf
        assert result.faults == 3
        assert not uploading.done
        assert count_mismatches(result, *tree.reference(image)) == 0
        uploading.wait()
