"""Which engines, transports and kinds of scenarios run here: tried, not guessed."""

from collections.abc import Sequence

from iroko.doctor import kernel
from iroko.doctor.findings import EngineState, Finding, Way, in_a_line
from iroko.doctor.surroundings import Surroundings

UDP = "udp"
CONGESTION_CONTROLS = (
    "bbr", "bic", "cdg", "cubic", "dctcp", "highspeed", "htcp", "hybla", "illinois", "lp", "nv", "reno", "scalable", "vegas", "veno",
    "westwood", "yeah",
)  # fmt: skip
TRANSPORTS = (UDP, *CONGESTION_CONTROLS)
"""As in `iroko.agent`, which needs packages that may be missing here; a test compares."""
SIMULATED = (UDP, "cubic", "dctcp", "iroko", "nv", "reno", "vegas")
"""The simulator's, for the same reason."""


def try_engines(here: Surroundings, findings: Sequence[Finding]) -> list[EngineState]:
    """Try each engine."""
    states = []
    for name, attempt in (("guest", try_guest), ("sim", try_simulator), ("mininet", try_mininet)):
        try:
            states.append(attempt(here))
        except Exception as error:
            states.append(EngineState(name, False, in_a_line(error)))
    return [_with_mend(state, findings) for state in states]


def _with_mend(state: EngineState, findings: Sequence[Finding]) -> EngineState:
    if state.runs or state.mend:
        return state
    return EngineState(state.name, False, state.why, _mend(state.name, findings), state.transports)


_CAUSES = {
    "guest": ("system", "guest kernel", "tracing", "/dev/shm", "limits", "terminals", "memory"),
    "sim": ("cache", "memory"),
    "mininet": ("system", "root", "mininet", "queues"),
}
"""For each engine the checks that can say why it does not run, the likeliest first."""
_LAST_RESORT = {
    "guest": "python -m iroko.guest build --again",
    "sim": "rm -r ~/.cache/iroko/sim-*",
    "mininet": "python -m iroko.run --engine guest",
}


def _mend(engine: str, findings: Sequence[Finding]) -> str:
    by_name = {finding.name: finding for finding in findings}
    stops = [finding.mend for finding in findings if finding.stops]
    causes = [by_name[name].mend for name in _CAUSES[engine] if name in by_name]
    return next(mend for mend in (*stops, *causes, _LAST_RESORT[engine]) if mend)


def try_guest(here: Surroundings) -> EngineState:
    system, _, machine = here.system()
    if (system, machine) != ("Linux", "x86_64"):
        return EngineState("guest", False, f"needs Linux on x86-64, this is {system} on {machine}")
    here.kernel_path()
    answer = here.try_engine("guest", [*TRANSPORTS, "iroko"])
    if "error" in answer:
        return EngineState("guest", False, answer["error"])
    text = f"booted Linux {answer['engine'].get('kernel', '?')}, first snapshot after {answer['seconds']:g} s"
    return EngineState("guest", True, text, transports=answer["transports"])


def try_simulator(here: Surroundings) -> EngineState:
    lacking = {name: "the simulator has no model of it" for name in TRANSPORTS if name not in SIMULATED}
    if not here.writable(here.cache()):
        return EngineState("sim", False, "its compiled code cannot be kept: the cache folder cannot be written")
    if not here.is_compiled():
        return EngineState("sim", True, "not tried: it compiles itself when first used", transports=dict.fromkeys(SIMULATED, "") | lacking)
    answer = here.try_engine("sim", list(SIMULATED))
    if "error" in answer:
        return EngineState("sim", False, answer["error"])
    return EngineState("sim", True, f"first snapshot after {answer['seconds']:g} s", transports=answer["transports"] | lacking)


def try_mininet(here: Surroundings) -> EngineState:
    if here.system()[0] != "Linux":
        return EngineState("mininet", False, f"needs Linux, this is {here.system()[0]}", "python -m iroko.run --engine sim")
    if here.user() != 0:
        return EngineState("mininet", False, "needs root", "sudo .venv/bin/python -m iroko.run --engine mininet")
    found = kernel.parts(here)
    if absent := [part for part in kernel.FABRIC if found[part] == kernel.ABSENT]:
        return EngineState("mininet", False, f"this kernel has no {', '.join(absent)}")
    controls = {UDP: kernel.THERE} | kernel.congestion_controls(here)
    transports = {name: "" if name in controls else f"this kernel has no tcp_{name}" for name in TRANSPORTS}
    if not transports["dctcp"] and found["red"] == kernel.ABSENT:
        transports["dctcp"] = "this kernel has no RED queue, which marks packets"
    if any(found[part] == kernel.LOADABLE for part in kernel.FABRIC):
        return EngineState("mininet", True, "not tried: modules of this kernel load when it is first used", transports=transports)
    # DCTCP is left out where its queue is a module: trying it would load it.
    tried = [name for name in TRANSPORTS if not transports[name] and controls[name] == kernel.THERE]
    tried = [name for name in tried if name != "dctcp" or found["red"] == kernel.THERE]
    answer = here.try_engine("mininet", tried)
    if "error" in answer:
        return EngineState("mininet", False, answer["error"])
    text = "in real time, on this kernel" + (', without host_queue="fq"' if kernel.ABSENT in map(found.get, kernel.FAIR) else "")
    return EngineState("mininet", True, text, transports=transports | answer["transports"])


def ways(engines: Sequence[EngineState], findings: Sequence[Finding], here: Surroundings) -> list[Way]:
    """The kinds of scenarios and whether they run; the main job with its defaults first."""
    state = {engine.name: engine for engine in engines}
    scoring = "guest" if here.system()[::2] == ("Linux", "x86_64") else "sim"
    stopped = [f"{finding.name}: {finding.found}" for finding in findings if finding.stops]

    def way(name: str, options: str, *needed: str, why: str = "") -> Way:
        reasons = stopped + [f"engine {one} does not run" for one in dict.fromkeys(needed) if not state[one].runs] + ([why] if why else [])
        return Way(name, f"python -m iroko.run{options}", not reasons, reasons[0] if reasons else "")

    return [
        way(f"the main job: learn in sim, score on {scoring}", "", scoring, "sim"),
        way("everything in the simulator", " --engine sim", "sim"),
        way("learn on the kernel too", " --train-engine guest", "guest"),
        way("this machine's kernel, in real time", " --engine mininet", "mininet", "sim"),
        way("the same with delays on its links", " --engine mininet --set topology.delay_s=1ms", "mininet", "sim", why=_no_delay(here)),
        way("several equal paths (ecmp)", " --set topology.routing=ecmp", scoring, "sim"),
    ]


def _no_delay(here: Surroundings) -> str:
    try:
        found = kernel.parts(here)
    except Exception as error:
        return f"could not be checked: {in_a_line(error)}"
    absent = [part for part in kernel.DELAY if found[part] == kernel.ABSENT]
    return f"this kernel has no {', '.join(absent)}" if absent else ""
