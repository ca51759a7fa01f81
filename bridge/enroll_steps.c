// SPDX-License-Identifier: Apache-2.0
// The steps of an enrollment, in order (design.md 2.2). What a step leaves behind when a later one
// fails is what the retry finds: the same address, the same record, one peer.
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/clock.h"
#include "bridge/enroll_internal.h"
#include "bridge/meters.h"
#include "bridge/peers_file.h"
#include "bridge/task.h"

static enum step_result
fail(struct enroll *e, enum problem problem)
{
	e->problem = problem;
	return STEP_FAIL;
}

// An error of our own; the words stay in the log of whoever made it.
static enum step_result
fail_internal(struct enroll *e, enum err err)
{
	why_set(&e->why, err, "the bridge failed: %s", err_text(err));
	return fail(e, err == ERR_EXHAUSTED || err == ERR_NOMEM ? PROBLEM_OVERLOADED
								: PROBLEM_INTERNAL);
}

// Where the database is, and what it said, is no business of a device.
static void
blame_store(struct enroll *e, enum err err)
{
	bool failed = err == ERR_IO || err == ERR_INTERNAL;
	why_set(&e->why, err, "the bridge's store %s; try again shortly",
		failed ? "failed" : "is busy");
	e->problem = failed ? PROBLEM_STORE_FAILED : PROBLEM_OVERLOADED;
}

// --- parse ---

static enum step_result
step_parse(struct enroll *e)
{
	const char *path_id = http_req_param(e->req, "device_id");
	if (!content_type_is_json(http_req_header(e->req, "Content-Type"))) {
		why_set(&e->why, ERR_INPUT, "the body must be application/json");
		return fail(e, PROBLEM_MEDIA_TYPE);
	}
	if (enroll_input_parse(&e->input, path_id, http_req_body(e->req), &e->problem, &e->why) !=
	    ERR_OK)
		return STEP_FAIL;
	return STEP_NEXT;
}

// --- check id ---

static enum step_result
step_check_id(struct enroll *e)
{
	const struct enroll_desk *d = e->desk;
	if (device_id_check(e->input.device_id, &e->why) != ERR_OK)
		return fail(e, PROBLEM_INVALID_DEVICE_ID);
	memcpy(e->id, e->input.device_id, strlen(e->input.device_id) + 1);
	e->log = log_for(&e->log, e->id, NULL);
	if (d->allowed && !allowlist_has(d->allowed, e->id)) {
		why_set(&e->why, ERR_FORBIDDEN, "%s is not on the bridge's allow list", e->id);
		return fail(e, PROBLEM_NOT_ALLOWED);
	}
	return STEP_NEXT;
}

// --- check CSR ---

static enum step_result
step_check_csr(struct enroll *e)
{
	if (csr_open_for_device(&e->csr, BYTES_STR(e->input.csr), e->id, &e->why) != ERR_OK)
		return fail(e, PROBLEM_INVALID_CSR);
	return STEP_NEXT;
}

// --- WireGuard key: the device's own, or a pair made here ---

static enum step_result
step_take_wg_key(struct enroll *e)
{
	struct wg_key key;
	if (!e->input.dialect->reply.wg_conf)
		return STEP_NEXT;
	if (!e->input.wg_public_key) {
		enum err err = wg_key_generate(&e->private_key, &key);
		if (err != ERR_OK)
			return fail_internal(e, err);
		e->made_pair = true;
		wg_key_print(e->public_key, &key);
		return STEP_NEXT;
	}
	if (wg_key_parse(&key, BYTES_STR(e->input.wg_public_key)) != ERR_OK) {
		why_set(&e->why, ERR_INPUT,
			"wg_public_key must be 32 bytes in base64 (44 characters), as `wg pubkey` prints "
			"them");
		return fail(e, PROBLEM_INVALID_WG_KEY);
	}
	if (wg_key_check_public(&key, &e->why) != ERR_OK) {
		why_prefix(&e->why, "wg_public_key");
		return fail(e, PROBLEM_INVALID_WG_KEY);
	}
	wg_key_print(e->public_key, &key);
	return STEP_NEXT;
}

// --- wait for the turn: one enrollment of a device at a time ---

