// SPDX-License-Identifier: GPL-2.0
/*
 * TCP "iroko" as BPF, for kernels as they are: a learned policy sets the window once per round trip,
 * within the bounds of a guard around DCTCP's window.
 *
 * The arithmetic is policy.h. The calls of it are those of iroko/engines/guest/tcp_iroko.c, with what
 * the kernel keeps from BPF written out: proportional rate reduction, pacing, the change to reno. A
 * flow that finds no policy is DCTCP.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#define IROKO_INLINE static __always_inline
#include "policy.h"
#include "decision.h"
#include "shared.h"
#include "flow.h"
#include "decide.h"
#include "linux_tcp.h"
#include "list.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/iroko_init")
void BPF_PROG(iroko_init, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct iroko *ca = state_of(tp);
	struct iroko_counts *counts = counts_of();
	u8 state = sk->__sk_common.skc_state;
	const struct iroko_policy *p;
	struct iroko_flow f;
	u32 number;

	if (state == TCP_LISTEN || state == TCP_CLOSE)
		return;
	if (!(tp->ecn_flags & TCP_ECN_OK)) {	/* as tcp_dctcp.c */
		char reno[16] = "reno";

		bpf_setsockopt(sk, SOL_TCP, TCP_CONGESTION, reno, sizeof(reno));
		if (counts)
			counts->fallbacks++;
		return;
	}
	p = policy_of(tp, &number);
	iroko_begin(&f, p, tp->snd_cwnd, tp->delivered, tp->delivered_ce, tp->lost);
	f.dctcp.ssthresh = tp->snd_ssthresh;
	ca->flow = f;
	ca->loss_cwnd = 0;
	ca->prr_delivered = 0;
	ca->ce_state = 0;
	ca->in_ack = 0;
	ca->advanced = 0;
	ca->round_over = 0;
	ca->undone = 0;
	ca->next_seq = tp->snd_nxt;
	ca->una = tp->snd_una;
	ca->prior_rcv_nxt = tp->rcv_nxt;
	tp->snd_cwnd = (u32)(f.window >> 16);
	bpf_sk_storage_get(&iroko_flows, (void *)tp, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (counts)
		counts->opened++;
}

/* Before TCP looks for losses. */
SEC("struct_ops/iroko_in_ack_event")
void BPF_PROG(iroko_in_ack_event, struct sock *sk, u32 flags)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct iroko *ca = state_of(tp);
	u32 una = tp->snd_una;
	struct iroko_flow f;

	if (!is_initialized(tp))
		return;
	ca->in_ack = 1;
	ca->advanced = una != ca->una;
	ca->una = una;
	if ((s32)(una - ca->next_seq) < 0)
		return;
	f = ca->flow;
	if (ca->round_over)		/* an ACK while nothing was in flight */
		f.alpha = iroko_alpha(f.alpha, 0, 0);
	else
		iroko_end_round(&f, tp->delivered, tp->delivered_ce);
	ca->flow.alpha = f.alpha;
	ca->round_over = 1;
}

/* Move DCTCP's window as its own sender would. */
static __always_inline void follow_dctcp(struct tcp_sock *tp, struct iroko_flow *f, u32 delivered,
					 bool may_rise)
{
	struct iroko_dctcp *d = &f->dctcp;

	if (in_reduction(tp))
		iroko_dctcp_deliver(d, delivered);
	else if (may_rise && (BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ||
			      (d->cwnd < d->ssthresh && d->cwnd < 2 * tp->max_packets_out)))
		iroko_dctcp_grow(d, delivered);
}

/* The ACK is done with: set the window, or let the reduction do it. */
static __always_inline void control(struct tcp_sock *tp, const struct rate_sample *rs)
{
	struct iroko *ca = state_of(tp);
	u32 delivered = rs->acked_sacked, min_rtt_us = 0, number;
	const struct iroko_policy *p = policy_of(tp, &number);
	struct iroko_flow f = ca->flow;
	u8 state = ca_state(tp), round_over = ca->round_over;
	struct net *net = sock_of(tp)->__sk_common.skc_net.net;
	bool reduced, may_rise;

	if (ca->undone)
		take_all(tp, ca, &f);
	reduced = state == TCP_CA_Recovery || (state == TCP_CA_CWR && is_pinned(p));
	/* As tcp_may_raise_cwnd(). */
	may_rise = tp->reordering > (u32)net->ipv4.sysctl_tcp_reordering ? delivered > 0
									  : ca->advanced;
	if (rs->rtt_us >= 0)
		iroko_note_rtt(&f, (u32)rs->rtt_us);
	if (round_over)
		min_rtt_us = learn_rtt(tp, tp->delivered - f.delivered > 1 ? f.rtt_us : 0);
	if (state == TCP_CA_Recovery || !reduced)
		follow_dctcp(tp, &f, delivered, may_rise);
	if (state == TCP_CA_CWR && !reduced)
		ca->prr_delivered += delivered;	/* recovery may go on from here */
	if (state < TCP_CA_Recovery && !reduced) {
		if (may_rise && (BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ||
				 (f.gain > IROKO_ONE / 2 && tp->snd_cwnd < 2 * tp->max_packets_out)))
			iroko_grow(&f, delivered, tp->delivered_ce);
		if (round_over)
			decide(tp, &f, min_rtt_us);
		else
			set_window(tp, &f, p);
	} else if (state == TCP_CA_Loss) {
		f.window = (u64)f.dctcp.cwnd << 16;
		tp->snd_cwnd = f.dctcp.cwnd < tp->snd_cwnd_clamp ? f.dctcp.cwnd : tp->snd_cwnd_clamp;
	}
	if (round_over) {
		ca->round_over = 0;
		ca->next_seq = tp->snd_nxt;
		iroko_new_round(&f, tp->delivered, tp->delivered_ce, tp->lost);
	}
	ca->flow = f;
	if (reduced)
		reduce(tp, ca, delivered, rs->losses > 0);
	ca->in_ack = 0;
}

