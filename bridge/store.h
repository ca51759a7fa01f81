// SPDX-License-Identifier: Apache-2.0
// What the bridge remembers: devices, their certificates and addresses, and the work that is still
// owed to other systems. Operations are queued from the loop thread to a store thread that commits
// many of them at once; a callback comes on the loop thread after the commit, so whoever answers
// from it promises nothing that a power cut could take back. A store_* function that returns an
// error has queued nothing and calls nobody: ERR_EXHAUSTED (too many operations in flight),
// ERR_CANCELLED (closing), ERR_NOMEM.
#pragma once

#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/id.h"
#include "base/log.h"
#include "bridge/pool.h"
#include "wg/key.h"

#define WG_KEY_CHARS	   44
#define STORE_SERIAL_CHARS 64
#define DEVICE_TYPE_CHARS  128
#define TASK_PAYLOAD_BYTES 1024
#define TASK_ERROR_BYTES   256

// id, name in the API
#define DEVICE_STATE_TABLE(X)                                                                      \
	X(RESERVED, "reserved") /* has an address, no certificate yet */                           \
	X(ENROLLED, "enrolled")                                                                    \
	X(PROVISIONED, "provisioned") /* known to hawkBit and ThingsBoard */                       \
	X(DECOMMISSIONING, "decommissioning")                                                      \
	X(DECOMMISSIONED, "decommissioned")

enum device_state {
#define X(id, name) DEVICE_##id,
	DEVICE_STATE_TABLE(X)
#undef X
		DEVICE_STATE_COUNT
};

// id, name in the API, the system it needs, 1 = a step of the decommission
#define TASK_KIND_TABLE(X)                                                                         \
	X(SET_WG_PEER, "set_wireguard_peer", SYSTEM_WIREGUARD, 0)                                  \
	X(ENSURE_TARGET, "ensure_hawkbit_target", SYSTEM_HAWKBIT, 0)                               \
	X(SET_ATTRIBUTES, "set_thingsboard_attributes", SYSTEM_THINGSBOARD, 0)                     \
	X(REVOKE, "revoke_certificates", SYSTEM_STEP_CA, 1)                                        \
	X(DELETE_TB_DEVICE, "delete_thingsboard_device", SYSTEM_THINGSBOARD, 1)                    \
	X(DELETE_TARGET, "delete_hawkbit_target", SYSTEM_HAWKBIT, 1)                               \
	X(REMOVE_WG_PEER, "remove_wireguard_peer", SYSTEM_WIREGUARD, 1)                            \
	X(DELETE_PEER_ENTRY, "delete_peer_entry", SYSTEM_STORE, 1)

enum task_system {
	SYSTEM_STEP_CA,
	SYSTEM_THINGSBOARD,
	SYSTEM_HAWKBIT,
	SYSTEM_WIREGUARD,
	SYSTEM_STORE,
	SYSTEM_COUNT
};

enum task_kind {
#define X(id, name, system, saga) TASK_##id,
	TASK_KIND_TABLE(X)
#undef X
		TASK_KIND_COUNT
};

enum task_status {
	TASK_OPEN,
	TASK_DONE,     // only decommission steps are kept when done
	TASK_GIVEN_UP, // by ?force=true
};

const char *device_state_name(enum device_state state);
// ERR_INPUT for an unknown name.
enum err ERR_MUST_CHECK device_state_parse(enum device_state *out, const char *name);
const char *task_kind_name(enum task_kind kind);
// ERR_INPUT for an unknown name.
enum err ERR_MUST_CHECK task_kind_parse(enum task_kind *out, const char *name);
enum task_system task_kind_system(enum task_kind kind);
bool task_kind_is_decommission(enum task_kind kind);
const char *task_system_name(enum task_system system);

// All times are milliseconds since the epoch; 0 = never.
struct device_row {
	char id[DEVICE_ID_MAX + 1];
	enum device_state state;
	uint32_t generation;			 // which life of this id, from 1
	uint32_t wg_ip;				 // host byte order; 0 = none
	char wg_public_key[WG_KEY_CHARS + 1];	 // base64; "" = none known
	char device_type[DEVICE_TYPE_CHARS + 1]; // "" = not told
	int64_t created_ms;
	int64_t updated_ms;
	int64_t enrolled_ms; // last certificate
	int64_t provisioned_ms;
	int64_t decommissioned_ms;
};

