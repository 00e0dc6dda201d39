"""The learned control: an integer network that decides per flow, once a round trip.

`policy.h` holds its arithmetic for the kernel and BPF, `twin.py` for the simulator, `reference.py` in plain Python; the three agree bit
for bit. `format.py` reads and writes policies, `builtin.py` holds the one that needs no training, `words.py` says how a policy and a flow's
state lie in memory.
"""
