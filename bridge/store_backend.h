// SPDX-License-Identifier: Apache-2.0
// The seam between what the store does (store_logic.c) and where it keeps it (store_sqlite.c,
// store_postgres.c): a table of small synchronous functions on rows, called by the store thread
// inside a transaction. Not for the rest of the bridge. Every function returns ERR_IO with why when
// the database fails.
#pragma once

#include "bridge/store.h"

struct store_rows_tasks {
	struct task_row *rows;
	size_t n;
};
struct store_rows_certificates {
	struct certificate_row *rows;
	size_t n;
};
struct store_rows_devices {
	struct device_row *rows;
	size_t n;
};
struct address_range {
	uint32_t first;
	uint32_t last;
};

struct store_db; // a backend's own

// What a transaction is for.
enum store_tx {
	STORE_TX_READ, // nothing is written
	// Survives the end of the process, and a power cut together with the next durable one.
	STORE_TX_RELAXED,
	STORE_TX_DURABLE, // survives a power cut
};

struct store_backend {
	// Other bridges may work on the same database at the same time.
	bool shared;
	enum err (*open)(struct store_db **out, const struct store_options *o, struct why *why);
	void (*close)(struct store_db *db);
	// What is written until the commit is seen by nobody, and nobody else writes meanwhile.
	enum err (*begin)(struct store_db *db, enum store_tx tx, struct why *why);
	enum err (*commit)(struct store_db *db, struct why *why);
	void (*rollback)(struct store_db *db);
	// After a failure: the same transaction may well succeed when it is run again at once.
	bool (*is_transient)(const struct store_db *db);

	// A value by name; "" when it was never put.
	enum err (*meta_get)(struct store_db *db, const char *key, char *out, size_t size,
			     struct why *why);
	enum err (*meta_put)(struct store_db *db, const char *key, const char *value,
			     struct why *why);

	// ERR_NOT_FOUND when absent.
	enum err (*device_get)(struct store_db *db, const char *id, struct device_row *out,
			       struct why *why);
	enum err (*device_put)(struct store_db *db, const struct device_row *row, struct why *why);
	enum err (*device_delete)(struct store_db *db, const char *id, struct why *why);
	// The id of the device that has this key into out; "" = nobody.
	enum err (*device_of_key)(struct store_db *db, const char *wg_public_key,
				  char out[static DEVICE_ID_MAX + 1], struct why *why);
	enum err (*devices_after)(struct store_db *db, const struct store_list *l,
				  struct store_rows_devices *out, struct why *why);
	// Devices in RESERVED that were last touched before a time; at most `limit`.
	enum err (*devices_stale)(struct store_db *db, int64_t before_ms, size_t limit,
				  struct store_rows_devices *out, struct why *why);

	// Free addresses as ranges that neither touch nor overlap. Lowest, and the neighbours of
	// one address: found = false when there is none.
	enum err (*range_lowest)(struct store_db *db, struct address_range *out, bool *found,
				 struct why *why);
	enum err (*range_at_or_below)(struct store_db *db, uint32_t ip, struct address_range *out,
				      bool *found, struct why *why);
	enum err (*range_put)(struct store_db *db, const struct address_range *r, struct why *why);
	enum err (*range_delete)(struct store_db *db, uint32_t first, struct why *why);
	enum err (*range_clear)(struct store_db *db, struct why *why);

	enum err (*certificate_put)(struct store_db *db, const char *device,
				    const struct certificate_row *row, struct why *why);
	enum err (*certificates_of)(struct store_db *db, const char *device,
				    struct store_rows_certificates *out, struct why *why);
	enum err (*certificate_revoked)(struct store_db *db, const char *serial, struct why *why);
	// Forgets the device's certificates that expired before a time.
	enum err (*certificates_prune)(struct store_db *db, const char *device, int64_t before_ms,
				       struct why *why);

	enum err (*task_get)(struct store_db *db, uint64_t id, struct task_row *out,
			     struct why *why);
	// The one row of (device, generation, kind). ERR_NOT_FOUND.
	enum err (*task_find)(struct store_db *db, const char *device, uint32_t generation,
			      enum task_kind kind, struct task_row *out, struct why *why);
	// Inserts when row->id is 0 and sets it. claimed_ms: until when this bridge has it; 0 =
	// nobody.
	enum err (*task_put)(struct store_db *db, struct task_row *row, int64_t claimed_ms,
			     struct why *why);
	enum err (*task_delete)(struct store_db *db, uint64_t id, struct why *why);
	enum err (*tasks_of)(struct store_db *db, const char *device, struct store_rows_tasks *out,
			     struct why *why);
	enum err (*tasks_due)(struct store_db *db, int64_t now_ms, size_t limit,
			      struct store_rows_tasks *out, struct why *why);
	enum err (*task_claim)(struct store_db *db, uint64_t id, int64_t until_ms, struct why *why);
	// When the next open task that this bridge has not claimed falls due, or another one's
	// claim on it ends; INT64_MAX = none.
	enum err (*task_next)(struct store_db *db, int64_t *next_ms, struct why *why);

