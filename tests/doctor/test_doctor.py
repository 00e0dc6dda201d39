"""The doctor, with other machines around it: every shortfall has its line and its command, and nothing makes it fail."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.agent import TCP_NAMES
from iroko.doctor import engines, kernel, trial
from iroko.doctor.__main__ import CHECKS, examine, main
from iroko.doctor.findings import OK, SHORT, UNKNOWN, Report
from iroko.doctor.page import WIDTH, lines
from iroko.doctor.surroundings import Surroundings
from iroko.engines.guest.host import GUEST_BYTES
from iroko.errors import UnsupportedError
from iroko.registry import list_names
from iroko.rundir.config import DEFAULT_STEPS

SYMBOLS = "\n".join(f"0000000000000000 t {name}" for name in ("_stext", *(symbol for symbol, _ in kernel.PARTS.values())))
CONTROLS = "/proc/sys/net/ipv4/tcp_available_congestion_control"
MODULES = "/lib/modules/6.12.1/modules.dep"


class Other(Surroundings):
    """A machine on which all is well, but for what a test changes."""

    def __init__(self, **changes: Any) -> None:
        self.files = {
            "/proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n",
            "/proc/self/status": "CapEff:\t000001ffffffffff\nSeccomp:\t0\n",
            "/proc/sys/kernel/yama/ptrace_scope": "1\n",
            "/proc/kallsyms": SYMBOLS,
            CONTROLS: "reno cubic nv dctcp bbr\n",
        }
        self.facts: dict[str, Any] = {
            "system": ("Linux", "6.12.1", "x86_64"), "python": (3, 11, 7), "user": 0, "cores": 4, "writable": True, "free_bytes": 10**11,
            "is_noexec": False, "can_trace": True, "is_compiled": True, "kernel_path": Path("/cache/linux-key/iroko-guest"),
            "open_terminal": None, "which": "/usr/bin/mnexec", "requirements": ["numpy>=2", 'pytest; extra == "dev"'],
            "constraints": "numpy==2.4.6\n", "try_engine": {"engine": {"kernel": "6.12"}, "seconds": 0.5},
            "cache": Path("/cache"), "results": Path("results/runs"), "temporary": Path("/tmp"), "has_nameless_memory": True,
            "landlock_version": 6, "has_seccomp": True, "can_pin": True, "why_limits_refuse": "",
            "why_not_deploy": "", "missing_capabilities": [],
        }  # fmt: skip
        self.packages = {"numpy": "2.4.6", "mininet": "2.3", "iroko": "1.2"}
        self.tried: list[tuple[str, list[str]]] = []
        for name, value in changes.items():
            assert name in self.facts, name
            self.facts[name] = value

    def fact(self, name: str) -> Any:
        value = self.facts[name]
        if isinstance(value, Exception):
            raise value
        return value

    def read(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]

    def exists(self, path: str) -> bool:
        return True

    def which(self, tool: str) -> str | None:
        found: str | None = self.fact("which")
        return found

    def version(self, package: str) -> str | None:
        return self.packages.get(package)

    def writable(self, folder: Path) -> bool:
        value = self.fact("writable")
        return bool(value(folder)) if callable(value) else bool(value)

    def free_bytes(self, folder: Path) -> int:
        value = self.fact("free_bytes")
        return int(value(folder)) if callable(value) else int(value)

    def is_noexec(self, folder: Path) -> bool:
        value = self.fact("is_noexec")
        return bool(value(folder)) if callable(value) else bool(value)

    def why_unfit_for_memory(self, folder: Path) -> str | None:
        if self.is_noexec(folder):
            return "is mounted noexec"
        return None if self.free_bytes(folder) >= GUEST_BYTES else f"has {self.free_bytes(folder) / 1e6:.0f} MB free"

    def describe_kernel(self, path: Path) -> dict[str, str]:
        return {"key": path.parent.name, "sha256": "0123456789abcdef" * 4, "source": "Linux 6.12.1", "compiler": "gcc 12, GNU ld 2"}

    def try_engine(self, engine: str, transports: list[str]) -> dict[str, Any]:
        self.tried.append((engine, transports))
        answer = self.fact("try_engine")
        answer = answer.get(engine, answer) if "guest" in answer else answer
        return answer if "error" in answer else {"transports": dict.fromkeys(transports, ""), **answer}


for _name in ("system", "python", "user", "cores", "can_trace", "is_compiled", "kernel_path", "open_terminal", "requirements",
              "constraints", "cache", "results", "temporary", "has_nameless_memory", "landlock_version", "has_seccomp", "can_pin",
              "why_limits_refuse", "why_not_deploy", "missing_capabilities"):  # fmt: skip
    setattr(Other, _name, lambda self, _name=_name: self.fact(_name))


def finding(report: Report, name: str) -> Any:
    return next(one for one in report.findings if one.name == name)


def engine(report: Report, name: str) -> Any:
    return next(one for one in report.engines if one.name == name)


def test_where_all_is_well_everything_runs() -> None:
    report = examine(Other())
    assert report.ok and all(way.runs for way in report.ways)
    assert [one.name for one in report.findings if one.state != OK] == []
    kernel = finding(report, "guest kernel").found
    assert all(part in kernel for part in ("Linux 6.12.1", "SHA-256 0123456789abcdef", "gcc 12"))
    assert all(one.runs for one in report.engines)
    assert not any(one.mend for one in report.findings)
    assert engine(report, "guest").transports == dict.fromkeys((*engines.TRANSPORTS, "iroko"), "")


def no_terminals() -> Other:
    return Other(open_terminal=OSError(2, "No such file"))


def files(**changes: str | None) -> Other:
    other = Other()
    for key, text in changes.items():
        path = {"memory": "/proc/meminfo", "status": "/proc/self/status", "scope": "/proc/sys/kernel/yama/ptrace_scope",
                "symbols": "/proc/kallsyms", "controls": CONTROLS, "modules": MODULES, "limit": "/sys/fs/cgroup/memory.max",
                "current": "/sys/fs/cgroup/memory.current", "quota": "/sys/fs/cgroup/cpu.max"}[key]  # fmt: skip
        if text is None:
            del other.files[path]
        else:
            other.files[path] = text
    return other


def untraceable(**changes: str | None) -> Other:
    other = files(**changes)
    other.facts["can_trace"] = False
    return other


def folders(noexec: str = "", small: str = "") -> Other:
    """A machine without memory that is in no folder; one of its folders is mounted noexec, one has no space."""
    return Other(
        has_nameless_memory=False, is_noexec=lambda path: str(path) == noexec,
        free_bytes=lambda path: 67_000_000 if str(path) == small else 10**11,
    )  # fmt: skip


def without(package: str) -> Other:
    other = Other()
    del other.packages[package]
    return other


def only_here(folder: str) -> Callable[[Path], bool]:
    return lambda path: str(path) != folder


WITHOUT_RED = SYMBOLS.replace("red_enqueue", "other")


@pytest.mark.parametrize(("here", "name", "found", "mend"), [
    (Other(system=("Linux", "6.1", "aarch64")), "system", "needs Linux on x86-64", "--engine sim"),
    (files(quota="50000 100000"), "processors", "may use 0.5", "--cpus 2"),
    (files(memory="MemAvailable: 1000000 kB"), "memory", "1.0 GB free", "--envs 4"),
    (files(limit="1000000000", current="900000000"), "memory", "100 MB free", "--envs 4"),
    (folders(noexec="/dev/shm"), "/dev/shm", "noexec: a guest's memory is in TMPDIR", "remount,exec"),
    (folders(small="/dev/shm"), "/dev/shm", "67 MB free: a guest's memory is in TMPDIR", "remount,exec,size=2G"),
    (folders(noexec="/dev/shm", small="/tmp"), "/dev/shm", "67 MB free: the guest cannot start", "remount,exec,size=2G"),
    (folders(noexec="/cache"), "cache", "noexec", "XDG_CACHE_HOME"),
    (Other(landlock_version=0), "confinement", "no Landlock: only the guest's own kernel", "lsm="),
    (Other(has_seccomp=False), "confinement", "no seccomp: only", "--security-opt"),
    (Other(landlock_version=3), "confinement", "signals to your other processes", ""),
    (Other(can_pin=False), "pinning", "sched_setaffinity is refused", "SYS_NICE"),
    (Other(why_limits_refuse="ulimit -n is 64: a guest needs 256"), "limits", "ulimit -n is 64", "ulimit -Hn"),
    (Other(writable=only_here("/cache")), "cache", "cannot be written", "XDG_CACHE_HOME"),
    (Other(writable=only_here("results/runs")), "results", "cannot be written", "--out"),
    (Other(free_bytes=lambda path: 1000 if str(path) == "/cache" else 10**11), "cache", "free on its disk", "XDG_CACHE_HOME"),
    (untraceable(scope="3"), "tracing", "ptrace_scope is 3", "reboot"),
    (untraceable(scope="2"), "tracing", "ptrace_scope is 2", "sysctl kernel.yama.ptrace_scope=1"),
    (untraceable(status="CapEff: 0\nSeccomp:\t2"), "tracing", "seccomp filter", "SYS_PTRACE"),
    (no_terminals(), "terminals", "no pseudo-terminal", "mount -t devpts"),
    (files(status="CapEff:\t0000000000201000"), "root", "root", ""),
    (files(status="CapEff:\t0000000000001000"), "root", "without SYS_ADMIN", "--cap-add SYS_ADMIN"),
    (Other(python=(3, 10, 1)), "python", "3.10.1: expected 3.11 to 3.13", "make setup PYTHON="),
    (without("numpy"), "packages", "missing: numpy", "make setup"),
    (Other(constraints="numpy==9.9\n"), "packages", "numpy 2.4.6 for 9.9", "pip install -c constraints.txt"),
    (without("mininet"), "mininet", "package is missing", "make setup"),
    (Other(which=None), "mininet", "without mnexec", "apt-get install mininet"),
    (Other(kernel_path=UnsupportedError("none")), "guest kernel", "not been built", "make guest"),
    (files(symbols=WITHOUT_RED), "queues", "without red: no DCTCP's marks", "--engine guest"),
    (files(symbols=WITHOUT_RED, modules="kernel/net/act_x.ko.xz: kernel/net/y.ko.xz"), "queues", "without red", "linux-image-amd64"),
    (files(controls="reno cubic"), "tcp", "without nv, dctcp", "--engine guest"),
])  # fmt: skip
def test_each_shortfall_has_its_line_and_its_command(here: Other, name: str, found: str, mend: str) -> None:
    report = examine(here)
    assert found in finding(report, name).found
    assert mend in finding(report, name).mend and bool(mend) == bool(finding(report, name).mend)
    assert finding(report, name).state == (SHORT if mend else OK)
    assert any(found.split()[0] in text for _, text in lines(report))


def test_what_is_a_module_is_not_loaded_and_not_missing() -> None:
    here = files(symbols=WITHOUT_RED, modules="kernel/net/sched/sch_red.ko.zst: kernel/a.ko\nkernel/net/ipv4/tcp_lp.ko:")
    report = examine(here)
    assert finding(report, "queues").state == OK and "load: red" in finding(report, "queues").found
    assert engine(report, "mininet").transports["dctcp"] == "" and engine(report, "mininet").transports["lp"] == ""
    tried = dict(here.tried)["mininet"]
    assert "dctcp" not in tried and "lp" not in tried and "cubic" in tried


def test_mininet_without_its_queues_is_not_tried_and_dctcp_needs_red() -> None:
    here = files(symbols=SYMBOLS.replace("htb_enqueue", "other"))
    report = examine(here)
    assert not engine(report, "mininet").runs and "htb" in engine(report, "mininet").why
    assert "mininet" not in dict(here.tried)
    report = examine(files(symbols=WITHOUT_RED))
    assert "RED" in engine(report, "mininet").transports["dctcp"] and engine(report, "mininet").runs


def test_without_fq_mininet_runs_with_one_queue_for_all() -> None:
    report = examine(files(symbols=SYMBOLS.replace("fq_enqueue", "fq_codel_enqueue")))
    assert 'without fq: no host_queue="fq"' in finding(report, "queues").found
    assert engine(report, "mininet").runs and 'without host_queue="fq"' in engine(report, "mininet").why
    assert "host_queue" not in engine(examine(Other()), "mininet").why


def test_an_ordinary_user_is_told_how_to_have_mininet() -> None:
    report = examine(Other(user=1000))
    assert report.ok and finding(report, "root").state == OK
    assert engine(report, "mininet").mend.startswith("sudo ")
    assert [way.runs for way in report.ways] == [True, True, True, False, False, True]


@pytest.mark.parametrize(("here", "word", "mend"), [
    (Other(kernel_path=UnsupportedError("no guest kernel: build it")), "no guest kernel", "make guest"),
    (Other(try_engine={"guest": {"error": "it hangs"}, "seconds": 1.0, "engine": {}}), "it hangs", "python -m iroko.guest build --again"),
    (untraceable(scope="2"), "", "sudo sysctl"),
])  # fmt: skip
def test_without_a_guest_the_main_job_does_not_run(here: Other, word: str, mend: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not word:
        here.facts["try_engine"] = {"guest": {"error": "ptrace"}, "seconds": 1.0, "engine": {}}
    assert main([], here) == 1
    said = capsys.readouterr().out
    assert "the main job does not run: engine guest does not run" in said
    assert word in said and mend in said


def test_on_another_processor_the_main_job_scores_in_the_simulator() -> None:
    report = examine(Other(system=("Linux", "6.1", "aarch64")))
    assert report.ok and "score on sim" in report.ways[0].name and not engine(report, "guest").runs
    report = examine(Other(system=("Linux", "6.1", "aarch64"), has_seccomp=False, landlock_version=0, can_pin=False))
    assert all(finding(report, name).state == OK for name in ("confinement", "pinning", "/dev/shm", "limits"))


def test_a_results_folder_that_cannot_be_written_stops_the_main_job() -> None:
    assert not examine(Other(writable=only_here("results/runs"))).ok
    assert not examine(without("numpy")).ok


class Hostile(Other):
    """A machine on which what a test names fails in an unforeseen way."""

    def __init__(self, broken: set[str]) -> None:
        super().__init__()
        self.broken = broken

    def __getattribute__(self, name: str) -> Any:
        if name not in ("broken", "__dict__", "__class__", "facts") and name in object.__getattribute__(self, "__dict__").get("broken", ()):
            raise RuntimeError(f"{name} is\nbroken")
        return super().__getattribute__(name)


PROBES = sorted(name for name in vars(Surroundings) if not name.startswith("_") and name not in ("version", "system", "variable"))


@given(st.sets(st.sampled_from(PROBES)))
def test_nothing_makes_it_fail(broken: set[str]) -> None:
    report = examine(Hostile(broken))
    assert len(report.findings) == len(CHECKS) and len(report.engines) == 3
    assert list(lines(report))
    for one in report.findings:
        assert one.state != UNKNOWN or one.found.startswith("could not be checked: ")
        assert "\n" not in one.found
    json.dumps(report.to_table())
    if "try_engine" in broken:
        assert not report.ok


def test_each_probe_that_fails_is_told() -> None:
    report = examine(Hostile({"can_trace"}))
    assert finding(report, "tracing").state == UNKNOWN
    assert finding(report, "tracing").found == "could not be checked: can_trace is broken"


@pytest.mark.parametrize("here", [Other(), Other(user=1000), untraceable(scope="2"), files(symbols=""), without("numpy")])
def test_it_fits_on_a_screen(here: Other) -> None:
    report = examine(here)
    shown = [text for _, text in lines(report)]
    assert len(shown) <= 45
    commands = {one.mend for one in (*report.findings, *report.engines)}
    assert all(len(text) <= WIDTH for text in shown if text.strip() not in commands)


def test_the_json_has_its_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"], Other(user=1000)) == 0
    table = json.loads(capsys.readouterr().out)
    assert sorted(table) == ["checks", "engines", "format", "iroko", "ok", "ways"]
    assert table["format"] == 1 and table["ok"] is True
    for one in table["checks"]:
        assert {key: type(value) for key, value in one.items()} == {"name": str, "state": str, "found": str, "mend": str, "stops": bool}
        assert one["state"] in (OK, SHORT, UNKNOWN)
    for one in table["engines"]:
        assert sorted(one) == ["mend", "name", "runs", "transports", "why"]
        assert set(one["transports"]) <= {*engines.TRANSPORTS, *engines.SIMULATED}
    for one in table["ways"]:
        assert sorted(one) == ["command", "name", "runs", "why"]
        assert bool(one["why"]) != one["runs"]


def test_its_own_lists_are_those_of_iroko() -> None:
    assert engines.CONGESTION_CONTROLS == TCP_NAMES
    assert sorted(engines.SIMULATED) == list_names("iroko.engines.sim.transports")
    assert DEFAULT_STEPS > 0


def test_it_starts_where_no_package_is_installed() -> None:
    # -S leaves out the folder of installed packages.
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from iroko.doctor.__main__ import main; sys.exit(main(['--json']))"
    root = str(Path(__file__).parents[2])
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code, root], capture_output=True, text=True, timeout=120)
    assert result.returncode == 1, result.stderr
    report = json.loads(result.stdout)
    packages = next(one for one in report["checks"] if one["name"] == "packages")
    assert packages["found"].startswith("missing: ") and packages["mend"].startswith("make setup")
    assert not any(one["runs"] for one in report["ways"])


def test_a_trial_in_the_simulator_carries_traffic() -> None:
    answer = trial.try_engine("sim", ["udp", "cubic", "bbr"])
    assert answer["transports"]["udp"] == "" == answer["transports"]["cubic"]
    assert "'bbr'" in answer["transports"]["bbr"]


def test_a_trial_that_hangs_or_crashes_is_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("iroko.doctor.surroundings.TRIAL_S", 0.05)
    assert "did not answer" in Surroundings().try_engine("sim", ["udp"])["error"]
    monkeypatch.setattr("iroko.doctor.surroundings.TRIAL_S", 60.0)
    assert Surroundings().try_engine("nonsense", [])["error"].startswith("unknown engine 'nonsense'")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert "ended with code 1" in Surroundings().try_engine("sim", ["udp"])["error"]
    assert not list(tmp_path.iterdir())


def look(prefix: tuple[str, ...] = (), **environment: str) -> dict[str, Any]:
    command = [*prefix, sys.executable, "-m", "iroko.doctor", "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, env=os.environ | environment)
    assert result.stderr == ""
    report: dict[str, Any] = json.loads(result.stdout)
    assert result.returncode == (0 if report["ok"] else 1)
    return report


def interfaces() -> list[str]:
    return sorted(os.listdir("/sys/class/net"))


def modules() -> str:
    path = Path("/proc/modules")
    return "".join(sorted(line.split()[0] for line in path.read_text().splitlines())) if path.exists() else ""


@pytest.mark.guest
@pytest.mark.slow
@pytest.mark.usefixtures("guest_kernel")
def test_on_this_machine_the_main_job_runs_and_nothing_is_left(tmp_path: Path) -> None:
    before = interfaces(), modules()
    report = look(TMPDIR=str(tmp_path))
    assert report["ok"], [one for one in report["checks"] if one["state"] != "ok"]
    assert not [one for one in report["checks"] if one["state"] == "unknown"]
    assert report["engines"][0]["transports"] == dict.fromkeys((*engines.TRANSPORTS, "iroko"), "")
    assert (interfaces(), modules()) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become somebody else, and setpriv")
def test_it_runs_as_somebody_with_nothing() -> None:
    # Nobody has no home, and the guest kernel lies in the home of another user.
    prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs")
    if subprocess.run([*prefix, sys.executable, "-c", "import numpy"], capture_output=True).returncode:
        pytest.skip("this checkout's packages cannot be read by another user")
    report = look(prefix, HOME="/nonexistent")
    states = {one["name"]: one for one in report["checks"]}
    assert not report["ok"] and states["guest kernel"]["mend"] == "make guest"
    assert states["cache"]["state"] == "short" and states["root"]["state"] == "ok"


def test_a_failing_main_job_points_to_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from iroko.run import command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert command.main(["--engine", "guest", "--topo", "dumbbell", "--agent", "none", "--baseline", "nv"]) == 2
    assert "what works here says python -m iroko.doctor" in capsys.readouterr().err
    assert command.main(["--engine", "gest"]) == 2
    assert "doctor" not in capsys.readouterr().err  # the input is at fault, not the machine
