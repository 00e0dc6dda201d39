"""How fast Iroko is here: `python -m benchmarks.run [NAME ...] [--json]`; without names, everything.

Each benchmark gives a few numbers, as rates and as ratios where that is possible, beside what the project aims at. A machine that is busy
with something else gives lower numbers: nothing here fails for that.
"""

import argparse
import json
import sys
from collections.abc import Callable

from benchmarks import decide, guest, policy, simulator
from benchmarks.result import Result

BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    function.__name__: function
    for function in (
        guest.boot, guest.speed, guest.hops, guest.steps, guest.build, guest.parallel, guest.memory,
        simulator.sim_hops, simulator.sim_steps, simulator.sim_vector, simulator.sim_start, simulator.sim_training, simulator.sim_cost,
        decide.decide, policy.policy,
    )
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"unknown benchmark {unknown[0]!r}: expected some of {', '.join(BENCHMARKS)}")
    found: dict[str, list[Result]] = {}
    for name in options.names or BENCHMARKS:
        if not options.json:
            print(f"{name}: {(BENCHMARKS[name].__doc__ or '').splitlines()[0]}", flush=True)
        found[name] = BENCHMARKS[name]()
        if not options.json:
            for result in found[name]:
                verdict = {None: "", True: f"  (aim {result.aim}: reached)", False: f"  (aim {result.aim}: MISSED)"}[result.reached]
                print(f"    {result.name:48} {result.value:10.4g} {result.unit}{verdict}", flush=True)
    if options.json:
        json.dump({name: [vars(r) | {"reached": r.reached} for r in results] for name, results in found.items()}, sys.stdout, indent=2)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
