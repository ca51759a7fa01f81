// SPDX-License-Identifier: Apache-2.0
// The stack's trust: the root by its fingerprint, and a certificate for the broker from the same
// provisioner that the bridge uses.
#include <stdio.h>

#include "base/file.h"
#include "pki/csr.h"
#include "runner/mem.h"
#include "runner/stack.h"
#include "stepca/stepca.h"

enum {
	CA_BUDGET_MS = 10000,
	PEM_MAX_BYTES = 65536,
};

struct wait_ready {
	bool done;
	struct stepca_outcome outcome;
};

static void
on_loaded(const struct stepca_outcome *outcome, void *ctx)
{
	struct wait_ready *w = ctx;
	w->outcome = *outcome;
	w->done = true;
}

static bool
ready_done(void *ctx)
{
	return ((struct wait_ready *)ctx)->done;
}

static enum err
make_client(struct stack *s, struct why *why)
{
	TRY(secret_set(&s->ca_password, BYTES_STR(s->secrets.provisioner_password)));
	const char *provisioner = stack_fact(s, "STEP_CA_PROVISIONER_NAME");
	const struct stepca_options o = {
		.url = stack_fact(s, "STEP_CA_URL"),
		.fingerprint = stack_fact(s, "STEP_CA_FINGERPRINT"),
		.provisioner = provisioner ? provisioner : "iot-bridge",
		.password = &s->ca_password,
		.budget_ms = CA_BUDGET_MS,
		.jitter_seed = s->seed,
	};
	return stepca_new(&s->ca, &s->bench->loop, s->bench->http, &o, why);
}

enum err
trust_load(struct stack *s, struct why *why)
{
	struct wait_ready wait = {0};
	struct stepca_call *call;
	TRY(make_client(s, why));
	TRY(stepca_load(&call, s->ca, on_loaded, &wait));
	enum err err = bench_wait(s->bench, ready_done, &wait, bench_deadline(CA_BUDGET_MS + 5000));
	if (err != ERR_OK) {
		stepca_call_cancel(call);
		return err;
	}
	if (wait.outcome.err != ERR_OK) {
		*why = wait.outcome.why;
		why_prefix(why, "trust from step-ca's fingerprint");
		return wait.outcome.err;
	}
	s->root_pem = mem_dup(stepca_root_pem(s->ca));
	AUTO(free) char *path = mem_printf("%s/root.pem", s->private_dir);
	TRY(file_replace_nosync(path, BYTES_STR(s->root_pem), 0644, why));
	const struct tls_client_options o = {.roots_pem = BYTES_STR(s->root_pem),
					     .alpn = "http/1.1"};
	return tls_client_new(&s->tls, &o, why);
}

struct wait_sign {
	bool done;
	struct stack *stack;
	struct stepca_outcome outcome;
};

static enum err
write_file(const struct stack *s, const char *name, struct bytes content, mode_t mode,
	   struct why *why)
{
	AUTO(free) char *path = mem_printf("%s/%s", s->private_dir, name);
	return file_replace_nosync(path, content, mode, why);
}

static void
on_signed(const struct stepca_outcome *outcome, const struct stepca_certificate *cert, void *ctx)
{
	struct wait_sign *w = ctx;
	w->done = true;
	w->outcome = *outcome;
	if (outcome->err != ERR_OK)
		return;
	BUF_AUTO struct buf bundle;
	buf_init(&bundle, PEM_MAX_BYTES);
	// Devices are signed by the same Sub-CA: its chain and the root are what the broker checks
	// them against.
	enum err err = buf_append(&bundle, cert->issuers_pem.p, cert->issuers_pem.n);
	if (err == ERR_OK)
		err = buf_append_str(&bundle, w->stack->root_pem);
	if (err == ERR_OK)
		err = write_file(w->stack, "devices-ca.pem", buf_bytes(&bundle), 0644,
				 &w->outcome.why);
	if (err == ERR_OK)
		err = write_file(w->stack, "broker.crt", cert->chain_pem, 0644, &w->outcome.why);
	w->outcome.err = err;
}

static bool
sign_done(void *ctx)
{
	return ((struct wait_sign *)ctx)->done;
}

enum err
trust_issue_broker(struct stack *s, struct why *why)
{
	static const char *const sans[] = {"localhost", "127.0.0.1", NULL};
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	SECRET_AUTO struct secret key_pem = SECRET_NONE;
	BUF_AUTO struct buf csr;
	SAN_LIST_AUTO struct san_list names;
	san_list_init(&names);
	buf_init(&csr, PEM_MAX_BYTES);
	if (!s->ca)
		return why_set(why, ERR_WRONG_STATE,
			       "the mock broker needs a step-ca for its certificate");
	TRY(key_generate(&key));
	TRY(key_to_pem(&key_pem, key));
	TRY(write_file(s, "broker.key", BYTES(key_pem.text, key_pem.n), 0600, why));
	for (size_t i = 0; sans[i]; i++)
		TRY(san_list_add_host(&names, sans[i]));
	const struct csr_options o = {.cn = "localhost", .sans = &names};
	TRY(csr_create_pem(&csr, key, &o));
	struct wait_sign wait = {.stack = s};
	struct stepca_call *call;
	const struct stepca_sign_request request = {
		.csr_pem = buf_bytes(&csr), .subject = "localhost", .sans = sans};
	TRY(stepca_sign(&call, s->ca, &request, on_signed, &wait));
	enum err err = bench_wait(s->bench, sign_done, &wait, bench_deadline(CA_BUDGET_MS + 5000));
	if (err != ERR_OK) {
		stepca_call_cancel(call);
		return err;
	}
	if (wait.outcome.err != ERR_OK) {
		*why = wait.outcome.why;
		why_prefix(why, "certificate for the broker");
	}
	return wait.outcome.err;
}
