/* SPDX-License-Identifier: GPL-2.0 */
/* What Linux's TCP does for its own controls, and BPF cannot call. */
#ifndef IROKO_LINUX_TCP_H
#define IROKO_LINUX_TCP_H

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

#endif
