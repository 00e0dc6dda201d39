// SPDX-License-Identifier: GPL-2.0
/*
 * TCP "iroko": a learned policy sets the window once per round trip, within
 * the bounds of a guard around DCTCP's window.
 *
 * Its arithmetic is iroko_policy.h, a copy of iroko/policy/policy.h. This file
 * is the twin of iroko/engines/sim/transports/iroko.py: both make the same
 * calls at the same places. A socket without a policy is DCTCP.
 */
#include <linux/module.h>
#include <net/tcp.h>
#include "tcp_dctcp.h"
#include "tcp_iroko.h"

struct iroko {
	struct iroko_flow flow;
	struct iroko_pair *pair;	/* NULL: no memory */
	u32 next_seq;			/* ends the round */
	u32 una;			/* at the last ACK */
	u32 loss_cwnd;
	u32 prior_rcv_nxt;		/* the receiver's, as in tcp_dctcp.c */
	u32 ce_state;
	u8 advanced;			/* the ACK acknowledges new data */
	u8 round_over;
	u8 undone;			/* TCP has undone a reduction */
};

static struct tcp_congestion_ops iroko_reno;

/* Whether the guard leaves no choice: the window is DCTCP's. */
static bool iroko_is_pinned(const struct sock *sk)
{
	return iroko_policy_of(sk)->guard <= 1024;
}

static void iroko_init(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);

	if (sk->sk_state == TCP_LISTEN || sk->sk_state == TCP_CLOSE)
		return;
	if (!(tp->ecn_flags & TCP_ECN_OK)) {	/* as tcp_dctcp.c */
		WRITE_ONCE(inet_csk(sk)->icsk_ca_ops, &iroko_reno);
		INET_ECN_dontxmit(sk);
		return;
	}
	memset(ca, 0, sizeof(*ca));
	iroko_begin(&ca->flow, iroko_policy_of(sk), tcp_snd_cwnd(tp),
		    tp->delivered, tp->delivered_ce, tp->lost);
	ca->flow.dctcp.ssthresh = tp->snd_ssthresh;
	tcp_snd_cwnd_set(tp, ca->flow.window >> 16);
	ca->pair = iroko_pair_of(sk);
	ca->next_seq = tp->snd_nxt;
	ca->una = tp->snd_una;
	ca->prior_rcv_nxt = tp->rcv_nxt;
}

/* Where TCP's reduction led the window, DCTCP's window follows it. */
static void iroko_take_reduced(struct sock *sk, struct iroko *ca)
{
	if (tcp_in_cwnd_reduction(sk) && iroko_is_pinned(sk))
		ca->flow.dctcp.cwnd = tcp_snd_cwnd(tcp_sk(sk));
}

/* TCP has set window and threshold itself. */
static void iroko_take_all(struct tcp_sock *tp, struct iroko *ca)
{
	iroko_adopt(&ca->flow, tcp_snd_cwnd(tp), tp->snd_ssthresh);
	ca->undone = 0;
}

/* Before TCP looks for losses. */
static void iroko_in_ack_event(struct sock *sk, u32 flags)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);
	struct iroko_flow *f = &ca->flow;

	if (!inet_csk(sk)->icsk_ca_initialized)
		return;
	ca->advanced = tp->snd_una != ca->una;
	ca->una = tp->snd_una;
	if (before(tp->snd_una, ca->next_seq))
		return;
	if (ca->round_over)		/* an ACK while nothing was in flight */
		f->alpha = iroko_alpha(f->alpha, 0, 0);
	else
		iroko_end_round(f, tp->delivered, tp->delivered_ce);
	ca->round_over = 1;
}

/* Move DCTCP's window as its own sender would. */
static void iroko_follow_dctcp(struct sock *sk, struct iroko *ca, u32 delivered, bool may_rise)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko_dctcp *d = &ca->flow.dctcp;

	if (tcp_in_cwnd_reduction(sk)) {
		iroko_dctcp_deliver(d, delivered);
		if (inet_csk(sk)->icsk_ca_state == TCP_CA_CWR)
			tp->prr_delivered += delivered;	/* recovery may go on from here */
	} else if (may_rise) {
		if (tp->is_cwnd_limited ||
		    (d->cwnd < d->ssthresh && d->cwnd < 2 * tp->max_packets_out))
			iroko_dctcp_grow(d, delivered);
	}
}

