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
#define IROKO_CALLED __noinline
#include "policy.h"
#include "shared.h"

#define IROKO_PERIOD_US 300000000ULL	/* of least round-trip times, as net.ipv4.tcp_min_rtt_wlen */

char _license[] SEC("license") = "GPL";

#ifdef IROKO_WEIGHTS	/* an exported policy, which needs no map */
#include "weights.h"
#else
/* Not constant, so that the verifier does not follow its numbers. */
struct iroko_policy iroko_none SEC(".data") = { .guard = 1024, .first_window = 10 << 10 };
#endif

struct iroko {
	struct iroko_flow flow;
	u32 next_seq;			/* ends the round */
	u32 una;			/* at the last ACK */
	u32 loss_cwnd;
	u32 prior_rcv_nxt;		/* the receiver's, as in tcp_dctcp.c */
	u32 prr_delivered;
	u8 ce_state;
	u8 in_ack;			/* between in_ack_event and cong_control */
	u8 advanced;			/* the ACK acknowledges new data */
	u8 round_over;
	u8 undone;			/* TCP has undone a reduction */
};
_Static_assert(sizeof(struct iroko) <= 104, "icsk_ca_priv has 104 bytes");

static __always_inline struct iroko *state_of(struct tcp_sock *tp)
{
	return (struct iroko *)tp->inet_conn.icsk_ca_priv;
}

static __always_inline struct sock *sock_of(struct tcp_sock *tp)
{
	return &tp->inet_conn.icsk_inet.sk;
}

static __always_inline u8 ca_state(struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
}

static __always_inline bool is_initialized(struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_initialized);
}

static __always_inline bool in_reduction(struct tcp_sock *tp)
{
	u8 state = ca_state(tp);

	return state == TCP_CA_CWR || state == TCP_CA_Recovery;
}

static __always_inline struct iroko_counts *counts_of(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&iroko_counts, &zero);
}

static __always_inline const struct iroko_policy *policy_of(struct tcp_sock *tp, u32 *number)
{
	const struct iroko_policy *p;

	*number = tp->inet_conn.icsk_inet.sk.sk_mark;
	p = bpf_map_lookup_elem(&iroko_policies, number);
	if (!p && *number) {
		*number = 0;
		p = bpf_map_lookup_elem(&iroko_policies, number);
	}
	return p ? p : &iroko_none;
}

/* Whether the guard leaves no choice: the window is DCTCP's. */
static __always_inline bool is_pinned(const struct iroko_policy *p)
{
	return p->guard <= 1024;
}

static __always_inline void set_window(struct tcp_sock *tp, struct iroko_flow *f,
				       const struct iroko_policy *p)
{
	u32 cwnd, clamp = tp->snd_cwnd_clamp;

	f->window = iroko_bound(p, f->window, f->dctcp.cwnd);
	cwnd = (u32)(f->window >> 16);
	tp->snd_cwnd = cwnd < clamp ? cwnd : clamp;
}

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

/* Where TCP's reduction led the window, DCTCP's window follows it. */
static __always_inline void take_reduced(struct tcp_sock *tp, struct iroko *ca)
{
	u32 number;

	if (in_reduction(tp) && is_pinned(policy_of(tp, &number)))
		ca->flow.dctcp.cwnd = tp->snd_cwnd;
}

/* TCP has set window and threshold itself. */
static __always_inline void take_all(struct tcp_sock *tp, struct iroko *ca, struct iroko_flow *f)
{
	iroko_adopt(f, tp->snd_cwnd, tp->snd_ssthresh);
	ca->undone = 0;
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

/* As tcp_cwnd_reduction(): proportional rate reduction, RFC 6937. */
static __always_inline void reduce(struct tcp_sock *tp, struct iroko *ca, u32 delivered, bool lost)
{
	u32 flight = tp->packets_out - (tp->sacked_out + tp->lost_out) + tp->retrans_out;
	u32 sent = tp->prr_out, prior = tp->prior_cwnd;
	s32 room = (s32)(tp->snd_ssthresh - flight), send;

	if (!delivered || !prior)
		return;
	ca->prr_delivered += delivered;
	if (room < 0) {
		send = (s32)(((u64)tp->snd_ssthresh * ca->prr_delivered + prior - 1) / prior - sent);
	} else {
		send = (s32)(ca->prr_delivered - sent);
		if (send < (s32)delivered)
			send = (s32)delivered;
		if (ca->advanced && !lost)
			send++;
		if (send > room)
			send = room;
	}
	if (send < 0)
		send = 0;
	if (!sent && !send)
		send = 1;
	flight += (u32)send;
	tp->snd_cwnd = flight ? flight : 1;
}

/* As tcp_update_pacing_rate(), which the kernel does not call for a control that owns the window. */
static __always_inline void update_pacing_rate(struct tcp_sock *tp)
{
	struct net *net = sock_of(tp)->__sk_common.skc_net.net;
	u64 rate = (u64)tp->mss_cache * 80000, most = sock_of(tp)->sk_max_pacing_rate;
	u32 cwnd = tp->snd_cwnd, out = tp->packets_out, srtt_us = tp->srtt_us;

	rate *= (u32)(cwnd < tp->snd_ssthresh / 2 ? net->ipv4.sysctl_tcp_pacing_ss_ratio
						  : net->ipv4.sysctl_tcp_pacing_ca_ratio);
	rate *= cwnd > out ? cwnd : out;
	if (srtt_us)
		rate /= srtt_us;
	tp->inet_conn.icsk_inet.sk.sk_pacing_rate = rate < most ? rate : most;
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

/* A mark, a loss or a timeout; of a timeout CA_EVENT_LOSS tells after this. */
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

static __always_inline void echo(struct tcp_sock *tp, u8 ce_state)
{
	if (ce_state)
		tp->ecn_flags |= TCP_ECN_DEMAND_CWR;
	else
		tp->ecn_flags &= ~TCP_ECN_DEMAND_CWR;
}

/* The receiver's part, as dctcp_ece_ack_update(): RFC 8257, section 3.2. */
static __always_inline void note_ce(struct tcp_sock *tp, struct iroko *ca, u8 ce_state)
{
	if (ca->ce_state != ce_state) {
		if (tp->inet_conn.icsk_ack.pending & ICSK_ACK_TIMER) {
			echo(tp, ca->ce_state);
			bpf_tcp_send_ack(tp, ca->prior_rcv_nxt);
		}
		tp->inet_conn.icsk_ack.pending |= ICSK_ACK_NOW;
	}
	ca->prior_rcv_nxt = tp->rcv_nxt;
	ca->ce_state = ce_state;
	echo(tp, ce_state);
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

/* A row for each flow: bpf_iter_create() gives a file, and reading it runs this. */
SEC("iter/bpf_sk_storage_map")
int iroko_list(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct iroko_view *view = ctx->value;
	struct sock *sk = ctx->sk;
	struct iroko_row row = {};
	int i;

	if (!sk || !view)
		return 0;
	row.family = sk->__sk_common.skc_family;
	row.state = sk->__sk_common.skc_state;
	row.source_port = sk->__sk_common.skc_num;
	row.destination_port = __builtin_bswap16(sk->__sk_common.skc_dport);
	row.net_cookie = sk->__sk_common.skc_net.net->net_cookie;
	if (row.family == AF_INET6) {
		for (i = 0; i < 4; i++) {
			row.source[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			row.destination[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		row.source[0] = sk->__sk_common.skc_rcv_saddr;
		row.destination[0] = sk->__sk_common.skc_daddr;
	}
	row.view = *view;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}
