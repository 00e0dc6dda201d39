/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* As much of the kernel's <net/tcp.h> as tcp_iroko.c uses, for a test in user space. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef int32_t s32;
typedef uint64_t u64;
typedef int64_t s64;
typedef u32 __be32;

#define __init
#define __read_mostly
#define THIS_MODULE NULL
#define ICSK_CA_PRIV_SIZE 104
#define BUILD_BUG_ON(wrong) _Static_assert(!(wrong), #wrong)
#define late_initcall(function) int (*initcall)(void) = function
#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((x) = (value))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define min_t(type, a, b) min((type)(a), (type)(b))
#define TCP_ECN_OK 1
#define TCP_CONG_NEEDS_ECN 0x2
#define TCP_CONG_NEEDS_PRR 0x80

enum { TCP_ESTABLISHED = 1, TCP_CLOSE = 7, TCP_LISTEN = 10 };
enum { TCP_CA_Open, TCP_CA_Disorder, TCP_CA_CWR, TCP_CA_Recovery, TCP_CA_Loss };
enum tcp_ca_event { CA_EVENT_LOSS, CA_EVENT_ECN_NO_CE, CA_EVENT_ECN_IS_CE };

struct hlist_node { void *next; };
struct net { struct { int sysctl_tcp_reordering; } ipv4; };
struct rate_sample { s64 rtt_us; s32 acked_sacked; u32 losses; };
struct sock;
struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	void (*in_ack_event)(struct sock *sk, u32 flags);
	void (*cong_control)(struct sock *sk, u32 ack, int flag, const struct rate_sample *rs);
	void (*cwnd_event)(struct sock *sk, enum tcp_ca_event event);
	u32 (*ssthresh)(struct sock *sk);
	void (*set_state)(struct sock *sk, u8 state);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	int flags;
	void *owner;
	const char *name;
};
struct sock {
	u8 sk_state;
	struct net net;
	const struct tcp_congestion_ops *icsk_ca_ops;
	u8 icsk_ca_state, icsk_ca_initialized;
	u64 priv[ICSK_CA_PRIV_SIZE / 8];
	u32 snd_cwnd, snd_ssthresh, snd_cwnd_clamp, snd_una, snd_nxt, rcv_nxt, delivered, delivered_ce;
	u32 lost, max_packets_out, prr_delivered, reordering, is_cwnd_limited, ecn_flags, undo_marker;
};

#define tcp_sock sock
#define tcp_sk(sk) (sk)
#define inet_csk(sk) (sk)
#define inet_csk_ca(sk) ((void *)(sk)->priv)
#define sock_net(sk) (&(sk)->net)
#define tcp_snd_cwnd(tp) ((tp)->snd_cwnd)
#define tcp_snd_cwnd_set(tp, value) ((tp)->snd_cwnd = (value))
#define tcp_in_cwnd_reduction(sk) \
	((sk)->icsk_ca_state == TCP_CA_CWR || (sk)->icsk_ca_state == TCP_CA_Recovery)
#define before(a, b) ((s32)((a) - (b)) < 0)
#define INET_ECN_dontxmit(sk)
#define dctcp_ece_ack_update(sk, event, prior_rcv_nxt, ce_state)
#define tcp_update_pacing_rate(sk)
#define tcp_register_congestion_control(ops) 0
#define tcp_reno_ssthresh NULL
#define tcp_reno_cong_avoid NULL
#define tcp_reno_undo_cwnd NULL

void tcp_cwnd_reduction(struct sock *sk, int acked, int lost, int flag);
