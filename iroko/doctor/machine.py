"""Checks of the machine: processors, memory, disk, tracing of processes, terminals, privileges."""

from pathlib import Path

from iroko.doctor.findings import OK, SHORT, Check, Finding
from iroko.doctor.surroundings import Surroundings
from iroko.engines.guest import GUEST_BYTES

RUN_BYTES = 1_500_000_000
"""Of the main job with its defaults: torch, the simulators and a guest."""
DISK_BYTES = 1_000_000_000
SIGNALS_SCOPED = 6
"""The version of Landlock that covers signals."""
SYS_ADMIN, NET_ADMIN = 21, 12
"""Capabilities: namespaces, and networks in them."""


def tilde(path: Path) -> str:
    """A path with the user's own folder as `~`: what a report shows may be passed on."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def check_system(here: Surroundings) -> Finding:
    name, release, machine = here.system()
    if (name, machine) == ("Linux", "x86_64"):
        return Finding("system", OK, f"Linux {release} on x86-64")
    return Finding("system", SHORT, f"{name} {release} on {machine}: the guest needs Linux on x86-64", "python -m iroko.run --engine sim")


def check_cores(here: Surroundings) -> Finding:
    cores = here.cores()
    try:
        quota, period = here.read("/sys/fs/cgroup/cpu.max").split()
        allowed = cores if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        allowed = cores
    if allowed < min(cores, 1):
        return Finding("processors", SHORT, f"{cores}, of which this group may use {allowed:g}", "docker run --cpus 2 ...")
    return Finding("processors", OK, f"{cores}" if allowed >= cores else f"{cores}, of which this group may use {allowed:g}")


def available_bytes(here: Surroundings) -> int:
    """Memory that can be had: of the machine, and below the limit of the control group."""
    lines = dict(line.split(":", 1) for line in here.read("/proc/meminfo").splitlines() if ":" in line)
    free = int(lines["MemAvailable"].split()[0]) * 1024
    try:
        limit = here.read("/sys/fs/cgroup/memory.max").strip()
        if limit != "max":
            free = min(free, int(limit) - int(here.read("/sys/fs/cgroup/memory.current")))
    except (OSError, ValueError):
        pass
    return free


def check_memory(here: Surroundings) -> Finding:
    free = available_bytes(here)
    if free < RUN_BYTES:
        return Finding("memory", SHORT, f"{size(free)} free: a run takes {size(RUN_BYTES)}", "python -m iroko.run --envs 4")
    return Finding("memory", OK, f"{size(free)} free, a run takes {size(RUN_BYTES)}")


def check_shared_memory(here: Surroundings) -> Finding:
    """Where a guest's memory is put: in no folder, or else in shared memory, or else in TMPDIR."""
    if here.has_nameless_memory():
        return Finding("/dev/shm", OK, "not needed: a guest's memory is in no folder")
    shared, temporary = Path("/dev/shm"), here.temporary()
    if (refusal := here.why_unfit_for_memory(shared)) is None:
        return Finding("/dev/shm", OK, f"{size(here.free_bytes(shared))} free, a guest takes {size(GUEST_BYTES)}")
    if (other := here.why_unfit_for_memory(temporary)) is None:
        text = f"{refusal}: a guest's memory is in TMPDIR, {tilde(temporary)}, where it may be written to a disk"
        return Finding("/dev/shm", SHORT, text, "sudo mount -o remount,exec,size=2G /dev/shm")
    text = f"{refusal}, and TMPDIR, {tilde(temporary)}, {other}: the guest cannot start (in a container: docker run --shm-size 2g)"
    return Finding("/dev/shm", SHORT, text, "sudo mount -o remount,exec,size=2G /dev/shm")


def check_confinement(here: Surroundings) -> Finding:
    """What keeps a guest from changing the host beside its own kernel."""
    version, filters = here.landlock_version(), here.has_seccomp()
    lacking = [name for name, there in (("Landlock", version), ("seccomp", filters)) if not there]
    if not lacking:
        weaker = "" if version >= SIGNALS_SCOPED else "; signals to your other processes need version 6"
        return Finding("confinement", OK, f"guests: Landlock {version} and seccomp{weaker}")
    text = f"no {' and no '.join(lacking)}: only the guest's own kernel keeps its programs from your files"
    mend = "cat /sys/kernel/security/lsm  # Linux 5.13 or later, started with landlock in its parameter lsm="
    return Finding("confinement", SHORT, text, mend if not version else "docker run --security-opt seccomp=unconfined ...")


