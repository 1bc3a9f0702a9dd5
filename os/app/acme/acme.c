/* SPDX-License-Identifier: ISC */
/* The task that has certificates signed and renewed, and what it is told. */
#include <app/acme/internal.h>

#include <string.h>

#include <core/clock.h>
#include <core/error.h>
#include <core/heap.h>
#include <core/log.h>
#include <core/print.h>
#include <core/random.h>
#include <core/task.h>

#include <app/tls/internal.h>

#define SLOT   "acme" /* as TLS's messages name the certificate */
#define LOOK_S 3600   /* the clock may be set meanwhile */
#define ASK_S                                                                                      \
	(6 *                                                                                       \
	 3600) /* between two questions whether to renew earlier, if the authority does not say */
#define GAP_S 3600 /* between two certificates of one service, whatever the authority says */
#define LAST_PARTS                                                                                 \
	10 /* of a certificate's life: renewed before the last such part, whatever the authority says */
#define CHAIN_MAX ACME_BODY_MAX

static uint64_t first_retry_s(const struct acme *a)
{
	uint64_t s = a->options.retry_ns / NS_PER_S;
	return s ? s : 1;
}

/* ---- The certificate in use ---- */

/* What was looked at. */
static int use(struct acme *a, const struct acme_life *life, const char *chain, uint32_t chain_size,
               const char *key, uint32_t key_size)
{
	struct tls *t = a->options.tls;
	int error = a->has_slot ? tls_certificate_renew(t, SLOT, chain, chain_size, key, key_size)
	                        : tls_certificate(t, SLOT, chain, chain_size, key, key_size);
	if (error)
		return error;
	a->has_slot = a->has_certificate = true;
	a->life = *life;
	return OK;
}

/* A time in the certificate's life before its last part. */
static int64_t in_life(const struct acme *a, int64_t at)
{
	int64_t last = a->life.to - (a->life.to - a->life.from) / LAST_PARTS;
	return at < last ? at : last;
}

static void load_plan(struct acme *a)
{
	char text[ACME_PLAN_TEXT];
	int64_t now = acme_now(), most = now + ACME_RETRY_AFTER_MAX_S;
	if (acme_store_get(&a->store, "plan", text, sizeof text) < 0 ||
	    !acme_plan_read(&a->plan, text))
		a->plan = (struct acme_plan){ 0 };
	/* The clock has been set back since, or the device is another's: nobody waits for longer than an authority may say. */
	a->plan.not_before = a->plan.not_before < most ? a->plan.not_before : now;
	a->plan.ask_at = a->plan.ask_at < most ? a->plan.ask_at : now;
	/* The span between two certificates is for one and the same: other names need not wait for it. */
	if (!a->has_certificate && !a->plan.failures)
		a->plan.not_before = 0;
	if (!a->has_certificate && a->plan.not_before > now)
		log_warning(
		        "acme",
		        "the next attempt is in %lld s: the one before has failed, or was cut off",
		        (long long)(a->plan.not_before - now));
	if (a->has_certificate &&
	    (a->plan.renew_at < a->life.from || a->plan.renew_at > a->life.to))
		a->plan.renew_at = acme_renewal_at(&a->life, now, random_u32());
}

static int load(struct acme *a)
{
	char *chain = heap_alloc(CHAIN_MAX + 1), key[ACME_KEY_TEXT], until[ACME_TIME_TEXT];
	if (!chain)
		return ERR_MEMORY;
	int64_t n = acme_store_get(&a->store, "chain", chain, CHAIN_MAX + 1),
	        m = n < 0 ? n : acme_store_get(&a->store, "key", key, sizeof key);
	struct acme_life life;
	int error = m < 0 ? (int)m
	                  : acme_certificate_look(&life, chain, (uint32_t)n, key, (uint32_t)m,
	                                          &a->names);
	error = error ? error : use(a, &life, chain, (uint32_t)n, key, (uint32_t)m);
	explicit_bzero(key, sizeof key);
	heap_free(chain);
	if (!error)
		log_info("acme", "the certificate on the block device is good until %s",
		         acme_time_print(until, a->life.to));
	else if (error != ERR_ABSENT)
		log_warning(
		        "acme",
		        "the certificate on the block device is not used: a new one is asked for");
	load_plan(a);
	return OK;
}

static void store_plan(struct acme *a)
{
	char text[ACME_PLAN_TEXT];
	acme_store_put(&a->store,
	               &(struct acme_record){ "plan", text, acme_plan_print(&a->plan, text) }, 1);
}

/* ---- What the authority says of renewals (RFC 9773) ---- */