static enum step_result
step_take_turn(struct enroll *e)
{
	return enroll_take_place(e) ? STEP_NEXT : STEP_WAIT;
}

// --- reserve address ---

static bool
may_enroll_again(const struct enroll *e, const struct device_row *device)
{
	return e->desk->bridge->config.reenroll == CONFIG_REENROLL_ALLOW ||
	       device->enrolled_ms == 0;
}

static void
on_reserved(const struct store_answer *answer, void *ctx)
{
	struct enroll *e = ctx;
	e->why = answer->why;
	switch (answer->err) {
	case ERR_OK:
		break;
	case ERR_EXHAUSTED:
		e->problem = PROBLEM_WG_SUBNET_EXHAUSTED;
		enroll_fail(e);
		return;
	case ERR_CONFLICT:
		e->problem = PROBLEM_ENROLL_IN_PROGRESS;
		enroll_fail(e);
		return;
	case ERR_INPUT:
		e->problem = PROBLEM_INVALID_WG_KEY;
		enroll_fail(e);
		return;
	default:
		blame_store(e, answer->err);
		enroll_fail(e);
		return;
	}
	if (!may_enroll_again(e, &answer->device)) {
		why_set(&e->why, ERR_FORBIDDEN,
			"%s is enrolled already and this bridge forbids enrolling again "
			"(ENROLL_REENROLL=deny)",
			e->id);
		e->problem = PROBLEM_NOT_ALLOWED;
		enroll_fail(e);
		return;
	}
	e->wg_ip = answer->device.wg_ip;
	e->generation = answer->device.generation;
	enroll_resume(e);
}

static enum step_result
step_reserve_address(struct enroll *e)
{
	enum err err = store_reserve(e->desk->bridge->store, e->id,
				     e->public_key[0] ? e->public_key : NULL, on_reserved, e);
	return err == ERR_OK ? STEP_WAIT : fail_internal(e, err);
}

// --- sign: the token is made inside, fresh for every attempt, and the answer checked ---

static void
on_signed(const struct stepca_outcome *outcome, const struct stepca_certificate *cert, void *ctx)
{
	struct enroll *e = ctx;
	e->sign = NULL;
	meters_sign(e->desk->bridge->meters, outcome->err, clock_mono_ns() - e->step_began_ns);
	if (outcome->err != ERR_OK) {
		e->why = outcome->why;
		e->problem = problem_of_ca(outcome);
		if (outcome->err == ERR_UPSTREAM_DOWN)
			why_set(&e->why, outcome->err, "%s; check STEP_CA_URL and the CA's health",
				outcome->why.text);
		enroll_fail(e);
		return;
	}
	enum err err = buf_append(&e->chain_pem, cert->chain_pem.p, cert->chain_pem.n);
	if (err != ERR_OK) {
		fail_internal(e, err);
		enroll_fail(e);
		return;
	}
	e->leaf_bytes = cert->leaf_pem.n;
	snprintf(e->serial, sizeof(e->serial), "%s", cert->serial);
	e->not_after_ms = cert->not_after * 1000;
	enroll_resume(e);
}

static enum step_result
step_sign(struct enroll *e)
{
	struct stepca_sign_request request = {.csr = e->csr, .subject = e->id};
	enum err err = stepca_sign(&e->sign, e->desk->bridge->stepca, &request, on_signed, e);
	return err == ERR_OK ? STEP_WAIT : fail_internal(e, err);
}

// --- record certificate; what follows for other systems is written in the same transaction ---

static void
on_peer_set(const struct task_outcome *outcome, void *ctx)
{
	struct enroll *e = ctx;
	e->peer_pending = false;
	// The device has its certificate and the work stays queued: no reason to refuse it.
	if (!outcome->all_done)
		log_warn(&e->log, "enroll.peer_pending", KV_ERR(outcome->err),
			 KV_STR("why", outcome->why.text));
	enroll_resume(e);
}

