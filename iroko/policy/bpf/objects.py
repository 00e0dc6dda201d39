"""BPF objects in the kernel: maps, programs and links by their numbers, and the elements of maps."""

import ctypes
import errno
import os
import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass

from iroko.policy.bpf.libbpf import BpfError, call

MAP, PROGRAM, LINK = "map", "prog", "link"
BPF_PROG_TYPE_STRUCT_OPS, BPF_PROG_TYPE_TRACING = 27, 26
BPF_MAP_TYPE_STRUCT_OPS = 26
BPF_LINK_TYPE_STRUCT_OPS = 9
BPF_STATS_RUN_TIME = 0
_INFO_BYTES = 232
_MAX_MAP_IDS = 64
_NAME = 16


def numbers(kind: str) -> Iterator[int]:
    """The numbers of all maps, programs or links on the machine."""
    number = ctypes.c_uint32(0)
    while True:
        try:
            call(f"list of {kind}s", f"bpf_{kind}_get_next_id", number.value, ctypes.byref(number))
        except BpfError as error:
            if error.number == errno.ENOENT:
                return
            raise
        yield number.value


def open_number(kind: str, number: int) -> int | None:
    """A descriptor of an object; None: it has gone."""
    try:
        return call(f"{kind} {number}", f"bpf_{kind}_get_fd_by_id", number)
    except BpfError as error:
        if error.number == errno.ENOENT:
            return None
        raise


def _info(descriptor: int, prepared: bytes = b"") -> bytes:
    data, size = ctypes.create_string_buffer(prepared, _INFO_BYTES), ctypes.c_uint32(_INFO_BYTES)
    call("description of a BPF object", "bpf_obj_get_info_by_fd", descriptor, data, ctypes.byref(size))
    return data.raw


@dataclass(frozen=True)
class MapInfo:
    """A map: its kind, number, name and sizes."""

    kind: int
    number: int
    name: str
    key_size: int
    value_size: int


def map_info(descriptor: int) -> MapInfo:
    """The description of a map."""
    data = _info(descriptor)
    kind, number, key_size, value_size = struct.unpack_from("<IIII", data)
    return MapInfo(kind, number, _text(data[24 : 24 + _NAME]), key_size, value_size)


@dataclass(frozen=True)
class ProgramInfo:
    """A program: its kind, number, name, maps, and how often and how long it ran while statistics were on."""

    kind: int
    number: int
    name: str
    map_numbers: tuple[int, ...]
    run_time_ns: int
    run_count: int


def program_info(descriptor: int) -> ProgramInfo:
    """The description of a program."""
    numbers_of_maps = (ctypes.c_uint32 * _MAX_MAP_IDS)()
    asked = bytearray(_INFO_BYTES)
    struct.pack_into("<I", asked, 52, _MAX_MAP_IDS)
    struct.pack_into("<Q", asked, 56, ctypes.addressof(numbers_of_maps))
    data = _info(descriptor, bytes(asked))
    kind, number = struct.unpack_from("<II", data)
    count = struct.unpack_from("<I", data, 52)[0]
    run_time_ns, run_count = struct.unpack_from("<QQ", data, 192)
    return ProgramInfo(
        kind, number, _text(data[64 : 64 + _NAME]), tuple(numbers_of_maps[: min(count, _MAX_MAP_IDS)]), run_time_ns, run_count
    )


def find_program(kind: int, name: str, candidates: Container[int] | None = None) -> int | None:
    """A descriptor of the program of this kind and name; None: there is none.

    Args:
        candidates: the numbers of the programs to search; None: all.
    """
    for number in numbers(PROGRAM):
        if (candidates is not None and number not in candidates) or (program := open_number(PROGRAM, number)) is None:
            continue
        info = program_info(program)
        if (info.kind, info.name) == (kind, name):
            return program
        os.close(program)
    return None


def link_map(descriptor: int) -> int | None:
    """The number of the map of a `struct_ops` link; None: the link is of another kind."""
    data = _info(descriptor)
    kind = struct.unpack_from("<I", data)[0]
    return struct.unpack_from("<I", data, 16)[0] if kind == BPF_LINK_TYPE_STRUCT_OPS else None


def _text(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode(errors="replace")


def read_element(descriptor: int, key: int, size: int) -> bytes | None:
    """The value of a map's element with a key of 32 bits; None: there is none."""
    value = ctypes.create_string_buffer(size)
    try:
        call("element of a map", "bpf_map_lookup_elem", descriptor, ctypes.byref(ctypes.c_uint32(key)), value)
    except BpfError as error:
        if error.number == errno.ENOENT:
            return None
        raise
    return value.raw


def write_element(descriptor: int, key: int, value: bytes, flags: int = 0) -> None:
    """Set the value of a map's element with a key of 32 bits."""
    call("element of a map", "bpf_map_update_elem", descriptor, ctypes.byref(ctypes.c_uint32(key)), value, flags)


def element_keys(descriptor: int) -> list[int]:
    """The keys of a map whose keys have 32 bits."""
    keys: list[int] = []
    key, following = None, ctypes.c_uint32()
    while True:
        try:
            call("keys of a map", "bpf_map_get_next_key", descriptor, key, ctypes.byref(following))
        except BpfError as error:
            if error.number == errno.ENOENT:
                return keys
            raise
        keys.append(following.value)
        key = ctypes.byref(ctypes.c_uint32(following.value))


def remove_element(descriptor: int, key: int) -> None:
    """Remove an element with a key of 32 bits, if it is there."""
    try:
        call("element of a map", "bpf_map_delete_elem", descriptor, ctypes.byref(ctypes.c_uint32(key)))
    except BpfError as error:
        if error.number != errno.ENOENT:
            raise


def run_statistics() -> int:
    """Let the kernel measure the run time of programs until the descriptor that this returns is closed."""
    return call("statistics of programs", "bpf_enable_stats", BPF_STATS_RUN_TIME)


def close_all(descriptors: list[int]) -> None:
    """Close descriptors and forget them."""
    while descriptors:
        os.close(descriptors.pop())
