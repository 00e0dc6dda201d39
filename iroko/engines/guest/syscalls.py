"""A seccomp filter for the guest's process: the system calls that user-mode Linux needs, and no others.

The guest's own programs never reach the filter: the guest kernel takes each of their calls before the host's kernel filters it. The filter
holds for the guest kernel itself, whatever a program inside has made of it. No allowed call changes permissions, owners, times, links or
names of files, opens a socket, mounts, reads another process's memory other than by ptrace, or enters a namespace.

A filter is a program for the kernel's packet filter, see seccomp(2) and Documentation/userspace-api/seccomp_filter.rst.
"""

import ctypes
import errno
import struct

_SECCOMP = 317
_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2  # SECCOMP_*
_FLAG_SPEC_ALLOW = 1 << 2  # SECCOMP_FILTER_FLAG_SPEC_ALLOW: the processor's speculation stays as it is, and so does the guest's speed
_RET_ALLOW, _RET_ERRNO, _RET_KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_ARCH_X86_64 = 0xC000003E  # AUDIT_ARCH_X86_64
_X32_BIT = 0x40000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, BPF_JMP|*|K, BPF_RET|K
_FIRST_NEW = 424
"""Calls from here on are younger than the C libraries of many machines: ENOSYS makes a library take the older call instead."""

_ALLOWED = {
    # Files: read, stat, list, and write to what is open. Landlock decides which files may be opened for writing, and where the guest
    # kernel makes and removes the folder with its process id.
    "read": 0, "write": 1, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "pread64": 17, "pwrite64": 18, "readv": 19,
    "writev": 20, "access": 21, "dup": 32, "dup2": 33, "fcntl": 72, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getdents": 78,
    "getcwd": 79, "chdir": 80, "mkdir": 83, "rmdir": 84, "unlink": 87, "readlink": 89, "statfs": 137, "fstatfs": 138, "getdents64": 217,
    "newfstatat": 262, "readlinkat": 267, "faccessat": 269, "dup3": 292, "statx": 332, "close_range": 436, "faccessat2": 439,
    # Memory.
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "madvise": 28, "memfd_create": 319,
    # Signals, timers and waiting.
    "poll": 7, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "select": 23, "sched_yield": 24, "pause": 34,
    "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "gettimeofday": 96, "times": 100, "rt_sigsuspend": 130,
    "sigaltstack": 131, "time": 201, "futex": 202, "epoll_create": 213, "restart_syscall": 219, "timer_create": 222,
    "timer_settime": 223, "timer_gettime": 224, "timer_getoverrun": 225, "timer_delete": 226, "clock_gettime": 228, "clock_getres": 229,
    "clock_nanosleep": 230, "epoll_wait": 232, "epoll_ctl": 233, "pselect6": 270, "ppoll": 271, "epoll_pwait": 281, "timerfd_create": 283,
    "eventfd": 284, "timerfd_settime": 286, "timerfd_gettime": 287, "eventfd2": 290, "epoll_create1": 291,
    # Processes and threads: its own children, which it traces.
    "pipe": 22, "getpid": 39, "socketpair": 53, "fork": 57, "vfork": 58, "execve": 59, "exit": 60, "wait4": 61, "kill": 62, "uname": 63,
    "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "ptrace": 101, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
    "setpgid": 109, "getppid": 110, "getpgrp": 111, "setsid": 112, "getpgid": 121, "getsid": 124, "personality": 135, "prctl": 157,
    "arch_prctl": 158, "setrlimit": 160, "gettid": 186, "tkill": 200, "sched_getaffinity": 204, "set_tid_address": 218,
    "exit_group": 231, "tgkill": 234, "waitid": 247, "set_robust_list": 273, "pipe2": 293, "prlimit64": 302, "getrandom": 318,
    "execveat": 322, "rseq": 334,
}  # fmt: skip
"""Calls of x86-64 by name and number that are allowed with every argument; those below are allowed with some."""
_OPEN, _IOCTL, _CLONE, _OPENAT = 2, 16, 56, 257
_O_CREAT, _O_TMPFILE = 0o100, 0o20000000
_SET_ID_BITS = 0o7000
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*
_TERMINAL_REQUESTS = (
    0x5401, 0x5402, 0x5403, 0x5404, 0x5413,  # TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ
    0x541B, 0x5421, 0x5450, 0x5451, 0x5452,  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC
    0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D,  # TCGETS2, TCSETS*2
)  # fmt: skip
"""No request among them puts bytes into a terminal's input, as TIOCSTI does."""