struct certificate_row {
	char serial[STORE_SERIAL_CHARS + 1]; // decimal
	uint32_t generation;
	int64_t issued_ms;
	int64_t not_after_ms;
	bool revoked;
};

struct task_row {
	uint64_t id;
	char device[DEVICE_ID_MAX + 1];
	uint32_t generation;
	enum task_kind kind;
	enum task_status status;
	uint32_t revision; // grows when the work changes while somebody is at it
	uint32_t attempts;
	int64_t next_ms;		  // due then; INT64_MAX: waits for other tasks
	bool give_up;			  // the next failure is the last
	char payload[TASK_PAYLOAD_BYTES]; // WireGuard: keys that must go, separated by blanks
	char last_error[TASK_ERROR_BYTES];
	// The device's as of now.
	uint32_t wg_ip;
	char wg_public_key[WG_KEY_CHARS + 1];
	char device_type[DEVICE_TYPE_CHARS + 1];
};

// One answer type for all operations; each says below what it fills. Everything is valid during the
// callback only.
struct store_answer {
	enum err err;
	struct why why;
	struct device_row device; // id "" = none
	const struct certificate_row *certificates;
	size_t n_certificates;
	const struct task_row *tasks;
	size_t n_tasks;
	const struct device_row *devices;
	size_t n_devices;
	bool more;	 // devices: there are more after these
	int64_t next_ms; // claim: when the next open task falls due; INT64_MAX = none known
};

typedef void store_done_fn(const struct store_answer *answer, void *ctx);

struct store;

struct store_options {
	uv_loop_t *loop;
	const struct log *log; // borrowed
	const char *database;  // path of a SQLite file or postgresql://...; borrowed while opening
	struct pool pool;
	const char
		*import_peers; // a cdm_peers.json to take over when the store is empty; NULL = none
	int64_t (*now_ms)(void *ctx); // NULL = wall clock
	void *now_ctx;
};

// Which database a text of BRIDGE_DB names: postgresql:// and postgres://, else a file of SQLite.
bool store_database_is_postgres(const char *database);
// ERR_INPUT with why, without a word of the text, when it is no URL that libpq takes.
enum err ERR_MUST_CHECK store_database_check(const char *database, struct why *why);
enum { STORE_NAME_BYTES = 256 };
// The text for messages: without password, cut to size.
void store_database_name(const char *database, char out[static STORE_NAME_BYTES]);
// Wipes and frees a copy. NULL is accepted.
void store_database_free(char *database);

// Opens or creates the database, upgrades its schema, checks that every address in use fits the
// pool, starts the store thread. Blocks: for the start of the program. ERR_IO: cannot be opened, is
// corrupt, cannot be reached, is a file in use by another bridge; ERR_CONFLICT: addresses in use
// lie outside the pool; ERR_INPUT: the file to import is not usable.
enum err ERR_MUST_CHECK store_open(struct store **out, const struct store_options *o,
				   struct why *why);
// Finishes what is queued, then stops. Callbacks still owed are called with ERR_CANCELLED from
// inside; the memory goes with the handle, on the next loop turns.
void store_close(struct store *s);
AUTO_DEFINE(struct store *, store_close)
// Called on the loop thread when an operation left unclaimed tasks that are due.
void store_on_due(struct store *s, void (*fn)(void *ctx), void *ctx);
// Operations queued or running.
size_t store_depth(const struct store *s);
const struct pool *store_pool(const struct store *s);
// Other bridges may change it too.
bool store_is_shared(const struct store *s);

// --- enrollment ---
// The device's row with an address, made if needed: the same address at every call of one life. A
// decommissioned id begins a new life. wg_public_key (base64, NULL = none yet) is only looked up.
// ERR_EXHAUSTED: no address left. ERR_CONFLICT: it is being decommissioned. ERR_INPUT: the key is
// another device's. Fills device.
enum err ERR_MUST_CHECK store_reserve(struct store *s, const char *id, const char *wg_public_key,
				      store_done_fn *done, void *ctx);

