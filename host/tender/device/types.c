/* SPDX-License-Identifier: ISC */
/* What the ABI's types of devices have in the way of rings. */
#include <tender/device/device.h>

/* Rings that a type does not have are twice the same address, so that they are empty. */
static void gate_net(const struct amp_device *v, struct gate_device *g)
{
	*g = (struct gate_device){ .rx_producer = v->rx.producer,
		                   .rx_consumer = v->rx.consumer,
		                   .completion_producer = v->completion.producer,
		                   .completion_consumer = v->completion.consumer,
		                   .tx_producer = v->tx.producer,
		                   .tx_consumer = v->tx.consumer,
		                   .tx_flags = v->tx.flags,
		                   .answers_producer = v->rx.producer,
		                   .answers_consumer = v->rx.producer };
}

static void gate_block(const struct amp_device *v, struct gate_device *g)
{
	const struct amp_ring *q = &v->block.requests, *a = &v->block.answers;
	*g = (struct gate_device){ .rx_producer = a->producer,
		                   .rx_consumer = a->producer,
		                   .completion_producer = a->producer,
		                   .completion_consumer = a->producer,
		                   .tx_producer = q->producer,
		                   .tx_consumer = q->consumer,
		                   .tx_flags = q->flags,
		                   .answers_producer = a->producer,
		                   .answers_consumer = a->consumer };
}

const struct device_type device_type_net = {
	.type = AMP_DEVICE_NET, .option = "net", .noun = "network", .gate = gate_net
};
const struct device_type device_type_block = {
	.type = AMP_DEVICE_BLOCK, .option = "block", .noun = "block", .gate = gate_block
};
const struct device_type *const device_types[DEVICE_TYPES] = { &device_type_net,
	                                                       &device_type_block };
