"""A host of a SCAMP-5d looks at our own device: planes, and what a tree says, as text and as bars."""

import numpy as np

import pixeltree as pt
from pixeltree.kernels.names import R5, A
from pixeltree.links.emulator import EmulatorProcess

LABEL = "label {}, "


def test_a_host_sees_planes_of_our_device_and_the_results_of_a_tree():
    listen = ("--listen=tcp://127.0.0.1:0", "--listen=vendor-host://127.0.0.1:0?planes=A,R5&rate=1000")
    with EmulatorProcess(*listen) as emulator:
        own, host = (next(url for url in emulator.urls if kind in url) for kind in ("tcp:", "vendor-host:"))
        with pt.scamp5d.connect(host.replace("vendor-host", "tcp")) as scamp, pt.connect(own) as device:
            scamp.wait(lambda panel: len(panel.displays) == 3)
            assert [display.name for display in scamp.panel.displays] == ["A", "R5", "logits"]
            chip = device.chip
            chip.load_rect(R5, 10, 20, 30, 200)  # nothing about it is symmetric
            chip.load_in(A, 37)
            scamp.wait(lambda panel: 100 in panel.shown and (panel.shown[100].picture == 128 + 37).all())
            expected = np.zeros((256, 256), bool)
            expected[10:31, 256 - 201 : 256 - 20] = True
            assert (scamp.panel.shown[101].picture == expected).all()

            tree, digits = pt.zoo.load("digits"), pt.zoo.held_out("digits")
            result = pt.TreeRunner.open(device, tree).infer(digits.images[0])
            scamp.wait(lambda panel: panel.texts and 102 in panel.shown)
            assert LABEL.format(result.label) in scamp.panel.texts[-1]
            assert scamp.panel.shown[102].numbers.tolist() == [list(result.path[-1].logits)]
