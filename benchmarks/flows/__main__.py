"""The command `python -m benchmarks.flows`: all scenarios, their tables as CSV, and one page of them in `results/flows`."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from benchmarks.flows import guard, report, sharing
from benchmarks.flows.cases import AIMED_LOADS, CASES, LOADS
from benchmarks.flows.completions import score, tune
from benchmarks.flows.schemes import find_schemes
from iroko.envs.flow_trials import Trials
from iroko.errors import IrokoError
from iroko.policy.builtin import SHIPPED
from iroko.policy.choice import load_policy
from iroko.scenario import Scenario
from iroko.topology import HOST_QUEUES

RESULTS = Path("results/flows")
SIDE_BY_SIDE = 16


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flows", description="Compare per-flow policies with tuned rivals.")
    parser.add_argument("--policy", default=SHIPPED, help="a built-in policy's name, or a file (default: the one of the package)")
    parser.add_argument(
        "--cases", nargs="*", type=int, metavar="N", help=f"of the {len(CASES)} with finite flows, by number (default: all)"
    )
    parser.add_argument("--host-queue", default="fq", choices=HOST_QUEUES, help="of hosts in the cases with finite flows (default: fq)")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="held-out episodes of each case")
    parser.add_argument("--hostile", type=int, default=guard.NUM_POLICIES, metavar="N", help="policies that the guard is tested with")
    parser.add_argument("--out", type=Path, default=RESULTS, metavar="DIR")
    options = parser.parse_args(arguments)
    if options.seeds < 2 or options.hostile < 0:
        parser.error("expected --seeds 2 or more and --hostile 0 or more")
    if options.cases and not all(0 <= case < len(CASES) for case in options.cases):
        parser.error(f"--cases: expected numbers from 0 to {len(CASES) - 1}")
    return options


def _completions(trials: Trials, options: argparse.Namespace) -> tuple[pd.DataFrame, str]:
    tables, tuning = [], []
    for number in options.cases or range(len(CASES)):
        case = replace(CASES[number], host_queue=options.host_queue)
        losses = tune(trials, case)
        threshold = min(losses, key=lambda each: losses[each])
        tuning.append([case.name, ", ".join(f"{each}: {loss:+.3f}" for each, loss in losses.items()), str(threshold)])
        tables.append(score(trials, case, threshold, find_schemes(options.policy), options.seeds))
        print(f"{case.name}: {len(tables[-1])} rows", file=sys.stderr, flush=True)
    return pd.concat(tables, ignore_index=True), report.markdown(["case", "mean log of DCTCP's measures over the best", "K"], tuning)


def _run(options: argparse.Namespace) -> None:
    started = time.perf_counter()
    schemes, trials = find_schemes(options.policy), Trials(Scenario(), SIDE_BY_SIDE, 0)
    completions, tuning = _completions(trials, options)
    shares = sharing.share(trials, schemes, options.seeds)
    mixed = sharing.coexist(trials, load_policy(options.policy), options.seeds)
    incasts = sharing.incast(trials, schemes, options.seeds)
    hostile = guard.stress(trials, options.hostile) if options.hostile else pd.DataFrame(columns=["case", "policy", "goodput", "p99"])
    tables = {"completions": completions, "sharing": shares, "coexistence": mixed, "incast": incasts, "guard": hostile}
    options.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(options.out / f"{name}.csv", index=False, float_format="%.5g")
    sections = {
        "Aims": report.aim_table(completions, shares, incasts, hostile),
        "Tuning of DCTCP's threshold on training seeds, in frames": tuning,
        "Completion times over tuned DCTCP's, loads 30 to 70%": report.completion_table(completions, AIMED_LOADS),
        **{f"The same at {load:.0%}": report.completion_table(completions, [load]) for load in LOADS},
        "The policy of the package, every seed, loads 30 to 70%": report.seed_table(completions, "iroko", AIMED_LOADS),
        "Long flows: Jain's index, worst seed": report.wide_table(shares, "jain", "min", 3),
        f"Long flows: share of the link, worst seed (full: {sharing.FULL_SHARE})": report.wide_table(shares, "share", "min", 3),
        "Incast: mean slowdown": report.wide_table(incasts, "mean", "mean", 1),
        "Incast: 99th percentile": report.wide_table(incasts, "p99", "mean", 1),
        "Four flows beside four of another control: their share of all (fair: 0.5)": report.wide_table(
            mixed.assign(scheme=mixed["scheme"] + " beside " + mixed["beside"]), "own_share", "mean", 3),
    }  # fmt: skip
    if options.hostile:
        sections[f"{options.hostile} hostile policies under the guard, over DCTCP"] = report.guard_table(hostile)
    page = "# Tables of `make flows`\n" + "".join(f"\n## {title}\n\n{table}" for title, table in sections.items())
    (options.out / "tables.md").write_text(page, encoding="utf-8")
    print(f"{options.out / 'tables.md'}, after {time.perf_counter() - started:.0f} s", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns 0, or the exit code of an input that cannot be used."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        _run(options)
    except IrokoError as error:
        print(f"flows: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
