// SPDX-License-Identifier: Apache-2.0
// A mock hawkBit on a loop of its own, admin API included, for one test.
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/admin.h"
#include "hawkbit/hawkbit.h"
#include "mock_http.h"

#define AUTHORIZED "Authorization: Basic YWRtaW46YWRtaW4=\r\n" // admin:admin
#define JSON_BODY  "Content-Type: application/json\r\n"

struct hawkbit_fixture {
	uv_loop_t loop;
	struct log log;
	struct secret password;
	struct fault_plan *faults;
	struct journal *journal;
	struct hawkbit *hawkbit;
	struct admin *admin;
};

// release, context_path: NULL = the defaults.
void hawkbit_fixture_init(struct hawkbit_fixture *f, const char *release, const char *context_path);
void hawkbit_fixture_fini(struct hawkbit_fixture *f);
// With credentials and, when there is a body, its content type.
struct mock_answer hawkbit_call(struct hawkbit_fixture *f, const char *method, const char *path,
				const char *body);
// To the admin API.
struct mock_answer hawkbit_admin_call(struct hawkbit_fixture *f, const char *method,
				      const char *path, const char *body);
// Fails the test unless the call is answered with this status.
void hawkbit_expect(struct hawkbit_fixture *f, const char *method, const char *path,
		    const char *body, int status);
