"""libbpf, the kernel developers' loader of BPF programs, by its C interface.

Debian's `libbpf1` and other distributions' `libbpf` bring it (`ip` and `tc` need it too); it resolves a compiled program's references to
this kernel's types, so that no compiler is needed. Its interface has been stable since version 1.0.
"""

import ctypes
import errno
import os
import re
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any

from iroko.errors import UnsupportedError

NAME = "libbpf.so.1"
_LOG_BYTES = 4096
_MOST_LINES = 400
_WARN = 0
_NAMES = {
    "bpf_object__open_file": (c_void_p, c_char_p, c_void_p),
    "bpf_object__load": (c_int, c_void_p),
    "bpf_object__close": (None, c_void_p),
    "bpf_object__find_map_by_name": (c_void_p, c_void_p, c_char_p),
    "bpf_object__find_program_by_name": (c_void_p, c_void_p, c_char_p),
    "bpf_program__fd": (c_int, c_void_p),
    "bpf_map__fd": (c_int, c_void_p),
    "bpf_map__map_flags": (c_uint32, c_void_p),
    "bpf_map__set_map_flags": (c_int, c_void_p, c_uint32),
    "bpf_map__attach_struct_ops": (c_void_p, c_void_p),
    "bpf_link__fd": (c_int, c_void_p),
    "bpf_link_create": (c_int, c_int, c_int, c_int, c_void_p),
    "bpf_iter_create": (c_int, c_int),
    "bpf_obj_pin": (c_int, c_int, c_char_p),
    "bpf_obj_get_info_by_fd": (c_int, c_int, c_void_p, c_void_p),
    "bpf_map_lookup_elem": (c_int, c_int, c_void_p, c_void_p),
    "bpf_map_update_elem": (c_int, c_int, c_void_p, c_void_p, ctypes.c_uint64),
    "bpf_map_delete_elem": (c_int, c_int, c_void_p),
    "bpf_map_get_next_key": (c_int, c_int, c_void_p, c_void_p),
    "bpf_enable_stats": (c_int, c_int),
    "btf__load_vmlinux_btf": (c_void_p,),
    "btf__find_by_name_kind": (c_int, c_void_p, c_char_p, c_uint32),
    "btf__type_by_id": (c_void_p, c_void_p, c_uint32),
    "btf__name_by_offset": (c_char_p, c_void_p, c_uint32),
    "btf__free": (None, c_void_p),
    "libbpf_num_possible_cpus": (c_int,),
    "libbpf_set_print": (c_void_p, c_void_p),
    "ring_buffer__new": (c_void_p, c_int, c_void_p, c_void_p, c_void_p),
    "ring_buffer__poll": (c_int, c_void_p, c_int),
    "ring_buffer__free": (None, c_void_p),
    **{f"bpf_{kind}_get_next_id": (c_int, c_uint32, c_void_p) for kind in ("prog", "map", "link")},
    **{f"bpf_{kind}_get_fd_by_id": (c_int, c_uint32) for kind in ("prog", "map", "link")},
}
_PRINT = ctypes.CFUNCTYPE(c_int, c_int, c_void_p, c_void_p)
_lines: list[str] = []
"""The messages of libbpf since the last call that clears them."""


def _note(level: int, form: int, arguments: int) -> int:
    if level == _WARN and len(_lines) < _MOST_LINES:
        text = ctypes.create_string_buffer(1 << 16)
        ctypes.CDLL(None).vsnprintf(text, c_size_t(len(text)), c_void_p(form), c_void_p(arguments))
        _lines.append(text.value.decode(errors="replace"))
    return 0


_printer = _PRINT(_note)
"""Kept, as libbpf calls it later."""


@lru_cache
def library() -> ctypes.CDLL:
    """The library, with its functions' types.

    Raises:
        UnsupportedError: it is not installed, or older than version 1.0.
    """
    try:
        found = ctypes.CDLL(NAME, use_errno=True)
    except OSError as error:
        raise UnsupportedError(f"{NAME} is missing: install it with `apt-get install libbpf1` (elsewhere: the package libbpf)") from error
    for name, (result, *arguments) in _NAMES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    found.libbpf_set_print(_printer)
    return found


class BpfError(UnsupportedError):
    """A refusal of the kernel or of libbpf.

    Attributes:
        number: the error's number.
    """

    def __init__(self, what: str, number: int) -> None:
        self.number = number
        super().__init__(f"{what}: {_reason(number)}")


def _reason(number: int) -> str:
    if number == errno.EPERM:
        return f"{os.strerror(number)}: this needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, so start it with sudo"
    if refused := _verifier_line():
        return f"the kernel's verifier refuses it: {refused}"
    printed = next((" ".join(line.split()).removeprefix("libbpf: ") for line in _lines if "BEGIN PROG LOAD LOG" not in line), "")
    return printed or os.strerror(number)


def _verifier_line() -> str:
    """The verifier's reason: the line before its statistics."""
    for text in _lines:
        if "BEGIN PROG LOAD LOG" not in text:
            continue
        lines = [line.strip() for line in text.splitlines()]
        reasons = [line for line in lines if line and not re.match(r"(processed \d|--|verification time|stack depth|libbpf:)", line)]
        return reasons[-1] if reasons else ""
    return ""


def _call(name: str, arguments: tuple[object, ...]) -> Any:
    _lines.clear()
    ctypes.set_errno(0)
    return getattr(library(), name)(*arguments)


def call(what: str, name: str, *arguments: object) -> int:
    """Call a function that returns a number, negative for an error.

    Raises:
        BpfError: it failed; the message begins with `what`.
    """
    result: int = _call(name, arguments)
    if result < 0:
        raise BpfError(what, ctypes.get_errno() or -result)
    return result


def call_for_pointer(what: str, name: str, *arguments: object) -> int:
    """Call a function that returns a pointer, NULL for an error.

    Raises:
        BpfError: as `call`.
    """
    result: int | None = _call(name, arguments)
    if not result:
        raise BpfError(what, ctypes.get_errno())
    return result


class Object:
    """A compiled file of programs and maps; `close` removes from the kernel what nothing else holds."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._pointer = call_for_pointer(f"program {path.name}", "bpf_object__open_file", os.fsencode(path), None)

    def map(self, name: str) -> int:
        """The map's pointer."""
        return call_for_pointer(f"{self.name} has no map {name}", "bpf_object__find_map_by_name", self._pointer, name.encode())

    def map_descriptor(self, name: str) -> int:
        """The map's descriptor, after `load`."""
        return call(f"map {name}", "bpf_map__fd", self.map(name))

    def program_descriptor(self, name: str) -> int:
        """The program's descriptor, after `load`."""
        pointer = call_for_pointer(f"{self.name} has no program {name}", "bpf_object__find_program_by_name", self._pointer, name.encode())
        return call(f"program {name}", "bpf_program__fd", pointer)

    def load(self) -> None:
        """Hand programs and maps to the kernel.

        Raises:
            BpfError: the kernel refuses them.
        """
        call(f"program {self.name}", "bpf_object__load", self._pointer)

    def close(self) -> None:
        """Close the descriptors; safe twice."""
        if self._pointer:
            library().bpf_object__close(self._pointer)
        self._pointer = 0
