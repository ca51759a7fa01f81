// SPDX-License-Identifier: Apache-2.0
// One enrollment on its way through the steps. enroll.c runs it, enroll_steps.c holds the steps.
#pragma once

#include <uthash.h>

#include "bridge/allowlist.h"
#include "bridge/enroll.h"
#include "bridge/enroll_input.h"
#include "bridge/rate.h"
#include "bridge/store.h"
#include "pki/csr.h"
#include "wg/conf.h"

enum {
	ENROLL_PEER_BUDGET_MS = 2000,
	ENROLL_ACTIVE_MAX = 4096,
	ENROLL_CHAIN_MAX = 192 * 1024,
};

struct enroll;

enum step_result {
	STEP_NEXT,
	STEP_WAIT, // enroll_resume() or enroll_fail() comes later
	STEP_FAIL, // e->problem and e->why are set
	STEP_END,  // answered
};

struct enroll_step {
	const char *event; // what the log says when it is done
	enum step_result (*run)(struct enroll *e);
};

extern const struct enroll_step enroll_steps[];
extern const size_t n_enroll_steps;

struct enroll_desk {
	struct bridge *bridge;
	struct allowlist *allowed; // NULL: every id
	struct rate rate;
	struct wg_conf conf_template; // everything but address and private key
	struct enroll *lines;	      // hash by id: who is being served, others queue behind
	struct enroll *active;	      // all of them
	size_t n_active;
};

struct enroll {
	struct enroll_desk *desk;
	struct http_req *req;
	struct log log;
	struct enroll *prev; // in desk->active
	struct enroll *next;
	UT_hash_handle hh;     // in desk->lines, while it is served
	struct enroll *behind; // next in line for the same id
	bool in_line;
	size_t step;
	uint64_t step_began_ns;

	char id[DEVICE_ID_MAX + 1];
	struct enroll_input input;
	struct csr *csr;
	struct wg_key private_key; // only when the bridge makes the pair
	bool made_pair;
	char public_key[WG_KEY_CHARS + 1]; // "" = the device has no tunnel
	uint32_t generation;
	uint32_t wg_ip;
	struct stepca_call *sign;
	struct buf chain_pem; // leaf, Sub-CA, intermediate; terminated
	size_t leaf_bytes;
	char serial[STORE_SERIAL_CHARS + 1];
	int64_t not_after_ms;
	bool peer_pending; // task_run() calls back

	enum problem problem;
	struct why why;
};

// Continues behind the step that waited.
void enroll_resume(struct enroll *e);
// The step that waited has failed; e->problem and e->why are set.
void enroll_fail(struct enroll *e);
// Takes a place in the line for e->id; true = it is its turn now, false = enroll_resume() comes.
bool enroll_take_place(struct enroll *e);
