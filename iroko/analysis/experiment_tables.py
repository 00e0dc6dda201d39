"""The tables of an experiment: CSV with every digit, LaTeX (booktabs) to be read."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from iroko.analysis.best import ends_text
from iroko.analysis.experiment import REFERENCES, Results, groups_of, rows_of
from iroko.rundir.folder import write_beside

HEADINGS = {
    "goodput_share": "goodput share", "queue_mean_bytes": "queue mean (kB)", "queue_p99_bytes": "queue 99% (kB)", "drops": "drops",
    "marks": "marks", "jain": "Jain", "reward": "reward per step",
}  # fmt: skip
"""The columns of the summary in LaTeX; the CSV has every measure."""
NOTHING = "--"
"""In LaTeX a dash."""
_QUOTED = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
}  # fmt: skip


def write_tables(results: Results, folder: Path) -> list[Path]:
    """Write every table of an experiment into a folder; returns the files."""
    frames = {
        "measures": results.measures,
        "summary": results.summary,
        "differences": results.differences,
        "paired": results.paired,
        "gaps": results.gaps,
        "transfers": results.transfers,
        "transfer-summary": results.transfer_summary,
    }
    texts: dict[str, Callable[[Results], str]] = {
        "measures": seeds_tex, "summary": summary_tex, "differences": differences_tex, "paired": paired_tex,
        "gaps": gaps_tex, "transfers": transfers_tex,
    }  # fmt: skip
    files = []
    for name, frame in frames.items():
        if len(frame):
            files.append(_write(folder / f"{name}.csv", frame.to_csv(index=False)))
            if name in texts:
                files.append(_write(folder / f"{name}.tex", texts[name](results)))
    return files


def _write(path: Path, text: str) -> Path:
    write_beside(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def summary_tex(results: Results) -> str:
    """Each scheme's measures, mean over seeds with the interval."""
    named = {name: heading for name, heading in HEADINGS.items() if name in set(results.summary["measure"])}
    rows = []
    for scenario in results.scenarios:
        for scheme in results.schemes:
            found = _lookup(results.summary, scenario=scenario, scheme=scheme)
            if len(found):
                cells = {row.measure: interval_cell(str(row.measure), row.mean, row.low, row.high) for row in rows_of(found)}
                rows.append([scenario, results.labels[scheme], str(found["n"].max()), *(cells.get(name, NOTHING) for name in named)])
    return tabular(["scenario", "scheme", "seeds", *named.values()], rows)


def seeds_tex(results: Results) -> str:
    """Every seed's reward per step: nobody's numbers are chosen."""
    seeds = sorted(set(results.measures["seed"]))
    rows = []
    for (scenario, scheme), group in groups_of(results.measures, ["scenario", "scheme"]):
        by_seed = dict(zip(group["seed"], group["reward"], strict=True))
        cells = (number("reward", by_seed[seed]) if seed in by_seed else NOTHING for seed in seeds)
        rows.append([str(scenario), results.labels[str(scheme)], *cells])
    return tabular(["scenario", "scheme", *(f"seed {seed}" for seed in seeds)], rows)


def differences_tex(results: Results) -> str:
    """Each scheme's reward less that of the references, paired by seed."""
    rewards = _lookup(results.differences, measure="reward")
    references = [name for name in REFERENCES if name in set(rewards["reference"])]
    rows = []
    for (scenario, scheme), group in groups_of(rewards, ["scenario", "scheme"]):
        cells = {row.reference: interval_cell("reward", row.mean, row.low, row.high) for row in rows_of(group)}
        rows.append([str(scenario), results.labels[str(scheme)], *(cells.get(name, NOTHING) for name in references)])
    return tabular(["scenario", "scheme", *(f"less {results.labels[name]}" for name in references)], rows)


