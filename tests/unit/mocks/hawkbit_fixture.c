// SPDX-License-Identifier: Apache-2.0
#include "hawkbit_fixture.h"

void
hawkbit_fixture_init(struct hawkbit_fixture *f, const char *release, const char *context_path)
{
	struct why why = {0};
	*f = (struct hawkbit_fixture){.log = log_new("test", LOG_OFF)};
	struct hawkbit_options o = {.user = "admin",
				    .password = &f->password,
				    .context_path = context_path ? context_path : "",
				    .release = release_latest(),
				    .log = &f->log};
	uv_loop_init(&f->loop);
	cr_assert(eq(int, addr_parse(&o.addr, "127.0.0.1:0", &why), ERR_OK));
	cr_assert(eq(int, secret_set(&f->password, BYTES_STR("admin")), ERR_OK));
	cr_assert(eq(int, fault_plan_new(&f->faults, &hawkbit_vocabulary, 1), ERR_OK));
	cr_assert(eq(int, journal_new(&f->journal, NULL), ERR_OK));
	if (release)
		cr_assert(eq(int, release_parse(&o.release, release, &why), ERR_OK));
	o.faults = f->faults;
	o.journal = f->journal;
	cr_assert(eq(int, hawkbit_new(&f->hawkbit, &f->loop, &o, &why), ERR_OK), "%s", why.text);
	const struct admin_options a = {.addr = o.addr,
					.mock = "test",
					.log = &f->log,
					.faults = f->faults,
					.journal = f->journal,
					.state = hawkbit_state,
					.reset = hawkbit_reset,
					.ctx = f->hawkbit};
	cr_assert(eq(int, admin_new(&f->admin, &f->loop, &a, &why), ERR_OK), "%s", why.text);
}

void
hawkbit_fixture_fini(struct hawkbit_fixture *f)
{
	admin_free(f->admin);
	hawkbit_stop(f->hawkbit);
	mock_loop_finish(&f->loop);
	hawkbit_free(f->hawkbit);
	fault_plan_free(f->faults);
	journal_free(f->journal);
	secret_fini(&f->password);
}

struct mock_answer
hawkbit_call(struct hawkbit_fixture *f, const char *method, const char *path, const char *body)
{
	return mock_call(&f->loop, hawkbit_addr(f->hawkbit), method, path,
			 body ? AUTHORIZED JSON_BODY : AUTHORIZED, body);
}

struct mock_answer
hawkbit_admin_call(struct hawkbit_fixture *f, const char *method, const char *path,
		   const char *body)
{
	return mock_call(&f->loop, admin_addr(f->admin), method, path, NULL, body);
}

void
hawkbit_expect(struct hawkbit_fixture *f, const char *method, const char *path, const char *body,
	       int status)
{
	ANSWER_AUTO struct mock_answer a = hawkbit_call(f, method, path, body);
	cr_assert(eq(int, a.status, status), "%s %s: %s%s", method, path, a.head, a.body);
}