static void
on_recorded(const struct store_answer *answer, void *ctx)
{
	struct enroll *e = ctx;
	struct bridge *b = e->desk->bridge;
	if (answer->err != ERR_OK) {
		e->why = answer->why;
		if (answer->err == ERR_CONFLICT)
			e->problem = PROBLEM_ENROLL_IN_PROGRESS;
		else if (answer->err == ERR_INPUT)
			e->problem = PROBLEM_INVALID_WG_KEY;
		else
			blame_store(e, answer->err);
		enroll_fail(e);
		return;
	}
	peers_file_touch(b->peers_file);
	// The tasks are lent during this callback only, so the peer's step begins here; a failure
	// to begin leaves them to the task runner.
	e->peer_pending =
		answer->n_tasks > 0 && task_run(b->tasks, answer->tasks, answer->n_tasks,
						ENROLL_PEER_BUDGET_MS, on_peer_set, e) == ERR_OK;
	enroll_resume(e);
}

static enum step_result
step_record_certificate(struct enroll *e)
{
	struct bridge *b = e->desk->bridge;
	struct enrollment_record record = {
		.id = e->id,
		.generation = e->generation,
		.serial = e->serial,
		.not_after_ms = e->not_after_ms,
		.wg_public_key = e->public_key[0] ? e->public_key : NULL,
		.device_type = e->input.device_type,
		.set_peer = b->wireguard && e->public_key[0],
	};
	enum err err = store_record_enrollment(b->store, &record, on_recorded, e);
	return err == ERR_OK ? STEP_WAIT : fail_internal(e, err);
}

// --- set WireGuard peer ---

static enum step_result
step_set_peer(struct enroll *e)
{
	return e->peer_pending ? STEP_WAIT : STEP_NEXT;
}

// --- reply ---

static enum err
render_conf(struct buf *out, const struct enroll *e)
{
	const struct enroll_desk *d = e->desk;
	WG_CONF_AUTO struct wg_conf conf = d->conf_template;
	conf.addresses[0] = ip4_prefix(e->wg_ip, (uint8_t)d->bridge->config.wg_pool.prefix);
	if (e->made_pair) {
		conf.private_key_state = WG_CONF_KEY_PRESENT;
		conf.private_key = e->private_key;
	}
	return wg_conf_render(out, &conf);
}

static json_t *
build_body(const struct enroll *e)
{
	char ip[IPV4_TEXT_BYTES];
	BUF_AUTO struct buf conf;
	BUF_AUTO struct buf ca_chain;
	buf_init(&conf, WG_CONF_BYTES_MAX);
	buf_init(&ca_chain, 2 * ENROLL_CHAIN_MAX);
	ipv4_format(ip, e->wg_ip);
	if (render_conf(&conf, e) != ERR_OK ||
	    buf_append(&ca_chain, e->chain_pem.data + e->leaf_bytes,
		       e->chain_pem.len - e->leaf_bytes) != ERR_OK ||
	    buf_append_str(&ca_chain, stepca_root_pem(e->desk->bridge->stepca)) != ERR_OK)
		return NULL;
	struct enroll_result result = {
		.device_id = e->id,
		.certificate = (const char *)e->chain_pem.data,
		.ca_chain = (const char *)ca_chain.data,
		.wg_conf = (const char *)conf.data,
		.wg_ip = ip,
	};
	json_t *body = enroll_reply_body(e->input.dialect, &result);
	OPENSSL_cleanse(conf.data, conf.len);
	return body;
}

static enum step_result
step_reply(struct enroll *e)
{
	json_t *body = build_body(e);
	if (!body)
		return fail_internal(e, ERR_NOMEM);
	http_reply_json(e->req, 200, body);
	return STEP_END;
}

// clang-format off
const struct enroll_step enroll_steps[] = {
	{"enroll.parsed",           step_parse},
	{"enroll.id_checked",       step_check_id},
	{"enroll.csr_checked",      step_check_csr},
	{"enroll.wg_key_taken",     step_take_wg_key},
	{"enroll.turn_taken",       step_take_turn},
	{"enroll.address_reserved", step_reserve_address},
	{"enroll.signed",           step_sign},
	{"enroll.recorded",         step_record_certificate},
	{"enroll.peer_set",         step_set_peer},
	{"enroll.replied",          step_reply},
};
// clang-format on
const size_t n_enroll_steps = N_ELEMENTS(enroll_steps);
