/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Calls tcp_iroko.c as TCP would, for tests/policy/test_kernel_control.py: rows of events in, the flow's state after each out. */
#include "tcp_iroko.c"

enum { ACK, CONTROL, REDUCE, TIMEOUT, STATE, SET_WINDOW };

static struct iroko_policy policy;
static struct iroko_pair pair;
static s64 reduced;

const struct iroko_policy *iroko_policy_of(const struct sock *sk)
{
	return &policy;
}

struct iroko_pair *iroko_pair_of(const struct sock *sk)
{
	return &pair;
}

void iroko_log(const struct sock *sk, const struct iroko_flow *prior,
	       const struct iroko_flow *after, u32 min_rtt_us, const s32 *features)
{
}

void tcp_cwnd_reduction(struct sock *sk, int acked, int lost, int flag)
{
	reduced = 1;
}

static void store(const struct sock *sk, s64 *out)
{
	const struct iroko_flow *f = &((const struct iroko *)sk->priv)->flow;
	const struct iroko_dctcp *d = &f->dctcp;
	const s64 words[] = {
		sk->snd_cwnd, sk->snd_ssthresh, sk->prr_delivered, reduced, (s64)f->window, f->gain,
		f->action, f->alpha, f->congested, d->cwnd, d->cwnd_cnt, d->ssthresh, d->prior_cwnd,
		d->prr_delivered, pair.min_rtt_us,
	};

	memcpy(out, words, sizeof(words));
}

void drive(const struct iroko_policy *p, const s64 *rows, s64 count, s64 *out)
{
	struct sock sk = {
		.sk_state = TCP_ESTABLISHED, .net.ipv4.sysctl_tcp_reordering = 3, .reordering = 3,
		.snd_cwnd = 10, .snd_ssthresh = IROKO_INFINITE_SSTHRESH, .snd_cwnd_clamp = ~0U,
		.ecn_flags = TCP_ECN_OK, .undo_marker = 1, .icsk_ca_ops = &iroko_ops,
	};
	struct rate_sample rs = { 0 };

	policy = *p;
	memset(&pair, 0, sizeof(pair));
	iroko_ops.init(&sk);
	sk.icsk_ca_initialized = 1;
	for (; count--; rows += 9, out += 15) {
		const s64 *r = rows + 1;

		reduced = 0;
		switch (rows[0]) {
		case ACK:
			sk.snd_una = r[0], sk.snd_nxt = r[1], sk.delivered = r[2], sk.delivered_ce = r[3];
			sk.is_cwnd_limited = r[4], sk.max_packets_out = r[5];
			iroko_ops.in_ack_event(&sk, 0);
			break;
		case CONTROL:
			sk.lost = r[0], rs.acked_sacked = r[1], rs.rtt_us = r[2];
			iroko_ops.cong_control(&sk, 0, 0, &rs);
			break;
		case REDUCE:
			sk.prr_delivered = 0;
			sk.snd_ssthresh = iroko_ops.ssthresh(&sk);
			break;
		case TIMEOUT:
			sk.snd_ssthresh = iroko_ops.ssthresh(&sk);
			iroko_ops.cwnd_event(&sk, CA_EVENT_LOSS);
			break;
		case STATE:
			iroko_ops.set_state(&sk, r[0]);
			sk.icsk_ca_state = r[0];
			break;
		default:
			sk.snd_cwnd = r[0];
		}
		store(&sk, out);
	}
}