def check_pinning(here: Surroundings) -> Finding:
    if here.can_pin():
        return Finding("pinning", OK, "a guest stays on one processor")
    text = "sched_setaffinity is refused: guests run on every processor, with the same numbers but slower"
    return Finding("pinning", SHORT, text, "docker run --cap-add SYS_NICE ...")


def check_limits(here: Surroundings) -> Finding:
    if refusal := here.why_limits_refuse():
        return Finding("limits", SHORT, refusal, "ulimit -Hn; ulimit -Hf")
    return Finding("limits", OK, "files and their sizes are enough for a guest")


def check_results(here: Surroundings) -> Finding:
    return _check_folder("results", here.results(), here, "python -m iroko.run --out ~/iroko-run")


def check_cache(here: Surroundings) -> Finding:
    return _check_folder("cache", here.cache(), here, "export XDG_CACHE_HOME=$(mktemp -d)")


def _check_folder(name: str, folder: Path, here: Surroundings, elsewhere: str) -> Finding:
    shown = tilde(folder)
    if not here.writable(folder):
        return Finding(name, SHORT, f"{shown} cannot be written", elsewhere, stops=True)
    if name == "cache" and here.is_noexec(folder):
        return Finding(name, SHORT, f"{shown} is mounted noexec: neither guest nor simulator can run from it", elsewhere, stops=True)
    free = here.free_bytes(folder)
    if free < DISK_BYTES:
        return Finding(name, SHORT, f"{shown}: {size(free)} free on its disk, expected {size(DISK_BYTES)}", elsewhere)
    return Finding(name, OK, f"{shown}, {size(free)} free")


def check_tracing(here: Surroundings) -> Finding:
    """The guest's kernel runs the guest's processes by tracing them."""
    try:
        scope = int(here.read("/proc/sys/kernel/yama/ptrace_scope"))
    except OSError:
        scope = 0  # a kernel without Yama
    status = dict(line.split(":", 1) for line in here.read("/proc/self/status").splitlines() if ":" in line)
    filtered = status.get("Seccomp", "0").strip() == "2"
    detail = f"ptrace_scope {scope}" + (", seccomp filter" if filtered else "")
    if here.can_trace():
        return Finding("tracing", OK, f"a process may trace its child ({detail})")
    if scope == 3:
        text = "ptrace_scope is 3, for good until the next boot: the guest cannot run"
        return Finding("tracing", SHORT, text, "sudo rm /etc/sysctl.d/*ptrace* && sudo reboot")
    if scope == 2:
        return Finding("tracing", SHORT, "ptrace_scope is 2: the guest cannot run", "sudo sysctl kernel.yama.ptrace_scope=1")
    return Finding("tracing", SHORT, f"ptrace is forbidden ({detail}): the guest cannot run", "docker run --cap-add SYS_PTRACE ...")


def check_terminals(here: Surroundings) -> Finding:
    try:
        here.open_terminal()
    except OSError as error:
        return Finding(
            "terminals", SHORT, f"no pseudo-terminal ({error}): the guest has no channel", "sudo mount -t devpts devpts /dev/pts"
        )
    return Finding("terminals", OK, "/dev/pts works")


def check_root(here: Surroundings) -> Finding:
    if here.user() != 0:
        return Finding("root", OK, "an ordinary user: guest and simulator need no more, mininet needs sudo")
    status = dict(line.split(":", 1) for line in here.read("/proc/self/status").splitlines() if ":" in line)
    held = int(status.get("CapEff", "0").strip(), 16)
    lacking = [name for name, bit in (("SYS_ADMIN", SYS_ADMIN), ("NET_ADMIN", NET_ADMIN)) if not held >> bit & 1]
    if lacking:
        options = " ".join(f"--cap-add {name}" for name in lacking)
        return Finding("root", SHORT, f"root without {', '.join(lacking)}: no engine mininet", f"docker run {options} ...")
    return Finding("root", OK, "root, with the capabilities that engine mininet needs")


def _for_guests(name: str, check: Check) -> Check:
    """A check of what guests alone need, for machines on which one can run."""

    def checked(here: Surroundings) -> Finding:
        system, _, machine = here.system()
        return check(here) if (system, machine) == ("Linux", "x86_64") else Finding(name, OK, "not needed: no guest runs here")

    return checked


CHECKS: dict[str, Check] = {
    "system": check_system, "processors": check_cores, "pinning": _for_guests("pinning", check_pinning), "memory": check_memory,
    "/dev/shm": _for_guests("/dev/shm", check_shared_memory), "limits": _for_guests("limits", check_limits), "cache": check_cache,
    "results": check_results, "tracing": check_tracing, "confinement": _for_guests("confinement", check_confinement),
    "terminals": check_terminals, "root": check_root,
}  # fmt: skip
