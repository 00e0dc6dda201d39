/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of the kernel's types that the programs here use. Offsets and sizes are those of the
 * kernel that loads the program (CO-RE), so this needs neither a kernel's headers nor its BTF.
 */
#ifndef IROKO_KERNEL_H
#define IROKO_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

/* linux/bpf.h, linux/tcp.h, net/tcp.h, net/tcp_states.h: these are not in a kernel's BTF, or never change. */
enum {
	BPF_MAP_TYPE_HASH = 1, BPF_MAP_TYPE_ARRAY = 2, BPF_MAP_TYPE_PERCPU_ARRAY = 6, BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24, BPF_MAP_TYPE_RINGBUF = 27,
	BPF_ANY = 0, BPF_F_NO_PREALLOC = 1, BPF_SK_STORAGE_GET_F_CREATE = 1,
	SOL_TCP = 6, TCP_CONGESTION = 13,
	TCP_CLOSE = 7, TCP_LISTEN = 10,
	AF_INET6 = 10,
	TCP_CA_Open = 0, TCP_CA_Disorder = 1, TCP_CA_CWR = 2, TCP_CA_Recovery = 3, TCP_CA_Loss = 4,
	TCP_ECN_OK = 1 | 16,		/* negotiated: RFC 3168, or accurate ECN from Linux 6.18 on */
	TCP_ECN_DEMAND_CWR = 4,
	ICSK_ACK_TIMER = 2, ICSK_ACK_NOW = 16,
	TCP_CONG_NEEDS_ECN = 2,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Its numbers move between versions: read them with bpf_core_enum_value(). */
enum tcp_ca_event {
	CA_EVENT_LOSS = 3,
	CA_EVENT_ECN_NO_CE = 4,
	CA_EVENT_ECN_IS_CE = 5,
};

struct netns_ipv4 {
	int sysctl_tcp_reordering;
	int sysctl_tcp_pacing_ss_ratio;
	int sysctl_tcp_pacing_ca_ratio;
};

struct net {
	u64 net_cookie;
	struct netns_ipv4 ipv4;
};

struct in6_addr {
	union {
		__be32 u6_addr32[4];
	} in6_u;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	volatile u8 skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	u32 sk_mark;
	unsigned long sk_pacing_rate;
	unsigned long sk_max_pacing_rate;
};

struct inet_sock {
	struct sock sk;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	u8 icsk_ca_state : 5;
	u8 icsk_ca_initialized : 1;
	struct {
		u8 pending;
	} icsk_ack;
	u64 icsk_ca_priv[13];
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 rcv_nxt, snd_nxt, snd_una;
	u32 snd_cwnd, snd_cwnd_clamp, snd_ssthresh;
	u32 packets_out, max_packets_out, retrans_out, sacked_out, lost_out;
	u32 prior_cwnd, prr_out, undo_marker;
	u32 delivered, delivered_ce, lost;
	u32 mss_cache, srtt_us, reordering;
	u64 tcp_mstamp;
	u8 ecn_flags;
	u8 is_cwnd_limited : 1;
};

struct rate_sample {
	long rtt_us;
	int losses;
	u32 acked_sacked;
};

struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	void (*set_state)(struct sock *sk, u8 state);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event event);
	void (*in_ack_event)(struct sock *sk, u32 flags);
	void (*cong_control)(struct sock *sk, u32 ack, int flag, const struct rate_sample *rs);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*init)(struct sock *sk);
	u32 flags;
	char name[16];
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
};

#pragma clang attribute pop

#endif
