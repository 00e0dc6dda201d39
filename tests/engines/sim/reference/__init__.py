"""The simulator once more, slow and obvious: plain Python, a heap of events, objects, dicts and sets.

`iroko.engines.sim` has to agree with it to the packet. Where that one is clever (rings that grow, queues settled when somebody looks,
losses found by scans that remember where they were, timers that are looked at late), this one goes the naive way.

    network.py    packets, the ports of switches, the interfaces of hosts, the heap
    udp.py        UDP's bursts
    flow.py       a TCP connection: handshake and timers
    receiver.py   what TCP acknowledges, and when
    sender.py     what TCP sends, and what it keeps of it
    losses.py     what TCP counts as lost, how its window shrinks, what its timer does
    acks.py       what TCP learns from ACKs
    controls.py   the transports by name: reno.py (Reno, DCTCP), vegas.py (Vegas, New Vegas), cubic.py, learned.py (a policy's)
    run.py        an episode: build it from a topology and flows, step it, measure it
"""