	// See store_scan_peers; from any thread.
	enum err (*scan_peers)(struct store_db *db, store_peer_fn *row, void *ctx, struct why *why);
};

extern const struct store_backend store_sqlite;
extern const struct store_backend store_postgres;

// What both databases select, in the order in which their readers expect it.
#define DEVICE_COLUMNS                                                                             \
	"id, state, generation, wg_ip, wg_public_key, device_type, created_ms, updated_ms, "       \
	"enrolled_ms, provisioned_ms, decommissioned_ms"
#define TASK_SELECT                                                                                  \
	"SELECT t.id, t.device, t.generation, t.kind, t.status, t.revision, t.attempts, t.next_ms, " \
	"t.give_up, t.payload, t.last_error, d.wg_ip, d.wg_public_key, d.device_type "               \
	"FROM task t LEFT JOIN device d ON d.id = t.device "

// One queued operation: what is asked, and the answer while it is made.
enum store_op_kind {
	STORE_OP_RESERVE,
	STORE_OP_RECORD,
	STORE_OP_GET,
	STORE_OP_LIST,
	STORE_OP_PROVISION,
	STORE_OP_DECOMMISSION,
	STORE_OP_FINISH,
	STORE_OP_REVOKED,
	STORE_OP_CLAIM,
	STORE_OP_TASK_DONE,
	STORE_OP_TASK_FAILED,
	STORE_OP_RECLAIM,
	STORE_OP_COUNT
};

struct store_op {
	struct store_op *next;
	enum store_op_kind kind;
	char id[DEVICE_ID_MAX + 1];
	char candidates[STORE_CANDIDATES][DEVICE_ID_MAX + 1];
	char serial[STORE_SERIAL_CHARS + 1];
	char wg_public_key[WG_KEY_CHARS + 1];
	char device_type[DEVICE_TYPE_CHARS + 1];
	char error[TASK_ERROR_BYTES];
	uint64_t task_id;
	uint32_t generation;
	uint32_t revision;
	uint32_t states;
	size_t limit;
	int64_t when_ms; // not after, next attempt, before: what the kind takes
	bool flag;	 // force, set_peer
	store_done_fn *done;
	void *ctx;
	// Made by the operation; freed with it.
	struct store_answer answer;
	struct store_rows_tasks tasks;
	struct store_rows_certificates certificates;
	struct store_rows_devices devices;
	bool due; // it left work that nobody has claimed
};

void store_op_free(struct store_op *op);
AUTO_DEFINE(struct store_op *, store_op_free)
// Queues the operation, which is consumed also on failure.
enum err ERR_MUST_CHECK store_submit(struct store *s, struct store_op *take_op);

// What the logic works with.
struct store_session {
	const struct store_backend *backend;
	struct store_db *db;
	struct pool pool;
	int64_t now_ms;
};

// Runs one operation inside the open transaction and fills op->answer. ERR_IO, ERR_NOMEM and
// ERR_INTERNAL mean that its writes must be rolled back; with every other error they are meant to
// be committed.
void store_logic_run(const struct store_session *s, struct store_op *op);
// Makes the free ranges fit the pool; ERR_CONFLICT when an address in use does not.
enum err ERR_MUST_CHECK store_logic_adopt_pool(const struct store_session *s, struct why *why);

struct peer_entry;
// Takes over peers of the original bridge into an empty store.
enum err ERR_MUST_CHECK store_logic_import(const struct store_session *s,
					   const struct peer_entry *peers, size_t n,
					   struct why *why);

// The address ranges (store_ranges.c).
enum err ERR_MUST_CHECK store_range_take_lowest(const struct store_session *s, uint32_t *ip,
						struct why *why);
// ERR_CONFLICT when it is not free.
enum err ERR_MUST_CHECK store_range_take(const struct store_session *s, uint32_t ip,
					 struct why *why);
enum err ERR_MUST_CHECK store_range_give_back(const struct store_session *s, uint32_t ip,
					      struct why *why);

// Arrays that grow by doubling; NULL when memory is out. The new row is zeroed.
struct task_row *store_rows_add_task(struct store_rows_tasks *list);
struct certificate_row *store_rows_add_certificate(struct store_rows_certificates *list);
struct device_row *store_rows_add_device(struct store_rows_devices *list);
void store_rows_tasks_fini(struct store_rows_tasks *list);
void store_rows_certificates_fini(struct store_rows_certificates *list);
void store_rows_devices_fini(struct store_rows_devices *list);
#define STORE_ROWS_TASKS_AUTO	__attribute__((cleanup(store_rows_tasks_fini)))
#define STORE_ROWS_DEVICES_AUTO __attribute__((cleanup(store_rows_devices_fini)))
