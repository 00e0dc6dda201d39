"""Constants of the kernel's user interface under their headers' names, and the layouts of netlink's fixed headers.

Source: `linux/netlink.h`, `rtnetlink.h`, `if_link.h`, `if_addr.h`, `neighbour.h`, `pkt_sched.h`, `pkt_cls.h`, `tc_act/tc_mirred.h`.
"""

import struct
from enum import IntEnum, IntFlag

NLMSGHDR = struct.Struct("<IHHII")
"""Length, type, flags, sequence number, port."""
IFINFOMSG = struct.Struct("<BxHiII")
"""Family, type, index, flags, mask of the flags to change."""
IFADDRMSG = struct.Struct("<BBBBI")
"""Family, prefix length, flags, scope, index."""
NDMSG = struct.Struct("<BxxxiHBB")
"""Family, index, state, flags, type."""
RTMSG = struct.Struct("<BBBBBBBBI")
"""Family, length of destination and of source, type of service, table, protocol, scope, type, flags."""
RTNEXTHOP = struct.Struct("<HBBi")
"""Length, flags, weight - 1, index."""
TCMSG = struct.Struct("<BxxxiIII")
"""Family, index, handle, parent, information."""

SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
NLA_TYPE_MASK = 0x3FFF
IFF_UP = 1
NUD_PERMANENT = 0x80
TC_H_ROOT, TC_H_INGRESS, TC_H_INGRESS_HANDLE = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
TC_ACT_STOLEN, TCA_EGRESS_REDIR = 4, 1
ETH_P_ALL = 0x0003


class NLM(IntFlag):
    """`NLM_F_*`: flags of a request, and of an acknowledgement."""

    REQUEST = 0x1
    ACK = 0x4
    REPLACE = 0x100
    EXCL = 0x200
    CREATE = 0x400
    DUMP = 0x300
    ACK_TLVS = 0x200


class RTM(IntEnum):
    """`RTM_*`: types of messages."""

    NEWLINK = 16
    NEWADDR = 20
    NEWROUTE = 24
    NEWNEIGH = 28
    NEWQDISC = 36
    DELQDISC = 37
    GETQDISC = 38
    NEWTCLASS = 40
    NEWTFILTER = 44


class IFLA(IntEnum):
    """`IFLA_*`: attributes of an interface; `INFO_*` are inside `LINKINFO`."""

    ADDRESS = 1
    IFNAME = 3
    LINKINFO = 18
    NET_NS_FD = 28
    GSO_MAX_SEGS = 40
    INFO_KIND = 1
    INFO_DATA = 2


VETH_INFO_PEER = 1


class IFA(IntEnum):
    """`IFA_*`: attributes of an address."""

    ADDRESS = 1
    LOCAL = 2


class NDA(IntEnum):
    """`NDA_*`: attributes of a neighbour."""

    DST = 1
    LLADDR = 2


class RTA(IntEnum):
    """`RTA_*`: attributes of a route."""

    DST = 1
    OIF = 4
    GATEWAY = 5
    MULTIPATH = 9


RT_TABLE_MAIN, RTPROT_STATIC, RTN_UNICAST, RTNH_F_ONLINK = 254, 4, 1, 4
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253


class TCA(IntEnum):
    """`TCA_*`: attributes of a queueing discipline, class or filter."""

    KIND = 1
    OPTIONS = 2


class TCA_TBF(IntEnum):  # noqa: N801
    """`TCA_TBF_*`."""

    PARMS = 1
    RATE64 = 4
    BURST = 6


class TCA_HTB(IntEnum):  # noqa: N801
    """`TCA_HTB_*`."""

    PARMS = 1
    INIT = 2
    RATE64 = 6
    CEIL64 = 7


class TCA_RED(IntEnum):  # noqa: N801
    """`TCA_RED_*`."""

    PARMS = 1
    STAB = 2
    MAX_P = 3
    FLAGS = 4


class TC_RED(IntFlag):  # noqa: N801
    """`TC_RED_*`: flags of RED."""

    ECN = 1
    NODROP = 8


class TCA_FQ(IntEnum):  # noqa: N801
    """`TCA_FQ_*`."""

    PLIMIT = 1
    FLOW_PLIMIT = 2
    QUANTUM = 3
    INITIAL_QUANTUM = 4
    RATE_ENABLE = 5
    FLOW_REFILL_DELAY = 9
    PRIOMAP = 16


class TCA_NETEM(IntEnum):  # noqa: N801
    """`TCA_NETEM_*`."""

    RATE = 6
    RATE64 = 8
    LATENCY64 = 10
    JITTER64 = 11
    PRNG_SEED = 14


TCA_MATCHALL_ACT = 2


class TCA_ACT(IntEnum):  # noqa: N801
    """`TCA_ACT_*`: attributes of an action."""

    KIND = 1
    OPTIONS = 2


TCA_MIRRED_PARMS = 2
