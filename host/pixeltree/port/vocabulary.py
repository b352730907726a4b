"""The vendor's names, and what each becomes. Sources: SCAMP-5 fact sheet sections 3 and 4."""

from __future__ import annotations

from pixeltree.kernels import names
from pixeltree_protocol.chip.kernel_api import Operand
from pixeltree_protocol.chip.registers import Analog, Digital, Direction

REGISTERS: dict[str, Operand] = {
    name: value
    for name, value in vars(names).items()
    if name != "ALLDIR" and isinstance(value, Analog | Digital | Direction | frozenset)
}
"""Registers and directions by every name that the vendor has for them."""

PUBLIC = {name: str(getattr(value, "value", "alldir")) for name, value in REGISTERS.items()}
"""The name that ``pixeltree`` exports, for each of them."""

METHODS: dict[str, str] = {
    "scamp5_in": "in_",
    "scamp5_load_region": "load_rect",
    "vs_wait": "wait",
    "vs_scamp5_get_parameter": "get_parameter",
    **{
        f"scamp5_{name}": name
        for name in """get_image load_in load_dac shift diffuse flood load_point load_rect load_pattern
        select_point select_rect select_pattern select_row select_col draw_begin draw_end draw_pixel
        draw_point draw_rect draw_line draw_circle draw_negate read_areg global_sum_fast global_sum_sparse
        global_sum_region global_or global_count""".split()
    },
}
"""Controller calls that are a method of ``device.chip`` with the same operands."""

TOTALS = {f"scamp5_global_sum_{n}": (f"global_sum_{n}_total", f"global_sum_{n}") for n in (16, 64)}
"""Sums: the method without an array for the sums, and that with one."""

SCANS: dict[str, str] = {
    "scan_areg": "",
    "scan_areg_8x8": "",
    "scan_areg_mean_8x8": "",
    "scan_dreg": "",
    "scan_events": ".ravel()",
    "scan_events_cr": ".ravel()",
    "scan_events_rc": ".ravel()",
    "scan_boundingbox": "",
    "global_sum_16": ".T.ravel()",
    "global_sum_64": ".T.ravel()",
}
"""Calls ``scamp5_NAME(register, array, ...)`` that fill an array, and what gives the vendor's order."""

SHOWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "scamp5_output_image": ("output_image", ()),
    "scamp5_output_areg": ("output_areg", ()),
    "scamp5_output_events": ("scan_events", ("1000",)),
    "scamp5_output_boundingbox": ("scan_boundingbox", ()),
}
"""Calls ``NAME(register, display, ...)`` that show something: the method, and the vendor's defaults."""

POSTS = {f"vs_post_{kind}" for kind in ("int8", "int16", "int32", "float")}
DISPLAYS = {f"scamp5_display_{kind}" for kind in ("boundingbox", "events", "image")}
SETTINGS = {f"vs_gui_add_{kind}": at for kind, at in (("slider", 3), ("slider_latched", 3), ("switch", 1))}
"""What a user sets, and which operand is its first value."""

LEFT_OUT = frozenset(
    """vs_init vs_process_message vs_enable_frame_trigger vs_disable_frame_trigger vs_frame_trigger_set
    vs_post_bind_io_agent vs_gui_set_scope vs_gui_set_barplot vs_gui_set_lineplot scamp5_kernel_refresh_dreg
    vs_scamp5_rest vs_vision_chip_rest fflush""".split()
)
"""Calls for which nothing needs to be done: connections, frame rates, how a plot looks."""

REASONS = {
    "vs_gui_add_button": "a button calls a function, and a Python program here has no panel",
    "scamp5_output_bitstack_begin": "write show(display, chip.output_bitstack(...)) with its DREGs instead",
    "scamp5_output_bitstack_bit": "it is part of a bit stack",
    "scamp5_output_bitstack_end": "it is part of a bit stack",
}
"""Calls that are known and have no translation."""

NUMBERS = {
    "std::atol": "int",
    "std::atoi": "int",
    "atol": "int",
    "atoi": "int",
    "std::atof": "float",
    "atof": "float",
}
MATH = {
    "std::abs": "abs", "abs": "abs", "std::min": "min", "std::max": "max",
    "std::sqrt": "math.sqrt", "std::sin": "math.sin", "std::cos": "math.cos",
    "sqrt": "math.sqrt", "sin": "math.sin", "cos": "math.cos",
}  # fmt: skip
BITS = {
    "uint8_t": 8, "uint16_t": 16, "uint32_t": 32, "int8_t": -8, "int16_t": -16,
    "unsigned": 32, "unsigned int": 32, "unsigned char": 8, "char": -8,
}  # fmt: skip
"""Types that wrap: bits, negative for signed ones."""
REALS = frozenset({"float", "double"})
INTEGERS = frozenset(
    {*BITS, "int", "long", "int32_t", "size_t", "bool", "short", "int64_t", "uint64_t", "auto"}
)
