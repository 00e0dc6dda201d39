/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The calls of tests/policy/states.py on every row, by the header: policy and rows in, outputs out. */
#include <stdint.h>

typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;

#include "policy.h"

#define STATE	15
#define INPUTS	(STATE + 7)
#define OUTPUTS	(IROKO_FEATURES + 1 + 6 * STATE + 1)

static void load(struct iroko_flow *f, const s64 *w)
{
	f->window = (u64)w[0];
	f->gain = (u32)w[1];
	f->action = (s32)w[2];
	f->alpha = (u32)w[3];
	f->rtt_us = (u32)w[4];
	f->prior_rtt_us = (u32)w[5];
	f->delivered = (u32)w[6];
	f->marked = (u32)w[7];
	f->lost = (u32)w[8];
	f->congested = (u32)w[9];
	f->dctcp.cwnd = (u32)w[10];
	f->dctcp.cwnd_cnt = (u32)w[11];
	f->dctcp.ssthresh = (u32)w[12];
	f->dctcp.prior_cwnd = (u32)w[13];
	f->dctcp.prr_delivered = (u32)w[14];
}

static void store(const struct iroko_flow *f, s64 *w)
{
	w[0] = (s64)f->window;
	w[1] = f->gain;
	w[2] = f->action;
	w[3] = f->alpha;
	w[4] = f->rtt_us;
	w[5] = f->prior_rtt_us;
	w[6] = f->delivered;
	w[7] = f->marked;
	w[8] = f->lost;
	w[9] = f->congested;
	w[10] = f->dctcp.cwnd;
	w[11] = f->dctcp.cwnd_cnt;
	w[12] = f->dctcp.ssthresh;
	w[13] = f->dctcp.prior_cwnd;
	w[14] = f->dctcp.prr_delivered;
}

u32 policy_bytes(void)
{
	return sizeof(struct iroko_policy);
}

void run_rows(const struct iroko_policy *p, const s64 *rows, s64 count, s64 *out)
{
	s32 x[IROKO_FEATURES];
	struct iroko_flow f;
	s64 n;
	int call, i;

	for (n = 0; n < count; n++, rows += INPUTS, out += OUTPUTS) {
		u32 delivered = (u32)rows[STATE], marked = (u32)rows[STATE + 1];
		u32 lost = (u32)rows[STATE + 2], min_rtt = (u32)rows[STATE + 3];
		u32 acked = (u32)rows[STATE + 4], cwnd = (u32)rows[STATE + 5];
		u32 ssthresh = (u32)rows[STATE + 6];

		for (call = 0; call < 6; call++) {
			load(&f, rows);
			switch (call) {
			case 0:
				iroko_end_round(&f, delivered, marked);
				iroko_act(&f, p, delivered, marked, lost, min_rtt, x);
				for (i = 0; i < IROKO_FEATURES; i++)
					out[i] = x[i];
				out[IROKO_FEATURES] = (s64)iroko_bound(p, f.window, f.dctcp.cwnd);
				iroko_new_round(&f, delivered, marked, lost);
				break;
			case 1:
				iroko_grow(&f, acked, marked);
				iroko_dctcp_grow(&f.dctcp, acked);
				iroko_note_rtt(&f, min_rtt);
				break;
			case 2:
				iroko_dctcp_reduce(&f.dctcp, f.alpha);
				iroko_dctcp_deliver(&f.dctcp, acked);
				break;
			case 3:
				out[OUTPUTS - 1] = iroko_lose(&f, p);
				iroko_dctcp_deliver(&f.dctcp, acked);
				break;
			case 4:
				iroko_adopt(&f, cwnd, ssthresh);
				iroko_dctcp_grow(&f.dctcp, acked);
				break;
			default:
				iroko_begin(&f, p, cwnd, delivered, marked, lost);
			}
			store(&f, out + IROKO_FEATURES + 1 + call * STATE);
		}
	}
}

#ifdef IROKO_TIME_DECISIONS
/* Decides `count` times over the rows; returns a sum, so that nothing is optimised away. */
s64 decide_rows(const struct iroko_policy *p, const s64 *rows, s64 num_rows, s64 count)
{
	s32 x[IROKO_FEATURES];
	struct iroko_flow f;
	s64 sum = 0, n;

	for (n = 0; n < count; n++) {
		const s64 *row = rows + n % num_rows * INPUTS;

		load(&f, row);
		iroko_act(&f, p, (u32)row[STATE], (u32)row[STATE + 1], (u32)row[STATE + 2],
			  (u32)row[STATE + 3], x);
		sum += f.action + (s64)f.window;
	}
	return sum;
}
#endif