/*
 * Take the round's least round-trip time in; returns the least to this
 * destination. A round of one segment may be one of a short segment, which is
 * faster than a full one.
 */
static u32 iroko_learn_rtt(const struct tcp_sock *tp, struct iroko *ca)
{
	u32 rtt_us = ca->flow.rtt_us;

	if (!ca->pair)
		return 0;
	if (rtt_us && tp->delivered - ca->flow.delivered > 1 &&
	    (!ca->pair->min_rtt_us || rtt_us < ca->pair->min_rtt_us))
		ca->pair->min_rtt_us = rtt_us;
	return ca->pair->min_rtt_us;
}

static void iroko_set_window(struct sock *sk, struct iroko *ca)
{
	struct tcp_sock *tp = tcp_sk(sk);

	ca->flow.window = iroko_bound(iroko_policy_of(sk), ca->flow.window, ca->flow.dctcp.cwnd);
	tcp_snd_cwnd_set(tp, min_t(u32, ca->flow.window >> 16, tp->snd_cwnd_clamp));
}

static void iroko_steer(struct sock *sk, struct iroko *ca, u32 delivered, u32 min_rtt_us,
			bool may_rise)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct iroko_flow *f = &ca->flow;
	s32 features[IROKO_FEATURES];
	struct iroko_flow prior;
	bool fast = f->gain > IROKO_ONE / 2 && tcp_snd_cwnd(tp) < 2 * tp->max_packets_out;

	if (may_rise && (tp->is_cwnd_limited || fast))
		iroko_grow(f, delivered, tp->delivered_ce);
	if (!ca->round_over) {
		iroko_set_window(sk, ca);
		return;
	}
	prior = *f;
	iroko_act(f, iroko_policy_of(sk), tp->delivered, tp->delivered_ce, tp->lost,
		  min_rtt_us, features);
	iroko_set_window(sk, ca);
	iroko_log(sk, &prior, f, min_rtt_us, features);
}

/* The ACK is done with: set the window, or leave it to TCP's reduction. */
static void iroko_control(struct sock *sk, u32 ack, int flag, const struct rate_sample *rs)
{
	u8 state = inet_csk(sk)->icsk_ca_state;
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);
	u32 delivered = rs->acked_sacked, min_rtt_us = 0;
	bool reduced, may_rise;

	if (!inet_csk(sk)->icsk_ca_initialized) {	/* the ACK of a SYN */
		tcp_update_pacing_rate(sk);
		return;
	}
	if (ca->undone)
		iroko_take_all(tp, ca);
	reduced = state == TCP_CA_Recovery || (state == TCP_CA_CWR && iroko_is_pinned(sk));
	/* As tcp_may_raise_cwnd(). */
	may_rise = tp->reordering > READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_reordering) ?
		   delivered > 0 : ca->advanced;
	if (rs->rtt_us >= 0)
		iroko_note_rtt(&ca->flow, rs->rtt_us);
	if (ca->round_over)
		min_rtt_us = iroko_learn_rtt(tp, ca);
	if (state == TCP_CA_Recovery || !reduced)
		iroko_follow_dctcp(sk, ca, delivered, may_rise);
	if (state < TCP_CA_Recovery && !reduced) {
		iroko_steer(sk, ca, delivered, min_rtt_us, may_rise);
	} else if (state == TCP_CA_Loss) {
		ca->flow.window = (u64)ca->flow.dctcp.cwnd << 16;
		tcp_snd_cwnd_set(tp, min(ca->flow.dctcp.cwnd, tp->snd_cwnd_clamp));
	}
	if (ca->round_over) {
		ca->round_over = 0;
		ca->next_seq = tp->snd_nxt;
		iroko_new_round(&ca->flow, tp->delivered, tp->delivered_ce, tp->lost);
	}
	if (reduced)
		tcp_cwnd_reduction(sk, rs->acked_sacked, rs->losses, flag);
	tcp_update_pacing_rate(sk);
}

