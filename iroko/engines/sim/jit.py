"""How the simulator is compiled: numba's options in one place, and a cache that follows the sources."""

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import int64, njit, types
from numba.core import config
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from iroko.engines import fair_queue
from iroko.policy import words
from iroko.system.cache import cache_folder, check_cached, make_cache_folder

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
    with _CacheOfSources():
        return numba.cfunc(HOOK, cache=True, **_OPTIONS)(function)


def entry(signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that Python calls; it runs without the interpreter's lock."""

    def compile_it(function: Callable[..., Any]) -> Any:
        with _CacheOfSources():
            return njit(signature, cache=True, nogil=True, **_OPTIONS)(function)

    return compile_it


def sources_key() -> str:
    """A hash of all that decides the compiled code; numba by itself looks at the one file in which a function stands."""
    digest = hashlib.sha256(numba.__version__.encode())
    digest.update(Path(fair_queue.__file__).read_bytes())
    for folder in (Path(__file__).parent, Path(words.__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def code_folder() -> Path:
    """Where the compiled code is kept, which nobody else can change.

    Raises:
        UnsupportedError: another user can.
    """
    return _checked(cache_folder() / f"sim-{_KEY}")


@lru_cache
def _checked(folder: Path) -> Path:
    return check_cached(folder)


def is_compiled() -> bool:
    """Whether the event loop is in the cache; if not, importing `iroko.engines.sim.kernels` compiles it first."""
    return any(code_folder().glob("*/kernels.advance-*.nbc"))


_KEY = sources_key()


class _CacheOfSources:
    """While a function is made cacheable, numba's cache folder is ours; one thread at a time, as that is a setting of the process."""

    lock = threading.RLock()

    def __enter__(self) -> None:
        folder = code_folder()
        with suppress(OSError):  # numba finds out, and looks for another place
            make_cache_folder(folder.name)
        self.lock.acquire()
        self.before = config.CACHE_DIR
        config.CACHE_DIR = str(folder)

    def __exit__(self, *_: object) -> None:
        config.CACHE_DIR = self.before
        self.lock.release()


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
