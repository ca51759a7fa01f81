// SPDX-License-Identifier: Apache-2.0
// The whole bridge on the test's loop, over plain HTTP, with a step-ca that cannot be reached.
#pragma once

#include "bridge/bridge.h"

#define FIXTURE_ADMIN_TOKEN "admin-token-of-the-test"

struct bridge_fixture {
	uv_loop_t loop;
	struct bridge bridge;
	char folder[64];
	bool listening;
	char answer[512 * 1024]; // of the last exchange: head and body, terminated
	int status;		 // of its first answer; 0 = none
	const char *body;	 // behind the first head
};

void bridge_fixture_open(struct bridge_fixture *f);
void bridge_fixture_close(struct bridge_fixture *f);
// A connected, non-blocking socket.
int bridge_fixture_connect(struct bridge_fixture *f);
// Sends the bytes on a connection of their own and reads until the bridge closes it.
void bridge_fixture_raw(struct bridge_fixture *f, const char *request);
// Reads what comes on fd until the bridge closes it, or until `end` (NULL = close only) was seen.
void bridge_fixture_read(struct bridge_fixture *f, int fd, const char *end);
// One request with Connection: close; token and body may be NULL. Returns the status.
int bridge_fixture_call(struct bridge_fixture *f, const char *method, const char *path,
			const char *token, const char *body);
// Body of POST /devices/{id}/enroll with a fresh key; the caller frees it.
char *bridge_fixture_enroll_body(const char *id);
