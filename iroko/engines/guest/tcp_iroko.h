/* SPDX-License-Identifier: GPL-2.0 */
/* What tcp_iroko.c and tcp_iroko_proc.c share. */
#ifndef _TCP_IROKO_H
#define _TCP_IROKO_H

#include <net/tcp.h>
#include "iroko_policy.h"

/* The least round-trip time from a host to another, of all flows. */
struct iroko_pair {
	struct hlist_node node;
	const struct net *net;
	__be32 destination;
	u32 min_rtt_us;			/* 0: none */
};

const struct iroko_policy *iroko_policy_of(const struct sock *sk);
struct iroko_pair *iroko_pair_of(const struct sock *sk);
void iroko_log(const struct sock *sk, const struct iroko_flow *prior,
	       const struct iroko_flow *after, u32 min_rtt_us, const s32 *features);

#endif
