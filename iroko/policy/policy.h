/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The learned control of one TCP flow, in integers only.
 *
 * Once per round trip: ten features -> network 10-10-1 with a skip connection -> action a; the
 * window becomes window * 2^a + step. Rules and a guard bound it: beside the policy runs the
 * window of DCTCP (RFC 8257), and the policy's window stays within a factor of it.
 *
 * This text compiles in the kernel, as BPF and in user space. twin.py and reference.py hold the
 * same arithmetic and must agree bit for bit. No floating point, no loop without a constant
 * bound, no signed division, no division by zero. Right shifts of negative numbers must be
 * arithmetic, as with gcc, clang and BPF.
 *
 * Include after u32, s32, u64 and s64 are defined. Windows are in segments: Q16 where a name says
 * window, whole where a name says cwnd, as in Linux.
 */
#ifndef IROKO_POLICY_H
#define IROKO_POLICY_H

#define IROKO_MAGIC		0x306b7249u	/* "Irk0" */
#define IROKO_VERSION		1u
#define IROKO_FEATURES		10
#define IROKO_HIDDEN		10
#define IROKO_ONE		65536		/* features, actions, windows: Q16 */
#define IROKO_MAX_ACTIVATION	(1 << 24)
#define IROKO_MAX_ALPHA		1024u		/* Q10, as in tcp_dctcp.c */
#define IROKO_ALPHA_SHIFT	4		/* RFC 8257, section 3.3: g = 1/16 */
#define IROKO_MIN_CWND		2u
#define IROKO_MAX_CWND		(1u << 20)
#define IROKO_MAX_WAIT_US	(1u << 24)
#define IROKO_INFINITE_SSTHRESH	0x7fffffffu	/* as TCP_INFINITE_SSTHRESH */

#ifndef IROKO_INLINE
#define IROKO_INLINE static inline
#endif

/* A policy: 136 words of 32 bits. Weights and biases are Q10. */
struct iroko_policy {
	u32 magic;
	u32 version;
	u32 guard;			/* factor g, Q10, 1024 or more */
	u32 first_window;		/* segments, Q10, at most 10 */
	u32 step;			/* segments a round, Q10 */
	s32 hidden_bias[IROKO_HIDDEN];
	s32 hidden[IROKO_HIDDEN][IROKO_FEATURES];
	s32 output[IROKO_HIDDEN];
	s32 skip[IROKO_FEATURES];	/* from the features to the output */
	s32 output_bias;
};

/* What a sender knows of the round that ended. */
struct iroko_round {
	u64 window;			/* Q16 */
	u32 delivered;			/* segments */
	u32 marked;			/* of these, with an ECN echo */
	u32 lost;			/* segments */
	u32 rtt_us;			/* least of the round; 0: none */
	u32 prior_rtt_us;		/* least of the round before; 0: none */
	u32 min_rtt_us;			/* least ever to this destination, of all flows; 0: none */
	u32 alpha;			/* DCTCP's, Q10, this round included */
	s32 action;			/* of the round before, Q16 */
	u32 congested;			/* 1 once a segment was marked or lost, this round included */
};

/* DCTCP's window, which the guard follows. */
struct iroko_dctcp {
	u32 cwnd;
	u32 cwnd_cnt;
	u32 ssthresh;
	u32 prior_cwnd;			/* when the reduction began */
	u32 prr_delivered;		/* segments since then */
};

/* One flow: 68 bytes. */
struct iroko_flow {
	u64 window;			/* Q16 */
	u32 gain;			/* growth per delivered segment, Q16 */
	s32 action;			/* Q16 */
	u32 alpha;			/* Q10 */
	u32 rtt_us;			/* least of this round; 0: none */
	u32 prior_rtt_us;
	u32 delivered;			/* totals when this round began */
	u32 marked;
	u32 lost;
	u32 congested;
	struct iroko_dctcp dctcp;
};

IROKO_INLINE s32 iroko_clamp(s64 x, s32 least, s32 most)
{
	return x < least ? least : x > most ? most : (s32)x;
}

/* log2(x) in Q16; log2(0) = 0. The error is below 0.01. */
IROKO_INLINE u32 iroko_log2(u64 x)
{
	u32 whole = 63, part;

	if (!x)
		return 0;
	if (!(x >> 32)) { whole -= 32; x <<= 32; }
	if (!(x >> 48)) { whole -= 16; x <<= 16; }
	if (!(x >> 56)) { whole -= 8; x <<= 8; }
	if (!(x >> 60)) { whole -= 4; x <<= 4; }
	if (!(x >> 62)) { whole -= 2; x <<= 2; }
	if (!(x >> 63)) { whole -= 1; x <<= 1; }
	part = (u32)(x >> 47) & 0xffff;		/* the 16 bits below the leading one */
	return (whole << 16) + part +
	       (u32)((((u64)part * (65536 - part)) >> 16) * 22656 >> 16);
}

