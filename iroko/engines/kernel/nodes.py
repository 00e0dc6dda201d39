"""Mininet's nodes, links and interfaces over netlink.

Mininet's network, nodes, links, command line and `popen` stay as they are known. A node is a network namespace held by a descriptor; its
shell starts when somebody first needs it. Switches are Linux routers with equal-cost multipath. The only file that imports mininet.
"""

import re
import time
from typing import Any

from mininet.cli import CLI
from mininet.link import Intf, Link
from mininet.log import output
from mininet.net import Mininet
from mininet.node import Node

from iroko.engines.kernel.namespaces import Namespace, write_settings
from iroko.engines.kernel.netlink import Netlink, add_veth, set_link_up
from iroko.topology import MAX_PATH_SWITCHES

_FIRST_INTERFACE = 10  # below it are those that a kernel puts into every namespace
_IFNAMSIZ = 16
"""Bytes of an interface's name in Linux, with the zero at its end (if.h)."""
_COMMON = {"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
           "ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"}  # fmt: skip
_HOST = {"ipv4/tcp_no_metrics_save": "1", "ipv4/ip_default_ttl": str(MAX_PATH_SWITCHES + 1)}
_ROUTER = {"ipv4/ip_forward": "1", "ipv4/conf/all/send_redirects": "0", "ipv4/conf/default/send_redirects": "0"}


class FastNode(Node):
    """A Mininet node whose namespace is made by a system call and whose shell starts at its first use."""

    settings = _COMMON

    def startShell(self, mnopts: str | None = None) -> None:
        if not hasattr(self, "namespace"):
            self.namespace = Namespace()
            with self.namespace.inside():
                self.netlink = Netlink()
                write_settings(self.settings)
                self.netlink.send([set_link_up(1)])
            return
        self.inNamespace = False  # mnexec shall not make another one: the shell inherits ours
        with self.namespace.inside():
            super().startShell(mnopts)

    def _need_shell(self) -> None:
        if not self.shell:
            self.startShell()

    @property
    def pid(self) -> int | None:
        """Of the shell; asking for it starts the shell, so that `mnexec -a` finds the namespace."""
        if self._pid is None and hasattr(self, "namespace"):
            self._need_shell()
        return self._pid

    @pid.setter
    def pid(self, value: int | None) -> None:
        self._pid = value

    def sendCmd(self, *args: Any, **kwargs: Any) -> None:
        self._need_shell()
        super().sendCmd(*args, **kwargs)

    def cmd(self, *args: Any, **kwargs: Any) -> str | None:
        self._need_shell()
        return super().cmd(*args, **kwargs)  # type: ignore[no-any-return]

    def config(self, **params: Any) -> dict[str, Any]:
        """Addresses and routes come from the topology, in `Fabric`."""
        return {}

    def terminate(self) -> None:
        super().terminate()
        self._pid = None
        self.netlink.close()
        self.namespace.close()


class FastHost(FastNode):
    """A host: it remembers nothing of earlier connections."""

    settings = _COMMON | _HOST


class Router(FastNode):
    """A switch: a Linux router that keeps a flow on one of several equal paths by its addresses and ports."""

    settings = _COMMON | _ROUTER

    def start(self, controllers: list[Any]) -> None:
        """Nothing to do: `Fabric` has set the routes."""


class FastIntf(Intf):
    """An interface whose address is known from the topology; asking for it starts no process."""

    def config(self, **params: Any) -> dict[str, Any]:
        return {}

    def updateIP(self) -> str | None:
        return self.ip  # type: ignore[no-any-return]

    def updateMAC(self) -> str | None:
        return self.mac  # type: ignore[no-any-return]

    def delete(self) -> None:
        """The interface goes with its namespace."""


class FastLink(Link):
    """A virtual Ethernet pair, made by one netlink message."""

    def intfName(self, node: Any, n: int) -> str:
        """Name an interface after its node where Linux takes that name, else by its number: each node has its own namespace."""
        name = f"{node.name}-eth{n}"
        return name if len(name.encode()) < _IFNAMSIZ and not set(name) & set("/:") else f"eth{n}"

    @classmethod
    def makeIntfPair(cls, intfname1: str, intfname2: str, addr1: str | None = None, addr2: str | None = None,
                     node1: Any = None, node2: Any = None, deleteIntfs: bool = True) -> None:  # fmt: skip
        ends = []
        for node, name, mac in ((node1, intfname1, addr1), (node2, intfname2, addr2)):
            node.interfaces = getattr(node, "interfaces", {})
            index = node.interfaces[name] = _FIRST_INTERFACE + len(node.interfaces)
            ends.append((index, name, bytes.fromhex(str(mac).replace(":", ""))))
        node1.netlink.send([add_veth(ends, node2.namespace.descriptor)])


class FastMininet(Mininet):
    """Mininet that leaves the machine's own settings alone."""

    @classmethod
    def init(cls) -> None:
        """Mininet's own would raise limits and write sysctls of the whole machine."""

    def configHosts(self) -> None:
        """Addresses and routes come from the topology, in `Fabric`."""

    def shell(self) -> None:
        """Run Mininet's command line."""
        CLI(self)

    def iperf(self, hosts: list[Any] | None = None, l4Type: str = "TCP", udpBw: str = "10M", fmt: str | None = None,
              seconds: int = 5, port: int = 5001) -> list[str]:  # fmt: skip
        """Measure between two hosts, by default the first and the last; returns the rates that server and client print.

        Mininet's own waits for a line that the server of iperf 2.1 no longer writes.
        """
        client, server = hosts or (self.hosts[0], self.hosts[-1])
        udp = ["-u", "-b", udpBw] if l4Type == "UDP" else []
        output(f"*** iperf {l4Type} from {client.name} to {server.name}, {seconds} s\n")
        listening = server.popen(["iperf", "-s", "-p", str(port), *udp[:1]])
        try:
            time.sleep(0.5)
            command = ["iperf", "-c", server.IP(), "-p", str(port), "-t", str(seconds), *udp, *(["-f", fmt] if fmt else [])]
            said, complaint, _ = client.pexec(command)
        finally:
            listening.terminate()
            heard = listening.communicate()[0].decode(errors="replace")
        output(said + complaint)
        return [(re.findall(r"[\d.]+ \w+/sec", text) or [""])[-1] for text in (heard, said)]