static void ask(struct acme *a)
{
	char url[ACME_URL_MAX + ACME_ID_MAX], text[ACME_TIME_TEXT];
	struct acme_ca *ca = a->ca;
	int64_t at, now = acme_now();
	uint64_t wait = ASK_S, least = first_retry_s(a);
	int error = acme_ca_directory(ca, a->options.directory);
	a->plan.ask_at = 0;
	if (!error && (!ca->directory.renewal_info[0] || !a->life.id[0]))
		return;
	print_text(url, sizeof url, "%s/%s", ca->directory.renewal_info, a->life.id);
	error = error ? error : acme_ca_get(ca, url);
	if (!error && ca->is_json && acme_renewal_in_window(ca->values, random_u32(), &at)) {
		at = in_life(a, at);
		wait = ca->retry_s ? ca->retry_s : wait;
		/* Within the window that was told before, the moment that was drawn stays. */
		if (at < a->plan.renew_at || a->plan.renew_at < now)
			log_info("acme", "the authority wants a renewal at %s",
			         acme_time_print(text, at));
		a->plan.renew_at = at;
	} else {
		log_info("acme", "the authority does not say when to renew: %s",
		         error ? ca->reason : "its answer has no window");
	}
	a->plan.ask_at = now + (int64_t)(wait > least ? wait : least);
}

/* ---- Getting one ---- */

/* It is stored before it is used: whoever has seen it finds it after a restart, too. */
static int store_and_use(struct acme *a, const struct acme_life *life, const char *key,
                         uint32_t key_size)
{
	char plan[ACME_PLAN_TEXT];
	struct acme_ca *ca = a->ca;
	int64_t now = acme_now(), gap = (life->to - life->from) / 3;
	gap = gap < GAP_S ? gap : GAP_S;
	const struct acme_plan next = { .renew_at = acme_renewal_at(life, now, random_u32()),
		                        .ask_at = now + ASK_S,
		                        .not_before = now + gap };
	const struct acme_record records[] = { { "chain", ca->body, ca->size },
		                               { "key", key, key_size },
		                               { "plan", plan, acme_plan_print(&next, plan) } };
	acme_store_put(&a->store, records, 3);
	int error = use(a, life, ca->body, ca->size, key, key_size);
	if (error)
		return error;
	a->plan = next;
	a->not_before_ns = clock_now() + (uint64_t)gap * NS_PER_S;
	return OK;
}

static int accept_certificate(struct acme *a, const struct acme_key *key)
{
	char text[ACME_KEY_TEXT], until[ACME_TIME_TEXT], when[ACME_TIME_TEXT];
	struct acme_ca *ca = a->ca;
	struct acme_life life;
	int size = acme_key_print(key, text), error = size < 0 ? size : OK;
	if (!error && ca->is_json)
		error = ERR_MALFORMED;
	if (!error)
		error = acme_certificate_look(&life, ca->body, ca->size, text, (uint32_t)size,
		                              &a->names);
	error = error ? error : store_and_use(a, &life, text, (uint32_t)size);
	explicit_bzero(text, sizeof text);
	if (error)
		return acme_ca_fail(ca, error, "what it has signed is not what was asked for");
	log_info("acme", "a new certificate is in use, good until %s, to be renewed at %s",
	         acme_time_print(until, a->life.to), acme_time_print(when, a->plan.renew_at));
	return OK;
}

static int get(struct acme *a)
{
	struct acme_key key;
	int error = acme_ca_directory(a->ca, a->options.directory);
	error = error ? error : acme_account_register(a);
	if (error)
		return error;
	if (acme_key_new(&key))
		return acme_ca_fail(a->ca, ERR_MEMORY, "a key cannot be drawn for want of memory");
	error = acme_order_run(a, &key);
	/* An authority that has lost its accounts gets a new one, once. */
	if (error == ERR_FAILED && strcmp(a->ca->problem, "accountDoesNotExist") == 0) {
		a->account[0] = '\0';
		error = acme_account_register(a);
		error = error ? error : acme_order_run(a, &key);
	}
	error = error ? error : accept_certificate(a, &key);
	acme_key_forget(&key);
	return error;
}

/* Stands on the device before the authority is asked: an image that ends under way, and starts anew, waits like any that has failed. */
static uint64_t count_failure(struct acme *a, uint32_t retry_s)
{
	uint64_t wait = acme_backoff_s(first_retry_s(a), a->plan.failures, random_u32());
	wait = wait > retry_s ? wait : retry_s;
	a->plan.not_before = acme_now() + (int64_t)wait;
	a->not_before_ns = clock_now() + wait * NS_PER_S;
	store_plan(a);
	return wait;
}

static void begin_attempt(struct acme *a)
{
	a->plan.failures++;
	count_failure(a, 0);
}

static void failed(struct acme *a, const char *reason, uint32_t retry_s)
{
	uint64_t wait = count_failure(a, retry_s);
	char until[ACME_TIME_TEXT];
	a->counters.failed++;
	a->is_retried = !a->is_retried;
	log_warning("acme", "no certificate from %s: %s", a->options.directory, reason);
	if (a->has_certificate)
		log_warning(
		        "acme",
		        "the next attempt is in %llu s; the certificate in use is good until %s",
		        (unsigned long long)wait, acme_time_print(until, a->life.to));
	else
		log_warning("acme", "the next attempt is in %llu s", (unsigned long long)wait);
}

/* ---- The task ---- */