/* 2^a in Q16 for -1 <= a <= 1 in Q16. The relative error is below 2e-4. */
IROKO_INLINE u32 iroko_exp2(s32 a)
{
	u32 f = (u32)a & 0xffff, e;

	e = 14823 + ((5130 * f) >> 16);
	e = 45583 + (u32)(((u64)e * f) >> 16);
	e = IROKO_ONE + (u32)(((u64)e * f) >> 16);
	return a >= IROKO_ONE ? 2 * IROKO_ONE : a < 0 ? e >> 1 : e;
}

/* DCTCP's average of the marked share, RFC 8257, section 3.3, as tcp_dctcp.c rounds it. */
IROKO_INLINE u32 iroko_alpha(u32 alpha, u32 delivered, u32 marked)
{
	u32 less = alpha >> IROKO_ALPHA_SHIFT;

	alpha -= less ? less : alpha;
	if (marked) {
		alpha += (u32)(((u64)marked << (10 - IROKO_ALPHA_SHIFT)) /
			       (delivered ? delivered : 1));
		if (alpha > IROKO_MAX_ALPHA)
			alpha = IROKO_MAX_ALPHA;
	}
	return alpha;
}

/* Time spent in queues: the round's least round-trip time less the destination's, at most 16 s. */
IROKO_INLINE u32 iroko_wait_us(const struct iroko_round *r)
{
	u32 wait = 0;

	if (r->min_rtt_us && r->rtt_us > r->min_rtt_us)
		wait = r->rtt_us - r->min_rtt_us;
	return wait < IROKO_MAX_WAIT_US ? wait : IROKO_MAX_WAIT_US;
}

/* Whether nothing is in the way: no mark, no loss, and a queueing delay of at most 1/16. */
IROKO_INLINE int iroko_idle(const struct iroko_round *r)
{
	return !r->marked && !r->lost && (u64)iroko_wait_us(r) * 16 <= r->min_rtt_us;
}

/*
 * The features, Q16:
 *   0 share of segments marked                          [0, 1]
 *   1 DCTCP's alpha                                     [0, 1]
 *   2 log2(1 + wait / min_rtt) / 4                      [0, 2.5]
 *   3 log2(1 + wait in us) / 16                         [0, 1.5]
 *   4 log2(window in segments) / 8                      [0, 2.5]
 *   5 whether a segment was lost                        0 or 1
 *   6 last action                                       [-1, 1]
 *   7 log2(1 + own segments queued) / 4                 [0, 5]
 *   8 whether the flow was ever marked or lost anything 0 or 1
 *   9 change of the round-trip time / round-trip time   [-1, 1]
 */
IROKO_INLINE void iroko_features(const struct iroko_round *r, s32 *x)
{
	u32 wait = iroko_wait_us(r), least = r->min_rtt_us ? r->min_rtt_us : 1, change;
	u32 marked = r->marked < r->delivered ? r->marked : r->delivered;
	u64 relative = ((u64)wait << 16) / least;
	u64 queued = r->window * wait / ((u64)least + wait);

	if (relative > (u64)1024 << 16)
		relative = (u64)1024 << 16;
	x[0] = r->delivered ? (s32)(((u64)marked << 16) / r->delivered) : 0;
	x[1] = (s32)(r->alpha << 6);
	x[2] = (s32)((iroko_log2(IROKO_ONE + relative) - (16 << 16)) >> 2);
	x[3] = (s32)(iroko_log2((u64)wait + 1) >> 4);
	x[4] = r->window > IROKO_ONE ? (s32)((iroko_log2(r->window) - (16 << 16)) >> 3) : 0;
	x[5] = r->lost ? IROKO_ONE : 0;
	x[6] = r->action;
	x[7] = (s32)((iroko_log2(IROKO_ONE + queued) - (16 << 16)) >> 2);
	x[8] = r->congested ? IROKO_ONE : 0;
	x[9] = 0;
	if (r->rtt_us && r->prior_rtt_us) {
		change = r->rtt_us > r->prior_rtt_us ? r->rtt_us - r->prior_rtt_us
						     : r->prior_rtt_us - r->rtt_us;
		change = change < r->rtt_us ? (u32)(((u64)change << 16) / r->rtt_us) : IROKO_ONE;
		x[9] = r->rtt_us > r->prior_rtt_us ? (s32)change : -(s32)change;
	}
}

