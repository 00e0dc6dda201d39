/* SPDX-License-Identifier: GPL-2.0 */
/* The flows of the machine, for user space. */
#ifndef IROKO_LIST_H
#define IROKO_LIST_H

/* A row for each flow: bpf_iter_create() gives a file, and reading it runs this. */
SEC("iter/bpf_sk_storage_map")
int iroko_list(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct iroko_view *view = ctx->value;
	struct sock *sk = ctx->sk;
	struct iroko_row row = {};
	int i;

	if (!sk || !view)
		return 0;
	row.family = sk->__sk_common.skc_family;
	row.state = sk->__sk_common.skc_state;
	row.source_port = sk->__sk_common.skc_num;
	row.destination_port = __builtin_bswap16(sk->__sk_common.skc_dport);
	row.net_cookie = sk->__sk_common.skc_net.net->net_cookie;
	if (row.family == AF_INET6) {
		for (i = 0; i < 4; i++) {
			row.source[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			row.destination[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		row.source[0] = sk->__sk_common.skc_rcv_saddr;
		row.destination[0] = sk->__sk_common.skc_daddr;
	}
	row.view = *view;
	bpf_seq_write(ctx->meta->seq, &row, sizeof(row));
	return 0;
}

#endif
