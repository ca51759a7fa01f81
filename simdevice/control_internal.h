// SPDX-License-Identifier: Apache-2.0
// Private to control*.c.
#pragma once

#include <jansson.h>
#include <uthash.h>
#include <uv.h>

#include "sim_device.h"

enum { CONTROL_LINE_MAX = 1024 * 1024 };

struct control;

// A device as the runner knows it: one command at a time.
struct control_device {
	char id[DEVICE_ID_MAX + 1];
	struct control *control;
	struct sim_device *sim;
	json_t *pending_id; // of the command in flight; NULL = none
	const struct control_command *pending;
	struct why boot; // the flash that it was switched on with was not usable
	UT_hash_handle hh;
};

struct control {
	uv_loop_t loop;
	uv_pipe_t pipe;
	struct buf in;
	struct log log;
	struct sim_config config;
	struct worker worker;
	struct control_device *devices;
	bool quit;
	bool closing;
};

// One command. Handlers answer with error_set() or by starting a phase.
struct control_call {
	struct control *control;
	struct control_device *device; // NULL when the command needs none
	const json_t *with;	       // an object, maybe empty
	json_t *result;		       // of an immediate command; the handler may set it
	enum layer layer;	       // of an error
	const char *kind;
	struct why why;
};

enum command_kind {
	COMMAND_NOW,   // answered when the handler returns
	COMMAND_PHASE, // answered when the device's phase ends
};

struct control_command {
	const char *name;
	enum command_kind kind;
	bool needs_device;
	enum dev_event event;				// COMMAND_PHASE
	enum err (*prepare)(struct control_call *call); // NULL = nothing; reads `with`
	json_t *(*result)(struct control_device *cd);	// what the answer holds; NULL = {}
};

// NULL when there is no such command.
const struct control_command *control_command_find(const char *name);
// Comma list of all names, for the error that teaches.
void control_command_names(char *out, size_t size);
// Sets the error of a call.
enum err control_refuse(struct control_call *call, enum layer layer, const char *kind,
			const char *fmt, ...) PRINTF_LIKE(4, 5);
// The device, switched on at its first mention; NULL with call's error set.
struct control_device *control_device_get(struct control_call *call, const char *id);
// Takes one line. Public for its test.
void control_take_line(struct control *c, struct bytes line);
// Sends an object as a line; consumes the reference. Public for commands that tell more.
void control_send(struct control *c, json_t *take_object);
// uint from `with`: absent = fallback. ERR_INPUT with the call's error set.
enum err ERR_MUST_CHECK control_get_uint(struct control_call *call, const char *name,
					 uint32_t fallback, uint32_t max, uint32_t *out);

// control_result.c: new references.
json_t *result_enroll(struct control_device *cd);
json_t *result_connect(struct control_device *cd);
json_t *result_tunnel(struct control_device *cd);
json_t *result_ping(struct control_device *cd);
json_t *result_flash(struct control_device *cd);
json_t *result_renew(struct control_device *cd);
json_t *result_state(struct control_device *cd);
json_t *result_error(enum layer layer, const char *kind, int code, const char *text);