static void talk(struct acme *a, bool gets)
{
	if (gets) {
		begin_attempt(a);
	} else {
		a->plan.ask_at = acme_now() + ASK_S;
		store_plan(a);
	}
	a->ca = heap_alloc_zero(1, sizeof *a->ca);
	if (!a->ca) {
		if (gets)
			failed(a, "no memory is left", 0);
		return;
	}
	a->ca->trust = a->trust;
	a->ca->key = &a->account_key;
	a->ca->account = a->account;
	int error = gets ? get(a) : OK;
	a->counters.refused_nonces += a->ca->refused_nonces;
	if (error) {
		failed(a, a->ca->reason, a->ca->retry_s);
	} else {
		a->counters.issued += gets;
		ask(a);
		store_plan(a);
	}
	acme_ca_close(a->ca);
	heap_free(a->ca);
	a->ca = NULL;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

uint64_t acme_step(struct acme *a)
{
	struct acme_plan *p = &a->plan;
	int64_t now = acme_now(), due = a->has_certificate ? p->renew_at : 0;
	if (p->not_before > now + ACME_RETRY_AFTER_MAX_S) /* the clock was set back */
		p->not_before = now;
	due = due > p->not_before ? due : p->not_before;
	if (due <= now && a->not_before_ns <= clock_now()) {
		talk(a, true);
	} else if (a->has_certificate && p->ask_at && p->ask_at <= now) {
		talk(a, false);
	} else {
		int64_t wait = earlier(LOOK_S, due - now);
		wait = a->has_certificate && p->ask_at ? earlier(wait, p->ask_at - now) : wait;
		return (uint64_t)(wait > 1 ? wait : 1) * NS_PER_S;
	}
	return 0;
}

static void run(void *arg)
{
	for (;;)
		task_sleep_until(clock_now() + acme_step(arg));
}

int acme_start(struct acme *a)
{
	if (task_spawn("acme", run, a))
		return OK;
	log_error("acme", "no task is left: give the manifest more (tasks)");
	return ERR_MEMORY;
}

/* ---- Opening ---- */

static const char *or_else(const char *text, const char *otherwise)
{
	return text && text[0] ? text : otherwise;
}

static int refuse(const char *why)
{
	log_error("acme", "%s", why);
	return ERR_INVALID;
}

static bool is_mail(const char *text)
{
	size_t size = strlen(text), at = strcspn(text, "@");
	for (size_t k = 0; k < size; k++)
		if (text[k] <= ' ' || text[k] >= 0x7f || strchr("\"\\<>?&,", text[k]))
			return false;
	return size < 255 && at && at + 1 < size && !strchr(text + at + 1, '@');
}

static int look_at_options(struct acme *a)
{
	struct acme_options *o = &a->options;
	struct acme_url u;
	o->directory = or_else(o->directory, ACME_LETS_ENCRYPT);
	o->contact = or_else(o->contact, "");
	o->device = or_else(o->device, "acme");
	o->binding = or_else(o->binding, "");
	o->retry_ns = o->retry_ns ? o->retry_ns : ACME_RETRY_NS;
	int error = acme_names_read(&a->names, or_else(o->domains, ""));
	if (error)
		return error;
	if (!acme_url_read(&u, o->directory))
		return refuse("the authority's directory is an https URL of at most 511 bytes");
	if (!o->terms_agreed)
		return refuse("an authority signs for those only who agree to its terms of "
		              "service: say so");
	if (o->contact[0] && !is_mail(o->contact))
		return refuse("the contact is one mail address, without mailto:");
	if (!o->binding[0] != !o->binding_key.size)
		return refuse("a binding to an account of the authority's has a name and a key: "
		              "one is missing");
	if (strlen(o->binding) >= ACME_NONCE_MAX)
		return refuse("the binding's name has more than 255 bytes");
	return OK;
}

int acme_open(struct acme **to, const struct acme_options *o)
{
	struct acme *a = heap_alloc_zero(1, sizeof *a);
	if (!a)
		return ERR_MEMORY;
	a->options = *o;
	int error = look_at_options(a);
	const struct tls_client_options trust = { .authorities = o->authorities.size
		                                                         ? o->authorities.bytes
		                                                         : NULL,
		                                  .authorities_size = o->authorities.size };
	error = error ? error : tls_client_open(&a->trust, &trust);
	error = error ? error : tls_validation_begin(o->tls);
	error = error ? error : acme_store_open(&a->store, a->options.device, a->options.directory);
	error = error ? error : acme_account_load(a);
	error = error ? error : load(a);
	if (error) {
		tls_client_close(a->trust);
		acme_key_forget(&a->account_key);
		heap_free(a);
		return error;
	}
	if (metric_shown)
		acme_metrics_add(a);
	*to = a;
	return OK;
}

void acme_counters(const struct acme *a, struct acme_counters *to)
{
	*to = a->counters;
	to->expires = a->has_certificate ? (uint64_t)a->life.to : 0;
	to->renews = a->has_certificate ? (uint64_t)a->plan.renew_at : 0;
}
