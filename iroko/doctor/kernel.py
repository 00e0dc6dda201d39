"""Checks of the host's kernel, for the engine `mininet`: its queues and its congestion controls.

Asking a kernel for a queue or a congestion control can load a module. So presence is read from the kernel's list of symbols, and what
could be loaded from the list of its modules.
"""

import re

from iroko.doctor.findings import OK, SHORT, Check, Finding
from iroko.doctor.surroundings import Surroundings

PARTS = {
    "veth": ("veth_xmit", "veth"), "htb": ("htb_enqueue", "sch_htb"), "tbf": ("tbf_enqueue", "sch_tbf"),
    "fifo": ("bfifo_enqueue", "sch_fifo"), "red": ("red_enqueue", "sch_red"), "netem": ("netem_enqueue", "sch_netem"),
    "ingress": ("ingress_init", "sch_ingress"), "matchall": ("mall_classify", "cls_matchall"),
    "mirred": ("tcf_mirred_act", "act_mirred"), "ifb": ("ifb_xmit", "ifb"), "fq": ("fq_enqueue", "sch_fq"),
}  # fmt: skip
"""For each part that the engine uses a function of it, and its module."""
FABRIC = ("veth", "htb", "tbf", "fifo")
"""What every fabric needs."""
MARKING, DELAY, FAIR = ("red",), ("netem", "ingress", "matchall", "mirred", "ifb"), ("fq",)
"""What ports that mark, links with a delay, and hosts with a queue for each flow need too."""
_LEAST_KERNEL = "uname -r  # Linux 6.4 or later with CONFIG_BPF_JIT and CONFIG_DEBUG_INFO_BTF, such as Debian 13's"
THERE, LOADABLE, ABSENT = "there", "loadable", "absent"


def modules(here: Surroundings) -> set[str]:
    """Names of the modules that this kernel could load."""
    try:
        listed = here.read(f"/lib/modules/{here.system()[1]}/modules.dep")
    except OSError:
        return set()
    return {name.replace("-", "_") for name in re.findall(r"([^/\s]+)\.ko(?:\.\w+)?:", listed)}


def parts(here: Surroundings) -> dict[str, str]:
    """For each of `PARTS` whether it is `there`, `loadable` or `absent`.

    Raises:
        OSError: the kernel does not list its symbols.
    """
    symbols = set(re.findall(r"^\S+ \w (\w+)", here.read("/proc/kallsyms"), re.MULTILINE))
    if "_stext" not in symbols and len(symbols) < 1000:
        raise OSError("the kernel does not list its symbols in /proc/kallsyms")
    can_load = modules(here)
    return {part: THERE if symbol in symbols else LOADABLE if module in can_load else ABSENT for part, (symbol, module) in PARTS.items()}


def congestion_controls(here: Surroundings) -> dict[str, str]:
    """The congestion controls that are `there` or `loadable`."""
    there = here.read("/proc/sys/net/ipv4/tcp_available_congestion_control").split()
    loadable = {name.removeprefix("tcp_") for name in modules(here) if name.startswith("tcp_")}
    return dict.fromkeys(loadable, LOADABLE) | dict.fromkeys(there, THERE)


def check_queues(here: Surroundings) -> Finding:
    found = parts(here)
    absent = [part for part, state in found.items() if state == ABSENT]
    loadable = [part for part, state in found.items() if state == LOADABLE]
    if absent:
        purposes = {"fabric": FABRIC, "DCTCP's marks": MARKING, "delays": DELAY, 'host_queue="fq"': FAIR}
        hit = [purpose for purpose, needed in purposes.items() if set(needed) & set(absent)]
        text = f"without {', '.join(absent)}: no {', no '.join(hit)} on engine mininet; the guest has them"
        return Finding("queues", SHORT, text, _mend_absent(here))
    return Finding("queues", OK, f"all {len(found)} parts" + (f"; when first used load: {', '.join(loadable)}" if loadable else ""))


def check_congestion_controls(here: Surroundings) -> Finding:
    found = congestion_controls(here)
    text = " ".join(sorted(found))
    wanted = [name for name in ("nv", "dctcp") if name not in found]
    if wanted:
        return Finding("tcp", SHORT, f"{text}; without {', '.join(wanted)}, which the guest has", _mend_absent(here))
    return Finding("tcp", OK, text)


def check_deploy(here: Surroundings) -> Finding:
    """Whether `iroko deploy` can load a policy into this machine's kernel."""
    if reason := here.why_not_deploy():
        reason, _, remedy = reason.partition(": ")
        found = re.search(r"`([^`]+)`", remedy)
        return Finding("deploy", SHORT, reason, f"sudo {found[1]}" if found else _LEAST_KERNEL if "Linux" in reason else "")
    if missing := here.missing_capabilities():
        return Finding("deploy", OK, f"this kernel takes policies; loading one needs {', '.join(missing)}: sudo iroko deploy POLICY")
    return Finding("deploy", OK, "this kernel takes policies: iroko deploy POLICY")


def _mend_absent(here: Surroundings) -> str:
    """How to get parts that the running kernel has neither built in nor as a module."""
    # Debian's small kernels for clouds lack some; its usual one has all. A kernel without modules is somebody's own.
    return "sudo apt-get install linux-image-amd64 && sudo reboot" if modules(here) else "python -m iroko.run --engine guest"


CHECKS: dict[str, Check] = {"queues": check_queues, "tcp": check_congestion_controls, "deploy": check_deploy}
