// SPDX-License-Identifier: Apache-2.0
// For tests of HTTP mocks: a raw client on the mock's own loop, so that a test sees every byte of
// an answer and nothing needs a second thread.
#pragma once

#include <jansson.h>
#include <uv.h>

#include "base/buf.h"
#include "net/addr.h"

struct mock_answer {
	int status; // 0: the connection ended without an answer
	bool reset; // it ended by RST
	char *head;
	char *body; // terminated; inside head's memory
};

// Sends one request on a connection of its own and runs the loop until the connection ends.
// headers: lines "Name: value\r\n"; NULL: none. body NULL: none. Plain HTTP.
struct mock_answer mock_call(uv_loop_t *loop, struct addr addr, const char *method,
			     const char *path, const char *headers, const char *body);
// Sends these bytes as they are.
struct mock_answer mock_call_raw(uv_loop_t *loop, struct addr addr, struct bytes request);
void mock_answer_fini(struct mock_answer *a);
#define ANSWER_AUTO __attribute__((cleanup(mock_answer_fini)))
// The value of a header into out; "" when it is absent.
const char *mock_answer_header(const struct mock_answer *a, const char *name, char out[static 512]);
// The body as JSON; fails the test when it is not. New reference.
json_t *mock_answer_json(const struct mock_answer *a);
// The string at a path of keys ("info.type"), "" when there is none. Borrowed.
const char *json_text_at(const json_t *json, const char *path);
// Runs the loop until nothing is left and closes it: proves that all handles were closed.
void mock_loop_finish(uv_loop_t *loop);
