"""Per-flow policies beside tuned rivals, in the simulator: `python -m benchmarks.flows` writes `results/flows`.

cases.py        scenarios with finite flows, and the ECN thresholds from which DCTCP's is tuned
schemes.py      what is compared: policies and transports
completions.py  completion times of finite flows, as ratios to tuned DCTCP on the same flows
srpt.py         a bound: the shortest remaining size first on a fabric without queues
sharing.py      long flows that share a link, alone and beside other controls; incast
guard.py        hostile policies under the guard
report.py       tables
"""
