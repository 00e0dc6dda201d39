"""The transports, one file each; the file `NAME.py` with a `TRANSPORT` is the transport NAME (`_common.Transport` says what it has).

A transport's function gets one flow's record, whose words have the names of `iroko.engines.sim.layout`: it reads what the sender knows,
writes `CWND` and `SSTHRESH`, and has `PRIVATE` and the 15 words after it for itself. It is called through its address, so that the
event loop is compiled once for all transports.
"""
