/* SPDX-License-Identifier: GPL-2.0 */
/* What the program shares with user space: maps and their records. iroko/policy/bpf/records.py reads them. */
#ifndef IROKO_SHARED_H
#define IROKO_SHARED_H

#define IROKO_MAX_POLICIES	65536
#define IROKO_MAX_PATHS		65536
#define IROKO_LOG_BYTES		(1 << 22)

/* The policies by number; a socket's mark (SO_MARK) names one, and number 0 serves all others. A flow sees an old policy or the new one, whole. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, IROKO_MAX_POLICIES);
	__type(key, u32);
	__type(value, struct iroko_policy);
} iroko_policies SEC(".maps");

/* What was loaded, and by whom; `logging` is the one member that the program reads. */
struct iroko_card {
	u64 loaded_ns;			/* CLOCK_BOOTTIME */
	u32 pid;
	u32 logging;
	char name[128];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct iroko_card);
} iroko_card SEC(".maps");

struct iroko_counts {
	u64 opened;			/* flows */
	u64 fallbacks;			/* flows without ECN, which became reno */
	u64 decisions;
	u64 guarded;			/* decisions whose window the guard moved */
	u64 timeouts;
	u64 unlogged;			/* decisions that found the log full */
};
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct iroko_counts);
} iroko_counts SEC(".maps");

/* A flow at its last decision. */
struct iroko_view {
	u64 window;			/* Q16 */
	u32 dctcp_cwnd;
	s32 action;			/* Q16 */
	u32 alpha;			/* Q10 */
	u32 rtt_us;			/* least of the round */
	u32 min_rtt_us;
	u32 policy;			/* its number */
	u32 decisions;
	u32 guarded;
};
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct iroko_view);
} iroko_flows SEC(".maps");

/* What reading the program iroko_list gives for each flow. Addresses of IPv4 are in the first word. */
struct iroko_row {
	__be32 source[4], destination[4];
	u16 source_port, destination_port;
	u16 family;
	u16 state;
	u64 net_cookie;
	struct iroko_view view;
};

/* The least round-trip time to a destination, of all flows: of this period and of the one before. */
struct iroko_path {
	u64 net_cookie;
	__be32 destination[4];
};
struct iroko_least {
	u64 began_us;
	u32 now_us, before_us;		/* 0: none */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, IROKO_MAX_PATHS);
	__type(key, struct iroko_path);
	__type(value, struct iroko_least);
} iroko_paths SEC(".maps");

/* Rows of struct iroko_decision. Their number counts nothing here and is 0; addresses of IPv6 are 0. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, IROKO_LOG_BYTES);
} iroko_decisions SEC(".maps");

#endif
