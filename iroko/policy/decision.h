/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A decision in a kernel's log. iroko/policy/log.py describes the members and reads them.
 *
 * Include after policy.h, where u16 is defined too.
 */
#ifndef IROKO_DECISION_H
#define IROKO_DECISION_H

struct iroko_decision {
	u64 number;
	u64 at_us;
	__be32 source, destination;
	u16 source_port, destination_port;
	u32 policy;
	struct iroko_flow before;
	u32 delivered, marked, lost;	/* totals of the flow */
	u32 min_rtt_us;
	s32 features[IROKO_FEATURES];
	s32 action;
	u32 gain;
	u64 window;			/* within the guard's bounds */
};

#endif
