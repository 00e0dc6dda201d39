// SPDX-License-Identifier: GPL-2.0
/*
 * Mark what finds more than a port's threshold in its queue, for kernels without RED: before a packet
 * enters the root queueing discipline of its interface.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

#define TCX_NEXT	(-1)
#define IROKO_MAX_PORTS	65536

char _license[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct gnet_stats_queue {
	u32 backlog;
};
struct Qdisc {
	struct gnet_stats_queue qstats;
};
struct netdev_queue {
	struct Qdisc *qdisc;
};
struct net_device {
	struct netdev_queue *_tx;
	int ifindex;
	possible_net_t nd_net;
};
struct sk_buff {
	struct net_device *dev;
};
#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *skb) __attribute__((section(".ksyms")));

struct iroko_port {
	u64 net_cookie;
	u32 interface;
	u32 pad;
};
struct iroko_mark {
	u64 threshold;			/* bytes */
	u64 marks;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IROKO_MAX_PORTS);
	__type(key, struct iroko_port);
	__type(value, struct iroko_mark);
} iroko_marks SEC(".maps");

SEC("tc")
int iroko_mark_port(struct __sk_buff *packet)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(packet);
	struct net_device *device = skb->dev;
	struct iroko_port port = { device->nd_net.net->net_cookie, (u32)device->ifindex, 0 };
	struct iroko_mark *mark = bpf_map_lookup_elem(&iroko_marks, &port);

	if (mark && device->_tx->qdisc->qstats.backlog > mark->threshold &&
	    bpf_skb_ecn_set_ce(packet) > 0)
		__sync_fetch_and_add(&mark->marks, 1);
	return TCX_NEXT;
}