/* The network: action in Q16, -1 <= a <= 1. */
IROKO_INLINE s32 iroko_network(const struct iroko_policy *p, const s32 *x)
{
	s64 out = (s64)p->output_bias * IROKO_ONE, sum;
	int i, j;

	for (j = 0; j < IROKO_HIDDEN; j++) {
		sum = (s64)p->hidden_bias[j] * IROKO_ONE;
		for (i = 0; i < IROKO_FEATURES; i++)
			sum += (s64)p->hidden[j][i] * x[i];
		out += (s64)p->output[j] * iroko_clamp(sum >> 10, 0, IROKO_MAX_ACTIVATION);
	}
	for (i = 0; i < IROKO_FEATURES; i++)
		out += (s64)p->skip[i] * x[i];
	return iroko_clamp(out >> 10, -IROKO_ONE, IROKO_ONE);
}

/* The action under the rules: an idle path never shrinks a window. */
IROKO_INLINE s32 iroko_decide(const struct iroko_policy *p, const struct iroko_round *r, s32 *x)
{
	s32 a;

	iroko_features(r, x);
	a = iroko_network(p, x);
	return a < 0 && iroko_idle(r) ? 0 : a;
}

/* A window within the guard's bounds around DCTCP's, in Q16. */
IROKO_INLINE u64 iroko_bound(const struct iroko_policy *p, u64 window, u32 cwnd)
{
	u32 guard = p->guard > 1024 ? p->guard : 1024;
	u64 most = ((u64)cwnd << 16) * guard >> 10, least = ((u64)cwnd << 26) / guard;

	if (window < (u64)IROKO_MIN_CWND << 16)
		window = (u64)IROKO_MIN_CWND << 16;
	if (window > (u64)IROKO_MAX_CWND << 16)
		window = (u64)IROKO_MAX_CWND << 16;
	return window > most ? most : window < least ? least : window;
}

/* DCTCP's window grows as Reno's does: tcp_slow_start, then tcp_cong_avoid_ai. */
IROKO_INLINE void iroko_dctcp_grow(struct iroko_dctcp *d, u32 acked)
{
	u32 room;

	if (d->cwnd < d->ssthresh) {
		room = d->ssthresh - d->cwnd;
		room = acked < room ? acked : room;
		d->cwnd += room;
		acked -= room;
	}
	if (acked && d->cwnd) {
		if (d->cwnd_cnt >= d->cwnd) {
			d->cwnd_cnt = 0;
			d->cwnd_cnt += acked;
			room = d->cwnd;
			d->cwnd++;
		} else {
			d->cwnd_cnt += acked;
			room = d->cwnd;
		}
		if (d->cwnd_cnt >= room) {
			d->cwnd += d->cwnd_cnt / room;
			d->cwnd_cnt %= room;
		}
	}
	if (d->cwnd > IROKO_MAX_CWND)
		d->cwnd = IROKO_MAX_CWND;
}

/* A mark or loss: begin a reduction by alpha / 2, RFC 8257, section 3.3. */
IROKO_INLINE void iroko_dctcp_reduce(struct iroko_dctcp *d, u32 alpha)
{
	u32 cwnd = d->cwnd - (u32)((u64)d->cwnd * alpha >> 11);

	d->prior_cwnd = d->cwnd;
	d->prr_delivered = 0;
	d->cwnd_cnt = 0;
	d->ssthresh = cwnd > IROKO_MIN_CWND ? cwnd : IROKO_MIN_CWND;
}

/*
 * The reduction proceeds with what is delivered, as proportional rate reduction does with a full
 * window (RFC 6937).
 */
IROKO_INLINE void iroko_dctcp_deliver(struct iroko_dctcp *d, u32 delivered)
{
	u64 kept;

	d->prr_delivered += delivered;
	if (d->prr_delivered >= d->prior_cwnd || d->ssthresh >= d->prior_cwnd) {
		d->cwnd = d->ssthresh;
		return;
	}
	kept = ((u64)d->ssthresh * d->prr_delivered + d->prior_cwnd - 1) / d->prior_cwnd;
	d->cwnd = d->prior_cwnd - d->prr_delivered + (u32)kept;
}

/* Recovery from a loss, or a timeout: half the window. */
IROKO_INLINE void iroko_dctcp_lose(struct iroko_dctcp *d)
{
	d->ssthresh = d->cwnd >> 1 > IROKO_MIN_CWND ? d->cwnd >> 1 : IROKO_MIN_CWND;
	d->cwnd_cnt = 0;
}

