"""Experiments: schemes x scenarios x seeds from one TOML file, each job a run folder, and what they show together.

`python -m iroko.experiment FILE.toml` runs one; `iroko.analysis.experiment.read_results(folder)` reads what it left behind.
"""
