"""The types of the running kernel (BTF, /sys/kernel/btf/vmlinux), which decide what can be loaded here."""

import ctypes
import struct

from iroko.policy.bpf.libbpf import call_for_pointer, library

BTF_PATH = "/sys/kernel/btf/vmlinux"
_KIND_PTR, _KIND_STRUCT, _KIND_FUNC_PROTO = 2, 4, 13
_TYPE = struct.Struct("<III")  # struct btf_type: name, kind and number of members, size or type
_MEMBER = struct.Struct("<III")  # struct btf_member: name, type, offset


class KernelTypes:
    """The kernel's own description of its types; use it in a `with`.

    Raises:
        BpfError: the kernel has none.
    """

    def __init__(self) -> None:
        self._types = call_for_pointer(f"types of this kernel ({BTF_PATH})", "btf__load_vmlinux_btf")

    def __enter__(self) -> "KernelTypes":
        return self

    def __exit__(self, *_: object) -> None:
        library().btf__free(self._types)

    def has_struct(self, name: str) -> bool:
        """Whether there is a structure of this name."""
        return self._find(name) > 0

    def num_parameters(self, structure: str, member: str) -> int | None:
        """The number of parameters of the function that a structure's member points to; None: there is no such member."""
        _, information, _ = self._type(self._find(structure))
        for position in range(information & 0xFFFF):
            address = library().btf__type_by_id(self._types, self._find(structure)) + _TYPE.size + position * _MEMBER.size
            name, kind, _ = _MEMBER.unpack(ctypes.string_at(address, _MEMBER.size))
            if (library().btf__name_by_offset(self._types, name) or b"").decode() == member:
                _, pointer, target = self._type(kind)
                _, function, _ = self._type(target)
                if pointer >> 24 & 0x1F == _KIND_PTR and function >> 24 & 0x1F == _KIND_FUNC_PROTO:
                    return function & 0xFFFF
        return None

    def _find(self, name: str) -> int:
        found: int = library().btf__find_by_name_kind(self._types, name.encode(), _KIND_STRUCT)
        return found

    def _type(self, number: int) -> tuple[int, int, int]:
        """Name, kind with number of members, and size or type of a type."""
        address = library().btf__type_by_id(self._types, max(number, 0))
        name, information, rest = _TYPE.unpack(ctypes.string_at(address, _TYPE.size)) if address else (0, 0, 0)
        return name, information, rest
