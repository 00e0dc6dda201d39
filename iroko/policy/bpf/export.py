"""A folder with a policy and the program that runs it, to be built and loaded elsewhere without Iroko."""

import shutil
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from iroko.errors import InputError
from iroko.policy.bpf.build import OPTIONS, SOURCES
from iroko.policy.format import Policy, write_policy
from iroko.policy.words import WORDS
from iroko.registry import show

_LINE = 8
_README = """# {name}: a TCP congestion control for Linux

A learned policy sets a flow's window once per round trip, within the bounds of a guard around DCTCP's window. It is a BPF program
(`struct_ops`): no module, no reboot, an unmodified kernel from Linux 6.4 on with BTF and BPF's compiler, as Debian, Ubuntu and Fedora
build it.

    sudo apt-get install clang llvm libbpf-dev bpftool     # Debian
    make                                                   # iroko.bpf.o; before Linux 6.10: make KERNEL=before_6_10
    sudo make load                                         # now `iroko` is in net.ipv4.tcp_available_congestion_control
    sudo make unload

A program chooses it with `setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "iroko", 5)`; `sysctl
net.ipv4.tcp_congestion_control=iroko` makes it the default of new connections, `ip route change ... congctl iroko` that of a route.
Both ends need ECN, as with DCTCP; a flow without it becomes `reno`. Switches have to mark with CE above a threshold, as for DCTCP.

`policy.json` describes the policy, `weights.h` holds the same numbers in C, `policy.h` the arithmetic. Training: {training}

Licence: GPL-2.0-only (`COPYING`); `policy.h` and `decision.h` may also be used under the MIT licence.
"""
_MAKEFILE = """KERNEL ?= from_6_10
FLAGS := {options} -DIROKO_WEIGHTS
FLAGS += $(if $(filter before_6_10,$(KERNEL)),-DIROKO_BEFORE_6_10)

iroko.bpf.o: iroko.bpf.c $(wildcard *.h)
\tclang $(FLAGS) -I. -c $< -o $@
\tllvm-strip -g $@

load: iroko.bpf.o
\tbpftool struct_ops register $<

unload:
\tbpftool struct_ops unregister name iroko

clean:
\trm -f iroko.bpf.o

.PHONY: load unload clean
"""


def export_policy(policy: Policy, folder: Path) -> list[str]:
    """Write the folder; returns the names of its files.

    Raises:
        InputError: the folder exists and is not empty, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"folder {show(str(folder))} is not empty: name a new one")
        for source in SOURCES:
            shutil.copyfile(source, folder / source.name)
        write_policy(policy, folder / "policy.json")
        options = " ".join(OPTIONS)
        training = policy.card.training or "unknown"
        texts = {"weights.h": _weights(policy), "Makefile": _MAKEFILE.format(options=options), "COPYING": _licence(),
                 "README.md": _README.format(name=policy.card.name, training=training)}  # fmt: skip
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"folder {show(str(folder))}: {error.strerror or error}") from error
    return sorted(path.name for path in folder.iterdir())


def _weights(policy: Policy) -> str:
    words = [int(word) for word in policy.to_words()]
    assert len(words) == WORDS
    rows = [", ".join(map(str, words[begin : begin + _LINE])) for begin in range(0, WORDS, _LINE)]
    body = ",\n\t".join(rows)
    return (
        "/* SPDX-License-Identifier: GPL-2.0 OR MIT */\n"
        "/* The members of struct iroko_policy in their order. Not constant, so that the verifier does not follow its numbers. */\n"
        f'union {{\n\tu32 words[{WORDS}];\n\tstruct iroko_policy policy;\n}} iroko_weights SEC(".data") = {{ {{\n'
        f"\t{body.replace('-', '(u32)-')}\n}} }};\n#define iroko_none iroko_weights.policy\n"
    )


def _licence() -> str:
    """The licence of the exported program, in short; the text is that of the kernel's COPYING."""
    try:
        version = distribution("iroko-net").version
    except PackageNotFoundError:
        version = "from source"
    return (
        f"Exported by Iroko {version}, https://github.com/dcgym/iroko\n\n"
        "SPDX-License-Identifier: GPL-2.0-only\n\n"
        "This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public\n"
        "License, version 2, as published by the Free Software Foundation: https://www.gnu.org/licenses/old-licenses/gpl-2.0.html\n\n"
        "This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of\n"
        "MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.\n"
    )
