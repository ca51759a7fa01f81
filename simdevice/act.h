// SPDX-License-Identifier: Apache-2.0
// The acts over HTTP and on flash, as struct device_ops wants them, and what they share. MQTT and
// WireGuard have headers of their own, because their pools belong to the worker.
#pragma once

#include "sim_device.h"

// trust.c: GET {bridge}/pki/root/{fingerprint} over TLS that is not verified, SHA-256 compared;
// from then on every connection is verified.
void act_fetch_root(struct device *d);
// Takes s out of the list of those who wait.
void trust_stop_waiting(struct sim_device *s);

// act_enroll.c
void act_enroll(struct device *d, bool same_csr);
void enroll_job_free(struct enroll_job *job);

// act_store.c: writes what the last enrollment or renewal gave; on a helper thread when it is a
// folder.
void act_store(struct device *d);
void act_forget(struct device *d);
// Nobody waits for the write in flight any more.
void store_abandon(struct sim_device *s);
// Loads what flash holds into s->identity. ERR_NOT_FOUND: no flag.
enum err ERR_MUST_CHECK store_load(struct sim_device *s, struct why *why);

// act_renew.c, act_decommission.c
void act_renew(struct device *d);
void act_retire(struct device *d);

// The state's own timer is to end a call, not the HTTP client's: that one comes this much later.
enum { HTTP_GRACE_MS = 1000 };

// act_http.c: starts a call of the current attempt. A call that cannot be started posts REFUSED.
void act_http_start(struct sim_device *s, const struct http_request *r, http_done_fn *done);
// For the first line of a done callback: forgets the call.
void act_http_ended(struct sim_device *s);
// The call brought no answer: fills d->failure and says how the state ends.
enum dev_event act_http_failed(struct sim_device *s, const struct http_answer *a, const char *what);
// The answer's status is not the wanted one: the same.
enum dev_event act_http_refused(struct sim_device *s, const struct http_answer *a,
				const char *what);

// What is to be written next; filled by act_enroll.c and act_renew.c, consumed by act_store.c.
struct enroll_job {
	EVP_PKEY *key;
	struct wg_key wg_private;
	struct wg_key wg_public;
	bool device_has_wg_key;
	struct buf csr;		  // text, kept for retries
	struct identity identity; // checked, not yet adopted
	struct flash_image image; // what to write
};
