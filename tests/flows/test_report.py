"""Tables of the comparison: verdicts follow from figures."""

import pandas as pd

from benchmarks.flows.completions import COLUMNS, MEASURES
from benchmarks.flows.report import LONE, completion_table, guard_table, markdown, verdicts, with_interval


def completions(ratio: float) -> pd.DataFrame:
    rows = [("c", 5, scheme, load, seed, *[value] * len(MEASURES), 0, 9)
            for scheme, value in (("dctcp", 2.0), ("iroko", 2.0 * ratio)) for load in (0.3, 0.5, 0.7, 0.8) for seed in (0, 1)]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judged(ratio: float, jain: float, mean: float) -> dict[str, bool]:
    sharing = pd.DataFrame([("8 x 1G", "iroko", 0, 1.0, 0.956), ("8 x 1G", "iroko", 1, jain, 0.956), (LONE, "iroko", 0, 1, 0.9)],
                           columns=["case", "scheme", "seed", "jain", "share"])  # fmt: skip
    incasts = pd.DataFrame(
        [("i", "dctcp", 0, 9.0), ("i", "nv", 0, 8.0), ("i", "iroko", 0, mean)], columns=["case", "scheme", "seed", "mean"]
    )
    guard = pd.DataFrame([("g", 0, 0.96, 1.1), ("g", 1, 0.97, 1.5)], columns=["case", "policy", "goodput", "p99"])
    return {text: reached for text, _, reached in verdicts(completions(ratio), sharing, incasts, guard)}


def test_verdicts_follow_from_the_figures() -> None:
    found = judged(0.7, 0.99, 8.0)
    assert [found[f"{measure} <= {aim}, c"] for measure, aim in zip(MEASURES, ("0.60", "0.75", "0.80", "1.02"), strict=True)] == [
        False, True, True, True]  # fmt: skip
    assert found["Jain's index >= 0.98, 8 x 1G, worst seed"] and not judged(0.7, 0.97, 8.0)["Jain's index >= 0.98, 8 x 1G, worst seed"]
    assert not found["a lone flow's share of its link >= 0.95, 1 x 10G, 300 us, worst seed"]
    incast = "incast no worse than the best rival, i, mean slowdown"
    assert found[incast] and not judged(0.7, 0.99, 8.1)[incast]
    assert found["goodput of hostile policies under the guard >= 0.95 of DCTCP's"] and not found["their p99 <= 1.25 of DCTCP's"]


def test_tables_have_the_means_and_the_worst() -> None:
    assert "| c | iroko | 0.50 [0.50, 0.50] |" in completion_table(completions(0.5), (0.3, 0.5))
    assert with_interval([0.5, 2.0]).startswith("1.00 [0.00")
    guard = pd.DataFrame([("g", 0, 0.96, 1.1), ("g", 1, 0.97, 1.5)], columns=["case", "policy", "goodput", "p99"])
    assert "| g | 0.960 | 1.50 |" in guard_table(guard)
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