/* A mark, a loss or a timeout; after a timeout comes CA_EVENT_LOSS. */
static u32 iroko_ssthresh(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);

	ca->loss_cwnd = tcp_snd_cwnd(tp);
	if (!inet_csk(sk)->icsk_ca_initialized)
		return max(tcp_snd_cwnd(tp), 2U);
	iroko_take_reduced(sk, ca);
	iroko_dctcp_reduce(&ca->flow.dctcp, ca->flow.alpha);
	return ca->flow.dctcp.ssthresh;
}

static void iroko_cwnd_event(struct sock *sk, enum tcp_ca_event event)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);

	switch (event) {
	case CA_EVENT_ECN_IS_CE:
	case CA_EVENT_ECN_NO_CE:
		dctcp_ece_ack_update(sk, event, &ca->prior_rcv_nxt, &ca->ce_state);
		break;
	case CA_EVENT_LOSS:
		ca->loss_cwnd = tcp_snd_cwnd(tp);
		if (!inet_csk(sk)->icsk_ca_initialized) {
			tp->snd_ssthresh = max(tcp_snd_cwnd(tp) >> 1, 2U);
			break;
		}
		iroko_dctcp_lose(&ca->flow.dctcp);
		ca->flow.congested = 1;
		ca->flow.action = -IROKO_ONE;
		tp->snd_ssthresh = ca->flow.dctcp.ssthresh;
		break;
	default:
		break;
	}
}

static void iroko_set_state(struct sock *sk, u8 state)
{
	struct tcp_sock *tp = tcp_sk(sk);
	struct iroko *ca = inet_csk_ca(sk);
	u8 was = inet_csk(sk)->icsk_ca_state;

	if (!inet_csk(sk)->icsk_ca_initialized)
		return;
	iroko_take_reduced(sk, ca);
	if (state == TCP_CA_Recovery) {
		if (was != TCP_CA_Recovery) {
			ca->loss_cwnd = tcp_snd_cwnd(tp);
			tp->snd_ssthresh = iroko_lose(&ca->flow, iroko_policy_of(sk));
		}
	} else if (state == TCP_CA_Loss) {
		iroko_adopt(&ca->flow, tcp_snd_cwnd(tp), ca->flow.dctcp.ssthresh);
		tp->snd_ssthresh = ca->flow.dctcp.ssthresh;
	} else if (was == TCP_CA_Loss || ca->undone) {
		iroko_take_all(tp, ca);
	} else if (was >= TCP_CA_CWR && state < TCP_CA_CWR) {
		/* As tcp_end_cwnd_reduction(): an undone recovery keeps its window. */
		if (was == TCP_CA_CWR || tp->undo_marker)
			ca->flow.dctcp.cwnd = ca->flow.dctcp.ssthresh;
		tp->snd_ssthresh = ca->flow.dctcp.ssthresh;
		iroko_set_window(sk, ca);
	}
}

static u32 iroko_undo_cwnd(struct sock *sk)
{
	struct iroko *ca = inet_csk_ca(sk);

	ca->undone = 1;
	return max(tcp_snd_cwnd(tcp_sk(sk)), ca->loss_cwnd);
}

static struct tcp_congestion_ops iroko_ops __read_mostly = {
	.init		= iroko_init,
	.in_ack_event	= iroko_in_ack_event,
	.cong_control	= iroko_control,
	.cwnd_event	= iroko_cwnd_event,
	.ssthresh	= iroko_ssthresh,
	.set_state	= iroko_set_state,
	.undo_cwnd	= iroko_undo_cwnd,
	.flags		= TCP_CONG_NEEDS_ECN | TCP_CONG_NEEDS_PRR,
	.owner		= THIS_MODULE,
	.name		= "iroko",
};

static struct tcp_congestion_ops iroko_reno __read_mostly = {
	.ssthresh	= tcp_reno_ssthresh,
	.cong_avoid	= tcp_reno_cong_avoid,
	.undo_cwnd	= tcp_reno_undo_cwnd,
	.owner		= THIS_MODULE,
	.name		= "iroko-reno",
};

static int __init iroko_register(void)
{
	BUILD_BUG_ON(sizeof(struct iroko) > ICSK_CA_PRIV_SIZE);
	return tcp_register_congestion_control(&iroko_ops);
}
late_initcall(iroko_register);
