/* SPDX-License-Identifier: ISC */
/* A connection that has a task: it waits for what the loop has put together. */
#include <app/websocket/internal.h>

#include <core/heap.h>

static void give_back(struct websocket_buffer *b)
{
	heap_free(b->bytes);
	*b = (struct websocket_buffer){ .bytes = NULL };
}

int websocket_read(struct websocket *w, struct websocket_message *m, uint64_t deadline_ns)
{
	give_back(&w->shown);
	w->is_read = false;
	if (!w->is_ready)
		websocket_resume(w); /* the end may have waited for us */
	while (!w->is_ready && w->served && !w->close_said) {
		int error = task_wait(&w->readers, deadline_ns);
		if (error && !w->is_ready)
			return error;
	}
	if (!w->is_ready || w->close_said)
		return ERR_CLOSED;
	w->shown = w->waiting;
	w->waiting = (struct websocket_buffer){ .bytes = NULL };
	w->is_ready = false;
	w->is_read = true;
	*m = w->ready;
	websocket_account(w);
	websocket_resume(w);
	if (w->served) /* a piece that was too late for the last one */
		websocket_message_show(w);
	return OK;
}

void websocket_run(void *arg)
{
	struct websocket *w = arg;
	if (w->fn)
		w->fn(w, w->context);
	w->left = true;
	w->is_ready = false;
	give_back(&w->shown);
	give_back(&w->waiting);
	if (w->served && !w->close_said)
		websocket_close(w, WEBSOCKET_NORMAL, NULL);
	else
		websocket_account(w);
	websocket_release(w);
}