SEC("struct_ops/iroko_control")
#ifdef IROKO_BEFORE_6_10
void BPF_PROG(iroko_control, struct sock *sk, const struct rate_sample *rs)
#else
void BPF_PROG(iroko_control, struct sock *sk, u32 ack, int flag, const struct rate_sample *rs)
#endif
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (is_initialized(tp))		/* else it is the ACK of a SYN */
		control(tp, rs);
	update_pacing_rate(tp);
}

/* A mark, a loss or a timeout; after a timeout comes CA_EVENT_LOSS. */
SEC("struct_ops/iroko_ssthresh")
u32 BPF_PROG(iroko_ssthresh, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct iroko *ca = state_of(tp);
	u32 cwnd = tp->snd_cwnd;
	struct iroko_dctcp d;

	ca->loss_cwnd = cwnd;
	if (!is_initialized(tp))
		return cwnd > 2 ? cwnd : 2;
	take_reduced(tp, ca);
	d = ca->flow.dctcp;
	iroko_dctcp_reduce(&d, ca->flow.alpha);
	ca->flow.dctcp = d;
	ca->prr_delivered = 0;
	return d.ssthresh;
}

static __always_inline void time_out(struct tcp_sock *tp, struct iroko *ca)
{
	struct iroko_counts *counts = counts_of();
	u32 cwnd = tp->snd_cwnd;
	struct iroko_dctcp d;

	ca->loss_cwnd = cwnd;
	if (!is_initialized(tp)) {
		tp->snd_ssthresh = cwnd >> 1 > 2 ? cwnd >> 1 : 2;
		return;
	}
	d = ca->flow.dctcp;
	iroko_dctcp_lose((struct iroko_dctcp *)&d);
	ca->flow.dctcp = d;
	ca->flow.congested = 1;
	ca->flow.action = -IROKO_ONE;
	tp->snd_ssthresh = d.ssthresh;
	if (counts)
		counts->timeouts++;
}

SEC("struct_ops/iroko_cwnd_event")
void BPF_PROG(iroko_cwnd_event, struct sock *sk, enum tcp_ca_event event)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;

	if (event == bpf_core_enum_value(enum tcp_ca_event, CA_EVENT_ECN_IS_CE))
		note_ce(tp, state_of(tp), 1);
	else if (event == bpf_core_enum_value(enum tcp_ca_event, CA_EVENT_ECN_NO_CE))
		note_ce(tp, state_of(tp), 0);
	else if (event == bpf_core_enum_value(enum tcp_ca_event, CA_EVENT_LOSS))
		time_out(tp, state_of(tp));
}

SEC("struct_ops/iroko_set_state")
void BPF_PROG(iroko_set_state, struct sock *sk, u8 state)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct iroko *ca = state_of(tp);
	u8 was = ca_state(tp);
	const struct iroko_policy *p;
	struct iroko_flow f;
	u32 number;

	if (!is_initialized(tp))
		return;
	take_reduced(tp, ca);
	p = policy_of(tp, &number);
	f = ca->flow;
	if (state == TCP_CA_Recovery) {
		if (was == TCP_CA_Recovery)
			return;
		ca->loss_cwnd = tp->snd_cwnd;
		tp->snd_ssthresh = iroko_lose(&f, p);
		ca->flow = f;
		if (!ca->in_ack)	/* a timer has found the loss: no ACK makes the first step */
			reduce(tp, ca, 1, true);
		return;
	}
	if (state == TCP_CA_Loss) {
		iroko_adopt(&f, tp->snd_cwnd, f.dctcp.ssthresh);
		tp->snd_ssthresh = f.dctcp.ssthresh;
	} else if (was == TCP_CA_Loss || ca->undone) {
		take_all(tp, ca, &f);
	} else if (was >= TCP_CA_CWR && state < TCP_CA_CWR) {
		/* As tcp_end_cwnd_reduction(): an undone recovery keeps its window. */
		if (was == TCP_CA_CWR || tp->undo_marker)
			f.dctcp.cwnd = f.dctcp.ssthresh;
		tp->snd_ssthresh = f.dctcp.ssthresh;
		set_window(tp, &f, p);
	}
	ca->flow = f;
}

SEC("struct_ops/iroko_undo_cwnd")
u32 BPF_PROG(iroko_undo_cwnd, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	struct iroko *ca = state_of(tp);
	u32 cwnd = tp->snd_cwnd;

	ca->undone = 1;
	return cwnd > ca->loss_cwnd ? cwnd : ca->loss_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops iroko = {
	.init		= (void *)iroko_init,
	.in_ack_event	= (void *)iroko_in_ack_event,
	.cong_control	= (void *)iroko_control,
	.cwnd_event	= (void *)iroko_cwnd_event,
	.ssthresh	= (void *)iroko_ssthresh,
	.set_state	= (void *)iroko_set_state,
	.undo_cwnd	= (void *)iroko_undo_cwnd,
	.flags		= TCP_CONG_NEEDS_ECN,
	.name		= "iroko",
};