_libc = ctypes.CDLL(None, use_errno=True)


def has_seccomp() -> bool:
    """Whether the host's kernel filters system calls for whoever asks."""
    action = ctypes.c_uint32(_RET_ERRNO)
    return int(_libc.syscall(_SECCOMP, _GET_ACTION_AVAIL, 0, ctypes.byref(action))) == 0


def restrict_system_calls() -> None:
    """Install the filter for the calling thread and all that it starts, for good; it must not gain privileges any more.

    Raises:
        OSError: the kernel refused it.
    """
    instructions = _make_filter()
    program = ctypes.create_string_buffer(b"".join(instructions))
    header = struct.pack("@HP", len(instructions), ctypes.addressof(program))  # struct sock_fprog
    if _libc.syscall(_SECCOMP, _SET_MODE_FILTER, _FLAG_SPEC_ALLOW, header) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"seccomp: {errno.errorcode.get(code, code)}")


def _make_filter() -> list[bytes]:
    refuse, refuse_new = _RET_ERRNO | errno.EPERM, _RET_ERRNO | errno.ENOSYS
    program = [
        _op(_LOAD, _ARCH), _op(_JUMP_EQUAL, _ARCH_X86_64, 1, 0), _op(_RETURN, _RET_KILL_PROCESS),
        _op(_LOAD, _NUMBER), _op(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1), _op(_RETURN, _RET_KILL_PROCESS),
    ]  # fmt: skip
    for number in sorted(_ALLOWED.values()):
        program += [_op(_JUMP_EQUAL, number, 0, 1), _op(_RETURN, _RET_ALLOW)]
    for number, rules in (
        (_OPEN, _refuse_new_set_id(flags=1, mode=2)),
        (_OPENAT, _refuse_new_set_id(flags=2, mode=3)),
        (_CLONE, [_op(_LOAD, _argument(0)), _op(_JUMP_SET, _NEW_NAMESPACES, 0, 1), _op(_RETURN, refuse), _op(_RETURN, _RET_ALLOW)]),
        (_IOCTL, _allow_requests(refuse)),
    ):
        program += [_op(_JUMP_EQUAL, number, 0, len(rules)), *rules]
    return [*program, _op(_JUMP_GREATER_EQUAL, _FIRST_NEW, 0, 1), _op(_RETURN, refuse_new), _op(_RETURN, refuse)]


def _refuse_new_set_id(flags: int, mode: int) -> list[bytes]:
    """Refuse to make a file that runs with its owner's rights; without O_CREAT or O_TMPFILE the mode has no meaning."""
    return [
        _op(_LOAD, _argument(flags)), _op(_JUMP_SET, _O_CREAT | _O_TMPFILE, 0, 3), _op(_LOAD, _argument(mode)),
        _op(_JUMP_SET, _SET_ID_BITS, 0, 1), _op(_RETURN, _RET_ERRNO | errno.EPERM), _op(_RETURN, _RET_ALLOW),
    ]  # fmt: skip


def _allow_requests(refuse: int) -> list[bytes]:
    rules = [_op(_LOAD, _argument(1))]
    for request in _TERMINAL_REQUESTS:
        rules += [_op(_JUMP_EQUAL, request, 0, 1), _op(_RETURN, _RET_ALLOW)]
    return [*rules, _op(_RETURN, refuse)]


def _argument(index: int) -> int:
    """Offset of the lower half of an argument; flags, modes and requests have no more."""
    return _ARGUMENTS + 8 * index


def _op(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """One `struct sock_filter`; jumps count the instructions to skip."""
    return struct.pack("@HBBI", code, if_true, if_false, operand)
