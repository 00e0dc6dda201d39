"""`iroko deploy --status`: the flows of the loaded control, its decisions and fallbacks."""

import ipaddress
import socket
import sys
import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from iroko.policy.bpf.deployment import Deployment, Summary
from iroko.policy.bpf.load import is_pinned
from iroko.policy.words import ONE

_REFRESH_S = 1.0
_MAX_ROWS = 40
_COLUMNS = ("flow", "window", "DCTCP's", "last 2^a", "alpha", "round trip", "least", "decisions", "by guard")
_WIDTH = 140


def show_status(deployment: Deployment) -> None:
    """Print the status; on a terminal anew every second until Ctrl-C, or until the control is removed."""
    if not sys.stdout.isatty():
        Console(width=_WIDTH, soft_wrap=True).print(_draw(deployment, None))
        return
    before = deployment.read_summary()
    with Live(_draw(deployment, None), refresh_per_second=4, screen=False) as live:
        while True:
            time.sleep(_REFRESH_S)
            if (current := Deployment.find()) is None:
                break
            current.close()
            live.update(_draw(deployment, before))
            before = deployment.read_summary()
    print("it was removed")


def _draw(deployment: Deployment, before: Summary | None) -> Group:
    now = deployment.read_summary()
    keeper = "pinned" if is_pinned() else f"held by process {now.pid}"
    pace = "" if before is None else f", {(now.decisions - before.decisions) / _REFRESH_S:,.0f} a second"
    flows = deployment.read_flows()
    head = [
        f"policy {now.policy}, {keeper}, for {now.age_s:,.0f} s",
        f"flows: {len(flows):,} now, {now.opened:,} since it was loaded, {now.fallbacks:,} fell back to reno for want of ECN",
        f"decisions: {now.decisions:,}{pace}, {now.guarded:,} bounded by the guard; timeouts: {now.timeouts:,}",
    ]
    table = Table(*_COLUMNS, box=None, pad_edge=False, header_style="")
    for column in table.columns[1:]:
        column.justify = "right"
    order = sorted(flows, key=lambda row: -int(row["decisions"]))
    for row in order[:_MAX_ROWS]:
        table.add_row(*_cells(row))
    rest = [Text(f"and {len(flows) - _MAX_ROWS:,} more")] if len(flows) > _MAX_ROWS else []
    return Group(*map(Text, head), *([table] if len(flows) else []), *rest)


def _cells(row: Any) -> list[str]:
    return [
        f"{_address(row, 'source')} > {_address(row, 'destination')}", f"{row['window'] / ONE:.1f}", f"{row['dctcp_cwnd']}",
        f"{2 ** (row['action'] / ONE):.3f}", f"{row['alpha'] / 1024:.3f}", f"{row['rtt_us']:,} us", f"{row['min_rtt_us']:,} us",
        f"{row['decisions']:,}", f"{row['guarded']:,}",
    ]  # fmt: skip


def _address(row: Any, end: str) -> str:
    data, port = row[end].tobytes(), row[f"{end}_port"]
    if row["family"] == socket.AF_INET6:
        return f"[{ipaddress.IPv6Address(data)}]:{port}"
    return f"{ipaddress.IPv4Address(data[:4])}:{port}"
