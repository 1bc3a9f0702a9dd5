/* SPDX-License-Identifier: ISC */
/*
 * Frames that move nothing cost credit: a client that only makes us work has none soon. Credit comes back with time, and with the
 * bytes that we send, which a client answers by window updates. A request that is reset does not bring any.
 */
#include <app/http2/internal.h>

#include <core/clock.h>
#include <core/log.h>

#define RESET_COST 8u

void http2_calm(struct http2_session *h)
{
	if (h->goodbye && h->failed)
		return;
	char peer[NET_ADDRESS_TEXT_MAX];
	net_address_print(peer, http2_served(h)->remote);
	log_info("http2", "%s sends what moves nothing: its connection is closed", peer);
	h->server->counters.calmed++;
	h->goodbye = h->failed = true;
	nghttp2_session_terminate_session(h->engine, NGHTTP2_ENHANCE_YOUR_CALM);
}

void http2_flood_forgive(struct http2_session *h, uint32_t n)
{
	int64_t most = h->server->options.control_max;
	h->credit = h->credit + n < most ? h->credit + n : most;
}

void http2_flood_count(struct http2_session *h, uint32_t cost)
{
	uint64_t now = clock_coarse(), seconds = (now - h->credit_at) / NS_PER_S;
	if (seconds) {
		uint64_t back = seconds * h->server->options.control_rate;
		h->credit_at += seconds * NS_PER_S;
		http2_flood_forgive(h, back < UINT32_MAX ? (uint32_t)back : UINT32_MAX);
	}
	h->credit -= cost;
	if (h->credit < 0)
		http2_calm(h);
}

/* Who makes us reset its streams saves itself the frame (CVE-2025-8671), and not the cost. */
void http2_flood_reset(struct http2_session *h, uint32_t code)
{
	if (code == NGHTTP2_REFUSED_STREAM)
		http2_flood_count(h, 1);
	else if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR &&
	         code != NGHTTP2_CANCEL)
		http2_flood_count(h, RESET_COST);
}

int http2_on_begin_frame(nghttp2_session *engine, const nghttp2_frame_hd *hd, void *context)
{
	(void)engine;
	switch (hd->type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:
		break;
	case NGHTTP2_DATA:
		if (!hd->length && !(hd->flags & NGHTTP2_FLAG_END_STREAM))
			http2_flood_count(context, 1);
		break;
	case NGHTTP2_RST_STREAM:
		http2_flood_count(context, RESET_COST);
		break;
	default:
		http2_flood_count(context, 1);
	}
	return 0;
}
