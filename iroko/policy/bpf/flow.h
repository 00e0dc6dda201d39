/* SPDX-License-Identifier: GPL-2.0 */
/* A flow's state, in icsk_ca_priv, and what the functions here ask of it and of its policy. */
#ifndef IROKO_FLOW_H
#define IROKO_FLOW_H

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

#endif
