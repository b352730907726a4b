"""64 PEs at a time: a vector type for compiled code, so that speed does not hang on a loop being recognised.

A :data:`Lanes8` holds 64 int8 values and a :data:`Lanes16` 64 int16 values; 64 PEs of a digital plane are
one uint64. LLVM lowers both to whatever vector instructions the machine has. Addresses are plain integers.

Every function here can be called from compiled functions only; its Python signature is what mypy sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

Lanes = Any
"""A vector of 64 int8 or int16."""
Word = Any
"""64 bits of a digital plane, uint64."""

WIDTH = 64


class _LanesType(types.Type):
    def __init__(self, bits: int) -> None:
        self.bits = bits
        super().__init__(name=f"Lanes{bits}")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, front_end_type: _LanesType) -> None:  # noqa: ANN401 - numba's own
        super().__init__(manager, front_end_type, _vector(front_end_type.bits))  # type: ignore[no-untyped-call]


def _vector(bits: int) -> ir.VectorType:
    return ir.VectorType(ir.IntType(bits), WIDTH)


V8, V16, WORD, ADDRESS, NOTHING = _LanesType(8), _LanesType(16), types.uint64, types.intp, types.none

Emit = Callable[..., Any]


def _lane_function(result: Any, arguments: tuple[Any, ...], emit: Emit) -> Callable[..., Any]:  # noqa: ANN401
    """An intrinsic with a fixed signature, whose code ``emit(builder, *arguments)`` builds."""

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        made = emit(builder, *values)
        return context.get_dummy_value() if result is NOTHING else made

    names = "abcd"[: len(arguments)]
    scope = {"signature": result(*arguments), "code": code}
    exec(f"def made(typing, {', '.join(names)}): return signature, code", scope)
    return intrinsic(scope["made"])


def _load(bits: int) -> Emit:
    def emit(builder: Any, address: Any) -> Any:  # noqa: ANN401
        value = builder.load(builder.inttoptr(address, _vector(bits).as_pointer()))
        value.align = 1
        return value

    return emit


def _store(builder: Any, address: Any, value: Any) -> None:  # noqa: ANN401
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _word(builder: Any, address: Any) -> Any:  # noqa: ANN401
    return builder.load(builder.inttoptr(address, ir.IntType(64).as_pointer()), align=1)


def _store_word(builder: Any, address: Any, value: Any) -> None:  # noqa: ANN401
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = 1


def _call(name: str, bits: int) -> Emit:
    def emit(builder: Any, *values: Any) -> Any:  # noqa: ANN401
        vector = _vector(bits)
        kind = ir.FunctionType(vector, [vector] * len(values))
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}i{bits}")  # type: ignore[no-untyped-call]
        return builder.call(function, values)

    return emit


def _splat(bits: int) -> Emit:
    def emit(builder: Any, value: Any) -> Any:  # noqa: ANN401
        vector = _vector(bits)
        undefined = ir.Constant(vector, ir.Undefined)
        one = builder.insert_element(undefined, builder.trunc(value, vector.element), ir.IntType(32)(0))
        return builder.shuffle_vector(
            one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
        )

    return emit


def _select(builder: Any, word: Any, chosen: Any, other: Any) -> Any:  # noqa: ANN401
    return builder.select(builder.bitcast(word, _vector(1)), chosen, other)


def _compare(operator: str) -> Emit:
    def emit(builder: Any, left: Any, right: Any) -> Any:  # noqa: ANN401
        return builder.bitcast(builder.icmp_signed(operator, left, right), ir.IntType(64))

    return emit


def _method(name: str) -> Emit:
    return lambda builder, *values: getattr(builder, name)(*values)


def _mulhi(builder: Any, left: Any, right: Any) -> Any:  # noqa: ANN401
    """Upper halves of the products of unsigned 16-bit lanes."""
    wide = _vector(32)
    product = builder.mul(builder.zext(left, wide), builder.zext(right, wide))
    return builder.trunc(builder.lshr(product, ir.Constant(wide, [16] * WIDTH)), _vector(16))


def _scaled(builder: Any, value: Any, even_factor: Any, odd_factor: Any) -> Any:  # noqa: ANN401
    """(value * factor) >> 8 of int8 lanes, by 16-bit products of the even and the odd ones.

    Factors come widened to 16 bits, the even lanes' and the odd lanes' apart. Even lanes take the upper half
    of 256 * value * factor (one instruction), odd lanes the upper byte of value * factor, where it is.
    """
    pairs = ir.VectorType(ir.IntType(16), WIDTH // 2)

    def constant(number: int) -> Any:  # noqa: ANN401
        return ir.Constant(pairs, [number] * (WIDTH // 2))

    eight, operand = constant(8), builder.bitcast(value, pairs)
    wide = ir.VectorType(ir.IntType(32), WIDTH // 2)
    left = builder.sext(builder.shl(operand, eight), wide)
    product = builder.mul(left, builder.sext(builder.bitcast(even_factor, pairs), wide))
    even = builder.trunc(builder.ashr(product, ir.Constant(wide, [16] * (WIDTH // 2))), pairs)
    odd = builder.mul(builder.ashr(operand, eight), builder.bitcast(odd_factor, pairs))
    joined = builder.or_(builder.and_(even, constant(0x00FF)), builder.and_(odd, constant(0xFF00)))
    return builder.bitcast(joined, _vector(8))


def _whole_counts(builder: Any, value: Any, eights: Any) -> Any:  # noqa: ANN401
    """Value >> 4 of int8 lanes; by 16-bit shifts, because there are none of bytes.

    ``eights`` must hold 8 in every lane, from memory: where LLVM knows that, it recognises a sign extension
    and chooses two instructions that contend with the multiplications.
    """
    pairs = ir.VectorType(ir.IntType(16), WIDTH // 2)

    def constant(number: int) -> Any:  # noqa: ANN401
        return ir.Constant(_vector(8), [number] * WIDTH)

    shifted = builder.lshr(builder.bitcast(value, pairs), ir.Constant(pairs, [4] * (WIDTH // 2)))
    upper = builder.xor(builder.and_(builder.bitcast(shifted, _vector(8)), constant(0x0F)), eights)
    return builder.sub(upper, eights)


def _row_shift(toward_higher: bool) -> Emit:
    """Two rows of bits (x), the same one word on (y), both shifted to make one row shifted by n < 64."""

    def emit(builder: Any, row: Any, beside: Any, edge: Any, pixels: Any) -> Any:  # noqa: ANN401
        words = ir.VectorType(ir.IntType(64), 8)
        lane = ir.VectorType(ir.IntType(32), 8)
        x, y, fill = (builder.bitcast(v, words) for v in (row, beside, edge))
        outer = (0, 4) if toward_higher else (3, 7)
        y = builder.shuffle_vector(y, fill, ir.Constant(lane, [i + 8 if i in outer else i for i in range(8)]))
        back = builder.sub(pixels.type(64), pixels)
        amounts = []
        for amount in (pixels, back):
            one = builder.insert_element(ir.Constant(words, ir.Undefined), amount, ir.IntType(32)(0))
            amounts.append(
                builder.shuffle_vector(one, ir.Constant(words, ir.Undefined), ir.Constant(lane, [0] * 8))
            )
        forward, backward = (builder.shl, builder.lshr) if toward_higher else (builder.lshr, builder.shl)
        return builder.bitcast(builder.or_(forward(x, amounts[0]), backward(y, amounts[1])), _vector(8))

    return emit


load = _lane_function(V8, (ADDRESS,), _load(8))
store = _lane_function(NOTHING, (ADDRESS, V8), _store)
store16 = _lane_function(NOTHING, (ADDRESS, V16), _store)
load_word = _lane_function(WORD, (ADDRESS,), _word)
store_word = _lane_function(NOTHING, (ADDRESS, WORD), _store_word)
splat = _lane_function(V8, (types.int64,), _splat(8))
splat16 = _lane_function(V16, (types.int64,), _splat(16))
select = _lane_function(V8, (WORD, V8, V8), _select)
select16 = _lane_function(V16, (WORD, V16, V16), _select)
add_sat = _lane_function(V8, (V8, V8), _call("sadd.sat", 8))
sub_sat = _lane_function(V8, (V8, V8), _call("ssub.sat", 8))
largest = _lane_function(V8, (V8, V8), _call("smax", 8))
scaled = _lane_function(V8, (V8, V8, V8), _scaled)
whole_counts = _lane_function(V8, (V8, V8), _whole_counts)
add8 = _lane_function(V8, (V8, V8), _method("add"))
either = _lane_function(V8, (V8, V8), _method("or_"))
both = _lane_function(V8, (V8, V8), _method("and_"))
invert = _lane_function(V8, (V8,), _method("not_"))
greater = _lane_function(WORD, (V8, V8), _compare(">"))
equal = _lane_function(WORD, (V8, V8), _compare("=="))
greater16 = _lane_function(WORD, (V16, V16), _compare(">"))
equal16 = _lane_function(WORD, (V16, V16), _compare("=="))
widen = _lane_function(V16, (V8,), lambda builder, value: builder.sext(value, _vector(16)))
narrow = _lane_function(V8, (V16,), lambda builder, value: builder.trunc(value, _vector(8)))
add16 = _lane_function(V16, (V16, V16), _method("add"))
sub16 = _lane_function(V16, (V16, V16), _method("sub"))
both16 = _lane_function(V16, (V16, V16), _method("and_"))
mul16 = _lane_function(V16, (V16, V16), _method("mul"))
largest16 = _lane_function(V16, (V16, V16), _call("smax", 16))
smallest16 = _lane_function(V16, (V16, V16), _call("smin", 16))
mulhi16 = _lane_function(V16, (V16, V16), _mulhi)
shift_up = _lane_function(V8, (V8, V8, V8, WORD), _row_shift(toward_higher=True))
shift_down = _lane_function(V8, (V8, V8, V8, WORD), _row_shift(toward_higher=False))
