// SPDX-License-Identifier: GPL-2.0
/*
 * What the flows over TCP "iroko" share: their policies, the least round-trip
 * times between hosts, the log of decisions.
 *
 * /proc/iroko_policies holds the policies, one struct iroko_policy after the
 * other; a write replaces all of them and forgets the least round-trip times.
 * A socket's mark (SO_MARK) is the number of its policy. A socket whose mark
 * names none has a guard of 1, and thus is DCTCP.
 *
 * /proc/iroko_decisions gives the decisions since it was last read, at most the
 * last IROKO_RING ones; they are kept from the first read on.
 *
 * There is one processor, so what runs with bottom halves off runs alone.
 */
#include <linux/hashtable.h>
#include <linux/init.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include "tcp_iroko.h"
#include "iroko_decision.h"

#define IROKO_MAX_POLICIES	65536
#define IROKO_RING		65536

static DEFINE_HASHTABLE(iroko_pairs, 12);
static const struct iroko_policy iroko_none = { .guard = 1024, .first_window = 10 << 10 };
static struct iroko_policy *iroko_policies;
static u32 iroko_num_policies;
static struct iroko_decision *iroko_ring;
static u64 iroko_written, iroko_taken;

const struct iroko_policy *iroko_policy_of(const struct sock *sk)
{
	u32 number = READ_ONCE(sk->sk_mark);

	return number < iroko_num_policies ? &iroko_policies[number] : &iroko_none;
}

/* NULL: there is no memory. */
struct iroko_pair *iroko_pair_of(const struct sock *sk)
{
	const struct net *net = sock_net(sk);
	u32 key = (u32)(uintptr_t)net ^ (__force u32)sk->sk_daddr;
	struct iroko_pair *pair;

	hash_for_each_possible(iroko_pairs, pair, node, key)
		if (pair->net == net && pair->destination == sk->sk_daddr)
			return pair;
	pair = kzalloc(sizeof(*pair), GFP_ATOMIC);
	if (pair) {
		pair->net = net;
		pair->destination = sk->sk_daddr;
		hash_add(iroko_pairs, &pair->node, key);
	}
	return pair;
}

void iroko_log(const struct sock *sk, const struct iroko_flow *prior,
	       const struct iroko_flow *after, u32 min_rtt_us, const s32 *features)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct iroko_decision *row;

	if (!iroko_ring)
		return;
	row = &iroko_ring[iroko_written % IROKO_RING];
	row->number = iroko_written++;
	row->at_us = tp->tcp_mstamp;	/* reading the clock could move virtual time */
	row->source = inet_sk(sk)->inet_saddr;
	row->destination = sk->sk_daddr;
	row->source_port = ntohs(inet_sk(sk)->inet_sport);
	row->destination_port = ntohs(inet_sk(sk)->inet_dport);
	row->policy = READ_ONCE(sk->sk_mark);
	row->before = *prior;
	row->delivered = tp->delivered;
	row->marked = tp->delivered_ce;
	row->lost = tp->lost;
	row->min_rtt_us = min_rtt_us;
	memcpy(row->features, features, sizeof(row->features));
	row->action = after->action;
	row->gain = after->gain;
	row->window = after->window;
}

static ssize_t iroko_policies_read(struct file *file, char __user *to, size_t size,
				   loff_t *offset)
{
	return simple_read_from_buffer(to, size, offset, iroko_policies,
				       iroko_num_policies * sizeof(*iroko_policies));
}

static ssize_t iroko_policies_write(struct file *file, const char __user *from, size_t size,
				    loff_t *offset)
{
	struct iroko_policy *fresh, *old;
	struct iroko_pair *pair;
	u32 count = size / sizeof(*fresh), i;
	int bucket;

	if (!count || count > IROKO_MAX_POLICIES || size % sizeof(*fresh))
		return -EINVAL;
	fresh = kvmalloc(size, GFP_KERNEL);
	if (!fresh)
		return -ENOMEM;
	if (copy_from_user(fresh, from, size)) {
		kvfree(fresh);
		return -EFAULT;
	}
	for (i = 0; i < count; i++) {
		if (fresh[i].magic != IROKO_MAGIC || fresh[i].version != IROKO_VERSION) {
			kvfree(fresh);
			return -EINVAL;
		}
	}
	local_bh_disable();		/* the one processor: no flow decides meanwhile */
	old = iroko_policies;
	iroko_policies = fresh;
	iroko_num_policies = count;
	hash_for_each(iroko_pairs, bucket, pair, node)
		pair->min_rtt_us = 0;
	local_bh_enable();
	kvfree(old);
	return size;
}

static ssize_t iroko_decisions_read(struct file *file, char __user *to, size_t size,
				    loff_t *offset)
{
	size_t done = 0;

	if (!iroko_ring) {
		iroko_ring = kvcalloc(IROKO_RING, sizeof(*iroko_ring), GFP_KERNEL);
		return iroko_ring ? 0 : -ENOMEM;
	}
	if (iroko_written - iroko_taken > IROKO_RING)
		iroko_taken = iroko_written - IROKO_RING;
	while (iroko_taken < iroko_written && done + sizeof(*iroko_ring) <= size) {
		if (copy_to_user(to + done, &iroko_ring[iroko_taken % IROKO_RING],
				 sizeof(*iroko_ring)))
			return -EFAULT;
		done += sizeof(*iroko_ring);
		iroko_taken++;
	}
	return done;
}

static const struct proc_ops iroko_policies_ops = {
	.proc_read = iroko_policies_read,
	.proc_write = iroko_policies_write,
};

static const struct proc_ops iroko_decisions_ops = {
	.proc_read = iroko_decisions_read,
};

static int __init iroko_proc_init(void)
{
	BUILD_BUG_ON(sizeof(struct iroko_policy) != 544);
	BUILD_BUG_ON(sizeof(struct iroko_decision) != 168);
	BUILD_BUG_ON(IS_ENABLED(CONFIG_SMP));
	if (!proc_create("iroko_policies", 0644, NULL, &iroko_policies_ops) ||
	    !proc_create("iroko_decisions", 0400, NULL, &iroko_decisions_ops))
		return -ENOMEM;
	return 0;
}
late_initcall(iroko_proc_init);
