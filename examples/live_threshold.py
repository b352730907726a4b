"""A program of your own with a page: what moves before an emulated sensor, compared with a slider.

Start it, and open the address that it prints: ``python examples/live_threshold.py [FRAMES]``
"""

import sys

import pixeltree as pt

frames = int(sys.argv[1]) if len(sys.argv) > 1 else None

brighter = pt.Kernel()  # R5 := A > IN
brighter.all()
brighter.sub(pt.B, pt.A, pt.IN)
brighter.where(pt.B)
brighter.MOV(pt.R5, pt.FLAG)
brighter.all()

with pt.connect("emu:?source=moving") as device, pt.Page("threshold") as page:
    sys.stdout.write(f"{page.url}\n")
    sys.stdout.flush()
    chip = device.chip
    threshold = page.add_slider("threshold", -127, 127, 0)
    inverted = page.add_switch("inverted")
    for _ in page.frames(frames):
        chip.expose()
        chip.get_image(pt.A, pt.C)
        chip.load_in(threshold.value)
        chip.run_kernel(brighter)
        count = chip.global_count(pt.R5, pt.D)
        page.show_plane("camera", lambda: device.read_plane("A"))
        page.show_plane("brighter", lambda: device.read_plane("R5") != bool(inverted.value))
        page.plot("share of bright pixels", count / 4095)
        page.text("box", str(chip.scan_boundingbox(pt.R5)))
