/* SPDX-License-Identifier: GPL-2.0 */
/* The round is over: the least round-trip time to the destination, the decision, and its record. */
#ifndef IROKO_DECIDE_H
#define IROKO_DECIDE_H

#define IROKO_PERIOD_US 300000000ULL	/* of least round-trip times, as net.ipv4.tcp_min_rtt_wlen */

/*
 * Take the round's least round-trip time in; returns the least to this destination. A round of one
 * segment may be one of a short segment, which is faster than a full one.
 */
static __noinline u32 learn_rtt(struct tcp_sock *tp, u32 rtt_us)
{
	struct sock_common *common = &sock_of(tp)->__sk_common;
	struct iroko_path path = { .net_cookie = common->skc_net.net->net_cookie };
	struct iroko_least *least, fresh = {};
	u64 now_us = tp->tcp_mstamp;
	u32 most;

	if (common->skc_family == AF_INET6) {
		path.destination[0] = common->skc_v6_daddr.in6_u.u6_addr32[0];
		path.destination[1] = common->skc_v6_daddr.in6_u.u6_addr32[1];
		path.destination[2] = common->skc_v6_daddr.in6_u.u6_addr32[2];
		path.destination[3] = common->skc_v6_daddr.in6_u.u6_addr32[3];
	} else {
		path.destination[0] = common->skc_daddr;
	}
	least = bpf_map_lookup_elem(&iroko_paths, &path);
	if (!least) {
		fresh.began_us = now_us;
		fresh.now_us = rtt_us;
		if (rtt_us)
			bpf_map_update_elem(&iroko_paths, &path, &fresh, BPF_ANY);
		return rtt_us;
	}
	if ((s64)(now_us - least->began_us) > (s64)IROKO_PERIOD_US) {
		least->began_us = now_us;
		least->before_us = least->now_us;
		least->now_us = 0;
	}
	if (rtt_us && (!least->now_us || rtt_us < least->now_us))
		least->now_us = rtt_us;
	most = least->now_us;
	if (least->before_us && (!most || least->before_us < most))
		most = least->before_us;
	return most;
}

/* What a decision sees beside the flow's own state. */
struct iroko_seen {
	u32 delivered, marked, lost;	/* totals of the flow */
	u32 min_rtt_us;
	s32 features[IROKO_FEATURES];
};

/* Not static: the verifier reads it once, for any flow and policy. */
__noinline int iroko_act_on(struct iroko_flow *f, const struct iroko_policy *p,
			    struct iroko_seen *seen)
{
	if (f && p && seen)
		iroko_act(f, p, seen->delivered, seen->marked, seen->lost, seen->min_rtt_us,
			  seen->features);
	return 0;
}

static __always_inline void log_decision(struct tcp_sock *tp, struct iroko_decision *d, u32 number,
					 const struct iroko_flow *prior, const struct iroko_flow *f,
					 const struct iroko_seen *seen)
{
	struct sock_common *common = &sock_of(tp)->__sk_common;
	bool is_v6 = common->skc_family == AF_INET6;

	d->number = 0;
	d->at_us = tp->tcp_mstamp;
	d->source = is_v6 ? 0 : common->skc_rcv_saddr;
	d->destination = is_v6 ? 0 : common->skc_daddr;
	d->source_port = common->skc_num;
	d->destination_port = __builtin_bswap16(common->skc_dport);
	d->policy = number;
	d->before = *prior;
	d->delivered = seen->delivered;
	d->marked = seen->marked;
	d->lost = seen->lost;
	d->min_rtt_us = seen->min_rtt_us;
	__builtin_memcpy(d->features, seen->features, sizeof(d->features));
	d->action = f->action;
	d->gain = f->gain;
	d->window = f->window;
}

/* The round is over: decide, and tell user space. */
static __noinline int decide(struct tcp_sock *tp, struct iroko_flow *f, u32 min_rtt_us)
{
	struct iroko_seen seen = { tp->delivered, tp->delivered_ce, tp->lost, min_rtt_us, {} };
	struct iroko_counts *counts = counts_of();
	struct iroko_decision *row;
	const struct iroko_policy *p;
	struct iroko_flow prior = *f;
	struct iroko_view *view;
	struct iroko_card *card;
	u32 number, zero = 0;
	u64 wanted;

	p = policy_of(tp, &number);
	iroko_act_on(f, p, &seen);
	wanted = f->window;
	set_window(tp, f, p);
	if (counts) {
		counts->decisions++;
		if (wanted != f->window)
			counts->guarded++;
	}
	view = bpf_sk_storage_get(&iroko_flows, (void *)tp, NULL, 0);
	if (view) {
		view->window = f->window;
		view->dctcp_cwnd = f->dctcp.cwnd;
		view->action = f->action;
		view->alpha = f->alpha;
		view->rtt_us = f->rtt_us;
		view->min_rtt_us = min_rtt_us;
		view->policy = number;
		view->decisions++;
		view->guarded += wanted != f->window;
	}
	card = bpf_map_lookup_elem(&iroko_card, &zero);
	if (!card || !card->logging)
		return 0;
	row = bpf_ringbuf_reserve(&iroko_decisions, sizeof(*row), 0);
	if (row) {
		log_decision(tp, row, number, &prior, f, &seen);
		bpf_ringbuf_submit(row, 0);
	} else if (counts) {
		counts->unlogged++;
	}
	return 0;
}

#endif
