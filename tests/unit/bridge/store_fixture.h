// SPDX-License-Identifier: Apache-2.0
// A store, a virtual clock, and operations that wait for their answer. The store is on a temporary
// file, or on a database of its own at the server that TEST_POSTGRES names (with_postgres.sh).
#pragma once

#include <limits.h>

#include "bridge/store.h"

enum { FX_ROWS = 16 };

// A deep copy of a struct store_answer.
struct result {
	enum err err; // of the answer, or of the call when that queued nothing
	struct why why;
	struct device_row device;
	struct task_row tasks[FX_ROWS];
	size_t n_tasks;
	struct certificate_row certificates[FX_ROWS];
	size_t n_certificates;
	struct device_row devices[FX_ROWS];
	size_t n_devices;
	bool more;
	int64_t next_ms;
	bool called;
};

struct fixture {
	uv_loop_t loop;
	struct log log;
	struct store *store;
	char folder[PATH_MAX];
	char database[PATH_MAX];
	char import[PATH_MAX];
	const char *subnet;
	int64_t now_ms;
	bool wall_clock; // instead of now_ms
	int due_calls;
	char server_database[32]; // at the PostgreSQL server; "" = the store is a file
	struct result r; // of the last operation
};

// Runs SQL at the server behind fx->database, or with `server` in its own database "postgres".
// Gives the first value of the answer, "" when there is none.
const char *fx_postgres(struct fixture *fx, bool server, const char *sql);

// The subnet is kept by reference. The store is not opened yet.
void fx_init(struct fixture *fx, const char *subnet);
enum err fx_open(struct fixture *fx, struct why *why);
// Opens and fails the test if it cannot.
void fx_must_open(struct fixture *fx);
void fx_close(struct fixture *fx);
void fx_fini(struct fixture *fx);
void fx_write(const struct fixture *fx, const char *path, const char *text);

void fx_keep(const struct store_answer *answer, void *ctx); // a store_done_fn; ctx: struct result
enum err fx_wait(struct fixture *fx, enum err queued);	    // until fx->r was called

enum err fx_reserve(struct fixture *fx, const char *id);
enum err fx_record(struct fixture *fx, const char *id, const char *serial, const char *key);
// Reserve and record; the device must end up enrolled.
void fx_enroll(struct fixture *fx, const char *id, const char *serial, const char *key);
enum err fx_get(struct fixture *fx, const char *id);
enum err fx_provision(struct fixture *fx, const char *id, const char *fallback);
enum err fx_decommission(struct fixture *fx, const char *id, bool force);
enum err fx_done(struct fixture *fx, const struct task_row *task);
enum err fx_failed(struct fixture *fx, const struct task_row *task, const char *error,
		   int64_t next_ms);
enum err fx_finish(struct fixture *fx, const struct task_row *task);
enum err fx_claim(struct fixture *fx, size_t limit);
enum err fx_reclaim(struct fixture *fx, int64_t before_ms);
enum err fx_list(struct fixture *fx, const char *after, size_t limit, uint32_t states);

// The row of a kind in the last result; NULL when there is none.
const struct task_row *fx_task(const struct fixture *fx, enum task_kind kind);
// Runs a decommission to its end.
void fx_decommission_fully(struct fixture *fx, const char *id);
// A made-up WireGuard key: well-formed base64, different for every n.
const char *fx_key(unsigned n);
// "10.8.0.2" of the last result's device.
const char *fx_ip(const struct fixture *fx);
