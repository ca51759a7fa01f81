// SPDX-License-Identifier: Apache-2.0
#include "bridge/meters.h"

#include "base/clock.h"
#include "bridge/routes.h"

enum {
	OPERATION_SIGN,
	OPERATION_FIRST_TASK,
};

// A histogram is large and mostly zero: hist_init() would touch all of its pages, calloc() none.
static void
begin_empty(struct hist *h)
{
	h->min = UINT64_MAX;
}

struct meters *
meters_new(void)
{
	struct meters *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->started_s = (double)clock_wall_ns() / (double)NS_PER_S;
	for (size_t i = 0; i < N_ELEMENTS(m->request_us); i++)
		begin_empty(&m->request_us[i]);
	for (size_t i = 0; i < N_ELEMENTS(m->step_us); i++)
		begin_empty(&m->step_us[i]);
	for (size_t i = 0; i < N_ELEMENTS(m->call_us); i++)
		begin_empty(&m->call_us[i]);
	return m;
}

void
meters_free(struct meters *m)
{
	free(m);
}

void
meters_request(struct meters *m, const struct http_req *req, int status)
{
	const struct http_route *route = http_req_route(req);
	size_t row = route ? (size_t)(route - bridge_routes) : METER_ROUTES_MAX;
	if (!m || row > METER_ROUTES_MAX || status < 0 || status >= METER_STATUS_MAX)
		return;
	m->requests[row][status]++;
	hist_record(&m->request_us[row], (clock_mono_ns() - http_req_started_ns(req)) / 1000);
}

void
meters_enrolled(struct meters *m)
{
	if (m)
		m->enrollments[PROBLEM_COUNT]++;
}

void
meters_not_enrolled(struct meters *m, enum problem problem)
{
	if (m)
		m->enrollments[problem]++;
}

void
meters_enroll_step(struct meters *m, size_t step, uint64_t ns)
{
	if (m && step < METER_STEPS_MAX)
		hist_record(&m->step_us[step], ns / 1000);
}

static void
count_call(struct meters *m, size_t operation, enum err err, uint64_t ns)
{
	if (!m)
		return;
	m->calls[operation][err]++;
	hist_record(&m->call_us[operation], ns / 1000);
}

void
meters_sign(struct meters *m, enum err err, uint64_t ns)
{
	count_call(m, OPERATION_SIGN, err, ns);
}

void
meters_attempt(struct meters *m, enum task_kind kind, enum err err, uint64_t ns)
{
	count_call(m, OPERATION_FIRST_TASK + (size_t)kind, err, ns);
}

const char *
meter_system(size_t operation)
{
	if (operation == OPERATION_SIGN)
		return task_system_name(SYSTEM_STEP_CA);
	return task_system_name(
		task_kind_system((enum task_kind)(operation - OPERATION_FIRST_TASK)));
}

const char *
meter_operation(size_t operation)
{
	if (operation == OPERATION_SIGN)
		return "sign";
	return task_kind_name((enum task_kind)(operation - OPERATION_FIRST_TASK));
}