def paired_tex(results: Results) -> str:
    """The rewards less DCTCP's, seed by seed, of schemes close to it."""
    seeds = [name for name in results.paired.columns if name.startswith("seed ")]
    rows = []
    for row in results.paired.to_dict("records"):
        cells = (number("reward", row[seed]) for seed in seeds)
        rows.append([row["scenario"], results.labels[row["scheme"]], *cells, interval_cell("reward", row["mean"], row["low"], row["high"])])
    return tabular(["scenario", "scheme", *seeds, f"less {results.labels['dctcp']}"], rows)


def gaps_tex(results: Results) -> str:
    """The reward in the engine of the training, in that of the scores, and the sim-to-kernel gap."""
    rows = [
        [row.scenario, results.labels[row.scheme], str(row.n), number("reward", row.before), number("reward", row.after),
         interval_cell("reward", row.mean, row.low, row.high)]
        for row in rows_of(results.gaps)
    ]  # fmt: skip
    return tabular(["scenario", "scheme", "seeds", "reward in training engine", "reward where scored", "sim-to-kernel gap"], rows)


def transfers_tex(results: Results) -> str:
    """For each scheme the reward in the scored scenario (columns) after training in another (rows)."""
    rewards = _lookup(results.transfer_summary, measure="reward")
    scenarios = [name for name in results.scenarios if name in set(rewards["scenario"])]
    rows = []
    for (scheme, trained_on), group in groups_of(rewards, ["scheme", "trained_on"]):
        cells = {row.scenario: interval_cell("reward", row.mean, row.low, row.high) for row in rows_of(group)}
        rows.append([results.labels[str(scheme)], str(trained_on), *(cells.get(name, NOTHING) for name in scenarios)])
    return tabular(["scheme", "trained in", *(f"in {name}" for name in scenarios)], rows)


def _lookup(frame: pd.DataFrame, **values: str) -> pd.DataFrame:
    for name, value in values.items():
        frame = frame[frame[name] == value]
    return frame


def number(measure: str, value: float) -> str:
    """A number as the tables show it: sizes in kB, counts whole, the rest with three digits; large ones with fewer."""
    if not math.isfinite(value):
        return NOTHING
    if measure in ("drops", "marks"):
        return f"{value:,.0f}"
    shown, digits = (value / 1e3, 2) if measure.endswith("_bytes") else (value, 3)
    return f"{shown:,.{1 if abs(shown) >= 100 else min(2, digits) if abs(shown) >= 10 else digits}f}"


def interval_cell(measure: str, mean: float, low: float, high: float) -> str:
    """A mean with its interval; alone for a single seed, or where the seeds are equal."""
    text = number(measure, mean)
    ends = ends_text(text, number(measure, low), number(measure, high), "[{}, {}]") if math.isfinite(low) else ""
    return f"{text} {ends}" if ends else text


def tabular(headings: list[str], rows: list[list[str]]) -> str:
    """A table of the LaTeX package booktabs: words to the left, numbers to the right."""
    words = sum(heading in ("scenario", "scheme", "trained in") for heading in headings)
    lines = [f"\\begin{{tabular}}{{{'l' * words}{'r' * (len(headings) - words)}}}", "\\toprule"]
    lines += [" & ".join(map(escape, headings)) + " \\\\", "\\midrule"]
    lines += [" & ".join(cell if cell == NOTHING else escape(cell) for cell in row) + " \\\\" for row in rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it is written, in one line: no character of it begins a command, a formula, an argument or a comment.

    A formula in a label, which figures draw, is set as its text; a dollar sign that figures need quoted is set alone.
    """
    text = "".join(char if char.isprintable() else " " for char in text)
    plain = re.sub(r"[\\&%$#_{}~^<>|]", lambda found: _QUOTED.get(found[0], f"\\{found[0]}"), text.replace("\\$", "$"))
    # Two hyphens would become a dash; after the end of a row a bracket begins an argument, and a star is a part of the command.
    return re.sub(r"^([\[*])", r"{\1}", re.sub("-(?=-)", "-{}", plain))
