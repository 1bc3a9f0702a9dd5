/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a descriptor of any value lie within the frames, of every number. Those of an image's constants are
 * net_rings.c, where Eva looks at the first byte alone.
 */
// wp: desc_bytes
#include <stdbool.h>
#include <stdint.h>

#include <tender/device/net_rings.h>

/*@ requires \valid_read(d) && \valid_read(c) && \initialized(c);
    requires d->frame_size \in {2048, 4096} && d->segment_count <= AMP_SEGMENTS_MAX + 1;
    requires d->frame_size == 2048 ==> \valid_read(d->frames + (0 .. 2048 * d->frame_count - 1));
    requires d->frame_size == 4096 ==> \valid_read(d->frames + (0 .. 4096 * d->frame_count - 1));
    assigns \result \from *d, *c;
    ensures \result == \null || c->len > 0;
    ensures \result != \null && !(c->options & AMP_DESC_DIRECT) && d->frame_size == 2048 ==>
            \valid_read(\result + (0 .. c->len - 1));
    ensures \result != \null && !(c->options & AMP_DESC_DIRECT) && d->frame_size == 4096 ==>
            \valid_read(\result + (0 .. c->len - 1)); */
static const uint8_t *desc_bytes(const struct net_rings *d, const struct amp_desc *c);

#include <tender/device/net_packet.c>
