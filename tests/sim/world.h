// SPDX-License-Identifier: Apache-2.0
// A scripted network and a virtual clock under the real table of transitions: the device's actions
// become entries of a heap of events, each with the time when it comes. No sockets, no threads, no
// real time.
#pragma once

#include "device.h"
#include "flash.h"

enum world_op {
	OP_FETCH_ROOT,
	OP_ENROLL,
	OP_STORE,
	OP_CONNECT,
	OP_PUBLISH,
	OP_HANDSHAKE,
	OP_PING,
	OP_RENEW,
	OP_RETIRE,
	OP_COUNT
};

// How the network answers one operation: after delay_ms, with this event; EV_NONE = never.
struct script {
	enum dev_event event;
	uint32_t delay_ms;
	uint32_t retry_after_ms;
};

enum { SCRIPT_MAX = 16, PENDING_MAX = 64, PHASES_SEEN_MAX = 64 };

struct pending {
	uint64_t at_ms;
	uint64_t order; // of those due at once, first come first served
	enum dev_event event;
	uint32_t attempt;
	uint32_t retry_after_ms;
	bool is_timer;
	bool used;
};

struct world {
	struct device d;
	struct rng rng;
	struct device_limits limits;
	uint64_t now_ms;
	uint64_t order;
	struct script scripts[OP_COUNT][SCRIPT_MAX];
	unsigned n_scripts[OP_COUNT];
	unsigned calls[OP_COUNT];
	uint64_t call_at_ms[OP_COUNT][SCRIPT_MAX];
	struct pending pending[PENDING_MAX];
	// The device's world.
	bool knows_root;
	bool tunnel_config;
	struct flash_image flash;
	enum flash_file cut_after;
	unsigned keys_made;
	unsigned csr_reused;
	bool link_up; // as the other side sees it
	bool tunnel_open;
	// What was seen.
	enum dev_phase ended[PHASES_SEEN_MAX];
	bool ended_failed[PHASES_SEEN_MAX];
	unsigned n_ended;
	unsigned unexpected;
	unsigned stale;
	enum dev_event next_command; // posted at the next phase end
	char transcript[65536];
	size_t transcript_len;
};

void world_init(struct world *w, uint64_t seed);
void world_fini(struct world *w);
// The n-th call of op (after those said before) is answered like this. Calls beyond the script
// succeed after 10 ms.
void world_say(struct world *w, enum world_op op, enum dev_event event, uint32_t delay_ms);
// Gives a command and runs until nothing is due within a virtual hour.
enum step world_command(struct world *w, enum dev_event command, uint32_t retries);
// Runs what is due until then.
void world_run(struct world *w, uint64_t until_ms);
// An event from outside, e.g. EV_LOST, EV_POWER_CUT.
void world_event(struct world *w, enum dev_event event);
