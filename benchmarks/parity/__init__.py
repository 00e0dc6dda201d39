"""How near the simulator is to the kernel: the same scenarios on both engines, measured alike; `python -m benchmarks.parity --help`.

- `cases.py`: the scenarios, of fabric, traffic, transport, rate and limits
- `recording.py`: runs a case on an engine and keeps what the snapshots said; recordings of the kernel stay on disk
- `measures.py`: from a recording to a few numbers, and how far the engines may differ in each
- `starts.py`: judges what misses over more starts, and so tells chance from difference
- `deviations.py`: the misses that are known, each with its reason
- `report.py`: the table, as text, CSV and Markdown
- `figures.py`: the differences of all cases, and what both engines do over time
"""
