// SPDX-License-Identifier: Apache-2.0
// Issuing a leaf and answering with it, and the semantic faults that spoil it on the way.
#include <openssl/rand.h>
#include <stdio.h>

#include "base/clock.h"
#include "step-ca/internal.h"

enum {
	DER_MAX = 64 * 1024,
	DER_USUAL = 1024,
	ANSWER_MAX = 256 * 1024,
	EXPIRED_LIFE_S = 3600,
	CN_MAX = 512,
};

enum flaw {
	FLAW_WRONG_KEY,
	FLAW_WRONG_CN,
	FLAW_EXPIRED,
	FLAW_MISSING_INTERMEDIATE,
	FLAW_WRONG_CHAIN,
	N_FLAWS
};

const struct fault_term issue_faults[ISSUE_N_FAULTS] = {
	[FLAW_WRONG_KEY] = {"wrong-key",		 "the certificate carries another key than the CSR"	   },
	[FLAW_WRONG_CN] =
		{"wrong-cn",
			    "the subject's CN is another one (\"cn\": text; default: the right one + \"-other\")"},
	[FLAW_EXPIRED] = {"expired",		     "the certificate's life ended an hour ago"		       },
	[FLAW_MISSING_INTERMEDIATE] = {"missing-intermediate",
			       "certChain holds leaf and Sub-CA only"						     },
	[FLAW_WRONG_CHAIN] = {"wrong-chain",	     "leaf and chain are those of another CA"		     },
};
_Static_assert((int)N_FLAWS == (int)ISSUE_N_FAULTS, "one line a flaw");

// What is issued, on its way.
struct job {
	struct authority *a;
	struct cert_template *t;
	const struct ca *ca; // that signs
	bool without_intermediate;
	EVP_PKEY *other_key; // for wrong-key
	char cn[CN_MAX];     // for wrong-cn
	uint8_t serial[CERT_SERIAL_BYTES];
};

static void
job_fini(struct job *job)
{
	EVP_PKEY_free(job->other_key);
}

// --- flaws ---

typedef enum err flaw_fn(struct job *job, const struct fault *fault);

static enum err
spoil_key(struct job *job, const struct fault *fault)
{
	(void)fault;
	TRY(key_generate(&job->other_key));
	job->t->key = job->other_key;
	return ERR_OK;
}

static enum err
spoil_cn(struct job *job, const struct fault *fault)
{
	const char *cn = json_string_value(json_object_get(fault->params, "cn"));
	snprintf(job->cn, sizeof(job->cn), "%s%s", cn ? cn : job->t->cn, cn ? "" : "-other");
	job->t->cn = job->cn;
	job->t->subject_der = BYTES_NONE;
	return ERR_OK;
}

static enum err
spoil_validity(struct job *job, const struct fault *fault)
{
	(void)fault;
	job->t->not_after = clock_wall_s() - EXPIRED_LIFE_S;
	job->t->not_before = job->t->not_after - EXPIRED_LIFE_S;
	return ERR_OK;
}

static enum err
spoil_chain(struct job *job, const struct fault *fault)
{
	(void)fault;
	job->without_intermediate = true;
	return ERR_OK;
}

static enum err
spoil_issuer(struct job *job, const struct fault *fault)
{
	(void)fault;
	if (!job->a->stranger)
		TRY(ca_new(&job->a->stranger, "Stranger", clock_wall_s()));
	job->ca = job->a->stranger;
	return ERR_OK;
}

static flaw_fn *const flaws[N_FLAWS] = {
	[FLAW_WRONG_KEY] = spoil_key,	   [FLAW_WRONG_CN] = spoil_cn,
	[FLAW_EXPIRED] = spoil_validity,   [FLAW_MISSING_INTERMEDIATE] = spoil_chain,
	[FLAW_WRONG_CHAIN] = spoil_issuer,
};

static enum err
spoil(struct job *job, const char *endpoint, const char *subject)
{
	if (fault_plan_is_empty(job->a->o.faults))
		return ERR_OK;
	for (size_t i = 0; i < N_FLAWS; i++) {
		const struct fault *fault = fault_plan_match_semantic(
			job->a->o.faults, endpoint, subject, issue_faults[i].name);
		if (fault)
			TRY(flaws[i](job, fault));
	}
	return ERR_OK;
}

// --- issuing ---

static enum err
record(struct job *job, const char *subject)
{
	AUTO(BN_free) BIGNUM *n = BN_bin2bn(job->serial, sizeof(job->serial), NULL);
	char *decimal = n ? BN_bn2dec(n) : NULL;
	if (!decimal)
		return ERR_NOMEM;
	enum err err = ledger_add_certificate(job->a->ledger, decimal, subject, job->t->not_after);
	OPENSSL_free(decimal);
	return err;
}

static enum err
issue(struct buf *answer, struct job *job, const char *endpoint, const char *subject)
{
	BUF_AUTO struct buf der;
	buf_init(&der, DER_MAX);
	TRY(buf_reserve(&der, DER_USUAL));
	if (RAND_bytes(job->serial, sizeof(job->serial)) != 1)
		return ossl_fail(NULL, ERR_CRYPTO, "serial");
	job->t->serial = job->serial;
	TRY(spoil(job, endpoint, subject));
	TRY(cert_issue_der(&der, job->ca->issuer, job->t));
	TRY(record(job, subject));
	return ca_write_answer(answer, job->ca, buf_bytes(&der), job->without_intermediate);
}

void
issue_and_reply(struct authority *a, struct http_req *req, const char *endpoint,
		const char *subject, struct cert_template *t)
{
	__attribute__((cleanup(job_fini))) struct job job = {.a = a, .t = t, .ca = a->ca};
	BUF_AUTO struct buf answer;
	struct why why;
	buf_init(&answer, ANSWER_MAX);
	enum err err = issue(&answer, &job, endpoint, subject);
	if (!err) {
		reply_json_text(req, 201, buf_bytes(&answer));
		return;
	}
	why_set(&why, err, "the certificate cannot be issued: %s", err_text(err));
	reply_error(req, ERR_INTERNAL, &why);
}