struct enrollment_record {
	const char *id;
	uint32_t generation; // as store_reserve told
	const char *serial;  // decimal
	int64_t not_after_ms;
	const char *wg_public_key; // base64; NULL = as it was
	const char *device_type;   // NULL = not told
	bool set_peer;		   // a WireGuard server is configured
};
// Notes an issued certificate, the device's key, and in the same transaction the tasks that follow
// (SET_WG_PEER, claimed for the caller, who hands it to task_run). ERR_CONFLICT: the device was
// decommissioned meanwhile; the certificate is noted all the same and will be revoked. Fills device
// and tasks. ERR_INPUT: the key became another device's meanwhile; treated likewise.
enum err ERR_MUST_CHECK store_record_enrollment(struct store *s, const struct enrollment_record *r,
						store_done_fn *done, void *ctx);

// --- looking ---
// Fills device, certificates, tasks (open ones and decommission steps of this life). ERR_NOT_FOUND.
enum err ERR_MUST_CHECK store_get_device(struct store *s, const char *id, store_done_fn *done,
					 void *ctx);

struct store_list {
	const char *after; // the last id of the page before; NULL = from the start
	size_t limit;	   // 1 to 1000
	uint32_t states;   // bit set of 1 << enum device_state; 0 = all
};
// Devices by id. Fills devices and more.
enum err ERR_MUST_CHECK store_list_devices(struct store *s, const struct store_list *l,
					   store_done_fn *done, void *ctx);

// --- first connect ---
enum { STORE_CANDIDATES = 4 };
struct provisioning_request {
	const char *candidates[STORE_CANDIDATES]; // in this order; NULL ends
	const char *fallback;	 // taken when no candidate is a known device; NULL = none
	const char *device_type; // NULL = not told
};
// Finds the device: the first candidate that was ever enrolled, else the fallback. Not provisioned
// yet: inserts ENSURE_TARGET and SET_ATTRIBUTES unless they are open, claimed for the caller. Fills
// device (with its state before any work) and tasks. ERR_NOT_FOUND: nobody and no fallback.
enum err ERR_MUST_CHECK store_begin_provisioning(struct store *s,
						 const struct provisioning_request *r,
						 store_done_fn *done, void *ctx);

// --- decommission ---
// Marks the device, cancels its other tasks, inserts the five steps (claimed for the caller).
// Again: changes nothing but, with force, lets the open steps give up at their next failure and
// makes them due. ERR_NOT_FOUND: never enrolled. Fills device, tasks (all five), certificates.
enum err ERR_MUST_CHECK store_begin_decommission(struct store *s, const char *id, bool force,
						 store_done_fn *done, void *ctx);
// The last step: frees the address and ends the life. ERR_WRONG_STATE while other steps are open.
enum err ERR_MUST_CHECK store_finish_decommission(struct store *s, const struct task_row *task,
						  store_done_fn *done, void *ctx);
enum err ERR_MUST_CHECK store_mark_revoked(struct store *s, const char *serial, store_done_fn *done,
					   void *ctx);

// --- tasks ---
// Takes up to limit due tasks for this process. Fills tasks and next_ms.
enum err ERR_MUST_CHECK store_claim_tasks(struct store *s, size_t limit, store_done_fn *done,
					  void *ctx);
// The work of this revision is done. A decommission step is kept as done, any other row deleted;
// the last provisioning task moves the device to PROVISIONED; the last step before
// DELETE_PEER_ENTRY makes that due and fills it into tasks, claimed. ERR_CONFLICT: the work has
// changed meanwhile; tasks holds the new row, claimed.
enum err ERR_MUST_CHECK store_task_done(struct store *s, const struct task_row *task,
					store_done_fn *done, void *ctx);
// An attempt failed with `error`; the row comes back at next_ms, or is given up if it says so.
// Fills tasks like store_task_done.
enum err ERR_MUST_CHECK store_task_failed(struct store *s, const struct task_row *task,
					  const char *error, int64_t next_ms, store_done_fn *done,
					  void *ctx);

// --- housekeeping ---
// Gives back the addresses of devices that reserved one before `before_ms` and never got a
// certificate.
enum err ERR_MUST_CHECK store_reclaim(struct store *s, int64_t before_ms, store_done_fn *done,
				      void *ctx);

// Calls row for every device that holds an address and was enrolled, by id, from a snapshot of its
// own. Blocks; for a helper thread. The first error of row ends it.
typedef enum err store_peer_fn(const char *id, uint32_t ip, void *ctx);
enum err ERR_MUST_CHECK store_scan_peers(struct store *s, store_peer_fn *row, void *ctx,
					 struct why *why);
