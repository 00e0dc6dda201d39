"""How the simulator is compiled: numba's options in one place."""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import int64, njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from iroko.engines.sim.code_cache import CacheOfSources

Words = types.CPointer(int64)
HOOK = int64(Words, int64)
"""What every function of a transport looks like: (the flow's record, a value) -> a value."""

# Reference counts would cost more than the simulation itself (each array taken out of the tuple `Sim` is counted twice), and nothing
# here allocates: all memory comes from outside and outlives the call.
_OPTIONS = {"error_model": "numpy", "boundscheck": False, "_nrt": False}


def inlined(function: Callable[..., Any]) -> Any:
    """Compile a function that becomes part of whoever calls it."""
    return njit(forceinline=True, nogil=True, **_OPTIONS)(function)


def called(function: Callable[..., Any]) -> Any:
    """Compile a function that is seldom called and stays on its own."""
    return njit(nogil=True, **_OPTIONS)(function)


def hook(function: Callable[..., Any]) -> Any:
    """Compile a transport's function, to be called through its address."""
    with CacheOfSources():
        return numba.cfunc(HOOK, cache=True, **_OPTIONS)(function)


def entry(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls; it runs without the interpreter's lock."""

    def compile_it(function: Callable[..., Any]) -> Any:
        with CacheOfSources():
            return njit(signature, cache=True, nogil=True, **_OPTIONS)(function)

    return compile_it


def _section(_context: Any, memory: Any, start: Any) -> Any:
    """The part of an array that begins at `start`, as a bare pointer: one word, where an array is seven, and no index is ever negative."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = make_array(signature.args[0])(context, builder, arguments[0])
        return builder.gep(array.data, [arguments[1]])

    return Words(memory, int64), generate


def _ask(_context: Any, address: Any, record: Any, value: Any) -> Any:
    """Call a transport's function at `address` with the record that begins at the pointer `record` and a value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(word, [word.as_pointer(), word]).as_pointer())
        return builder.call(function, [arguments[1], arguments[2]])

    return int64(int64, Words, int64), generate


def _record_at(_context: Any, records: Any, offset: Any) -> Any:
    """A pointer to the record that begins at an offset."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return Words(Words, int64), generate


def _fetch(_context: Any, records: Any, offset: Any) -> Any:
    """Bring the line of the cache where a record begins, without waiting for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        signature_of_prefetch = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], signature_of_prefetch)
        builder.call(prefetch, [pointer, number(0), number(3), number(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.none(Words, int64), generate


# As values of type Any: a checker of types does not see that the compiler passes the first argument.
section: Any = intrinsic(_section)
ask: Any = intrinsic(_ask)
record_at: Any = intrinsic(_record_at)
fetch: Any = intrinsic(_fetch)