IROKO_INLINE void iroko_new_round(struct iroko_flow *f, u32 delivered, u32 marked, u32 lost)
{
	f->delivered = delivered;
	f->marked = marked;
	f->lost = lost;
	f->prior_rtt_us = f->rtt_us;
	f->rtt_us = 0;
}

/* The connection is open. The initial window is at most TCP's. */
IROKO_INLINE void iroko_begin(struct iroko_flow *f, const struct iroko_policy *p, u32 cwnd,
			      u32 delivered, u32 marked, u32 lost)
{
	u64 first = (u64)p->first_window << 6;

	f->dctcp.cwnd = cwnd;
	f->dctcp.cwnd_cnt = 0;
	f->dctcp.ssthresh = IROKO_INFINITE_SSTHRESH;
	f->dctcp.prior_cwnd = cwnd;
	f->dctcp.prr_delivered = 0;
	f->window = iroko_bound(p, first, cwnd);
	if (f->window > (u64)cwnd << 16)
		f->window = (u64)cwnd << 16;
	f->gain = IROKO_ONE;
	f->action = IROKO_ONE;
	f->alpha = IROKO_MAX_ALPHA;
	f->congested = 0;
	f->rtt_us = 0;
	iroko_new_round(f, delivered, marked, lost);
}

/* A round-trip time was measured. */
IROKO_INLINE void iroko_note_rtt(struct iroko_flow *f, u32 rtt_us)
{
	rtt_us = rtt_us ? rtt_us : 1;
	if (!f->rtt_us || rtt_us < f->rtt_us)
		f->rtt_us = rtt_us;
}

/* The round ends: take it into alpha. Totals as of now. */
IROKO_INLINE void iroko_end_round(struct iroko_flow *f, u32 delivered, u32 marked)
{
	f->alpha = iroko_alpha(f->alpha, delivered - f->delivered, marked - f->marked);
}

/* Segments were delivered: grow. A mark in the round ends growth. */
IROKO_INLINE void iroko_grow(struct iroko_flow *f, u32 delivered, u32 marked)
{
	if (marked != f->marked)
		f->gain = 0;
	if (delivered > 65535)
		delivered = 65535;
	f->window += (u64)f->gain * delivered;
}

/*
 * The round has ended: decide. A fall is taken at once; a rise is spread over what the next round
 * delivers, and at most doubles the window. A round with a mark or loss never raises the window.
 */
IROKO_INLINE void iroko_act(struct iroko_flow *f, const struct iroko_policy *p, u32 delivered,
			    u32 marked, u32 lost, u32 min_rtt_us, s32 *x)
{
	struct iroko_round r;
	u64 target, gain;

	r.delivered = delivered - f->delivered;
	r.marked = marked - f->marked;
	r.lost = lost - f->lost;
	if (r.marked || r.lost)
		f->congested = 1;
	r.window = f->window;
	r.rtt_us = f->rtt_us;
	r.prior_rtt_us = f->prior_rtt_us;
	r.min_rtt_us = min_rtt_us;
	r.alpha = f->alpha;
	r.action = f->action;
	r.congested = f->congested;
	f->action = iroko_decide(p, &r, x);
	target = (f->window * iroko_exp2(f->action) >> 16) + ((u64)p->step << 6);
	if ((r.marked || r.lost) && target > f->window)
		target = f->window;
	f->gain = 0;
	if (target > f->window && f->window) {
		gain = ((target - f->window) << 16) / f->window;
		f->gain = gain < IROKO_ONE ? (u32)gain : IROKO_ONE;
	} else {
		f->window = target;
	}
}

/* Recovery from a loss begins: both windows halve. Returns the threshold for the policy's. */
IROKO_INLINE u32 iroko_lose(struct iroko_flow *f, const struct iroko_policy *p)
{
	iroko_dctcp_lose(&f->dctcp);
	f->window = iroko_bound(p, f->window >> 1, f->dctcp.ssthresh);
	f->gain = 0;
	f->action = -IROKO_ONE;
	f->congested = 1;
	return (u32)(f->window >> 16);
}

/* TCP itself has set the window: a timeout, or the undoing of one. */
IROKO_INLINE void iroko_adopt(struct iroko_flow *f, u32 cwnd, u32 ssthresh)
{
	f->dctcp.cwnd = cwnd;
	f->dctcp.ssthresh = ssthresh;
	f->window = (u64)cwnd << 16;
	f->gain = 0;
}

#endif
