"""The transports, one file each; a file `NAME.py` with `HOOKS` is the transport NAME.

`HOOKS` holds six functions, each `function(flows, f, value) -> int`: `flows` is the array of all flows' records, `f` where this flow's
begins. They read and write words of that record alone (`iroko.sim.layout`), with `PRIVATE` and the words after it for their own use.

| function | is called | value | returns |
|---|---|---|---|
| `begin` | when the connection is open | 0 | |
| `acked` | for each ACK, after the scoreboard; `ACK_RTT` in us (-1: none), `ACK_DELIVERED` segments since the last one acked was sent | segments acked | |
| `grow` | when the window may grow | segments delivered | |
| `reduce` | when it has to shrink: `CWR` on loss or mark, `LOSS` on a timeout | the reason | the new threshold |
| `phase` | before the phase changes; `PHASE` is the old one | the new phase | |
| `restart` | when a segment is sent and nothing is in flight | ms since the last one was sent | |

`ECN` says whether its packets can be marked. `udp` has no hooks: it has no congestion control.
"""
