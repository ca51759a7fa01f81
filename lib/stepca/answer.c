// SPDX-License-Identifier: Apache-2.0
#include "stepca/answer.h"

#include <ctype.h>
#include <stdio.h>

enum {
	CHAIN_MAX_BYTES = 128 * 1024,
	MESSAGE_MAX = 300,
	// step-ca backdates by a minute; a CA whose clock runs ahead of ours is still the CA.
	CLOCK_SKEW_S = 300,
};

// The CA's own words, fit for a log line or a problem body. A text that looks like a token is not
// repeated.
static void
read_message(char out[static MESSAGE_MAX], const struct http_answer *answer)
{
	json_auto_t *body = http_answer_json(answer, NULL);
	const char *message = json_string_value(json_object_get(body, "message"));
	if (!message)
		message = "no message";
	else if (strstr(message, "eyJ"))
		message = "(message withheld: it holds a token)";
	snprintf(out, MESSAGE_MAX, "%s", message);
	for (char *p = out; *p; p++)
		if (iscntrl((unsigned char)*p))
			*p = ' ';
}

static enum err
judge_failure(struct stepca_outcome *out, const char *url, const char *what,
	      const struct http_answer *answer)
{
	switch (answer->err) {
	case ERR_TLS:
		if (strstr(answer->why.text, "unable to get local issuer"))
			return why_set(
				&out->why, ERR_TLS,
				"step-ca at %s is not trusted (%s): %s; its `crt` file must hold "
				"the Sub-CA and every intermediate below the pinned root",
				url, what, answer->why.text);
		return why_set(&out->why, ERR_TLS, "step-ca at %s is not trusted (%s): %s", url,
			       what, answer->why.text);
	case ERR_TIMEOUT:
		return why_set(&out->why, ERR_TIMEOUT, "step-ca at %s did not answer in time (%s)",
			       url, what);
	case ERR_UPSTREAM_DOWN:
	case ERR_CLOSED:
		return why_set(&out->why, ERR_UPSTREAM_DOWN,
			       "step-ca at %s cannot be reached (%s): %s", url, what,
			       answer->why.text);
	default:
		return why_set(&out->why, ERR_UPSTREAM_FAULT, "step-ca at %s (%s): %s", url, what,
			       answer->why.text);
	}
}

static enum err
judge_status(struct stepca_outcome *out, const char *what, const struct http_answer *answer)
{
	char message[MESSAGE_MAX];
	read_message(message, answer);
	if (answer->status == 501)
		return why_set(&out->why, ERR_UNSUPPORTED,
			       "step-ca cannot %s: it runs without a database (501: %s)", what,
			       message);
	if (answer->status >= 500)
		return why_set(&out->why, ERR_UPSTREAM_FAULT, "step-ca failed to %s (%d): %s", what,
			       answer->status, message);
	if (answer->status == 401)
		return why_set(
			&out->why, ERR_UPSTREAM_REFUSED,
			"step-ca refused the token to %s (401): check the clocks of both machines, "
			"provisioner name and password, and that the CA's dnsNames hold the host of "
			"its URL: %s",
			what, message);
	if (answer->status >= 400)
		return why_set(&out->why, ERR_UPSTREAM_REFUSED, "step-ca refused to %s (%d): %s",
			       what, answer->status, message);
	return why_set(&out->why, ERR_UPSTREAM_FAULT,
		       "step-ca answered %d to %s: is the URL a step-ca's?", answer->status, what);
}

void
stepca_judge(struct stepca_outcome *out, const char *url, const char *what, int expected,
	     const struct http_answer *answer)
{
	*out = (struct stepca_outcome){.status = answer->status};
	if (answer->err != ERR_OK)
		out->err = judge_failure(out, url, what, answer);
	else if (answer->status != expected)
		out->err = judge_status(out, what, answer);
}

void
issuers_fini(struct issuers *i)
{
	free(i->pem);
	trust_free(i->issuing);
	*i = (struct issuers){0};
}

void
checked_answer_fini(struct checked_answer *a)
{
	buf_fini(&a->chain_pem);
}

static enum err
append_pem(struct buf *out, const json_t *item)
{
	if (!json_is_string(item))
		return ERR_SYNTAX;
	TRY(buf_append(out, json_string_value(item), json_string_length(item)));
	return json_string_length(item) > 0 && out->data[out->len - 1] != '\n'
		       ? buf_append(out, "\n", 1)
		       : ERR_OK;
}

// Joins certChain (or crt and ca where a proxy in front left it out) into one text; *leaf_n: bytes
// of the first.
static enum err
join_chain(struct buf *out, size_t *leaf_n, const json_t *body)
{
	const json_t *chain = json_object_get(body, "certChain");
	const json_t *parts[8] = {json_object_get(body, "crt"), json_object_get(body, "ca")};
	size_t n = 2;
	if (json_is_array(chain)) {
		n = json_array_size(chain);
		if (n == 0 || n > N_ELEMENTS(parts))
			return ERR_SYNTAX;
		for (size_t i = 0; i < n; i++)
			parts[i] = json_array_get(chain, i);
	}
	for (size_t i = 0; i < n; i++) {
		TRY(append_pem(out, parts[i]));
		if (i == 0)
			*leaf_n = out->len;
	}
	return ERR_OK;
}

static enum err
check_names(X509 *leaf, const struct expected_leaf *want, struct why *why)
{
	AUTO(free) char *cn = NULL;
	SAN_LIST_AUTO struct san_list got;
	SAN_LIST_AUTO struct san_list wanted;
	san_list_init(&got);
	san_list_init(&wanted);
	TRY(cert_cn(&cn, leaf));
	TRY(cert_sans(&got, leaf));
	const char *const only_subject[] = {want->subject, NULL};
	for (const char *const *p = want->sans ? want->sans : only_subject; *p; p++)
		TRY(san_list_add_host(&wanted, *p));
	if (!cn || strcmp(cn, want->subject) != 0)
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate has CN \"%.64s\" instead of \"%s\"",
			       cn ? cn : "", want->subject);
	if (got.n_other > 0 || !san_list_equal(&got, &wanted))
		return why_set(
			why, ERR_UPSTREAM_REFUSED,
			"step-ca's certificate has other names (SAN) than the ones asked for");
	return ERR_OK;
}

static enum err
check_leaf(X509 *leaf, const struct expected_leaf *want, int64_t now,
	   struct stepca_certificate *cert, struct why *why)
{
	if (!cert_matches_key(leaf, want->key))
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is for another key than the request's");
	TRY(check_names(leaf, want, why));
	TRY(cert_validity(&cert->not_before, &cert->not_after, leaf));
	if (cert->not_after <= now)
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is already expired");
	if (cert->not_before > now + CLOCK_SKEW_S)
		return why_set(
			why, ERR_UPSTREAM_REFUSED,
			"step-ca's certificate is not valid yet: check the clocks of both machines");
	return ERR_OK;
}

static int64_t
earliest_end(const STACK_OF(X509) * certs)
{
	int64_t earliest = INT64_MAX;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		int64_t not_before;
		int64_t not_after;
		if (cert_validity(&not_before, &not_after, sk_X509_value(certs, i)) != ERR_OK)
			return 0;
		if (not_after < earliest)
			earliest = not_after;
	}
	return earliest;
}

// Verifies the whole chain and remembers its issuers.
static enum err
learn_issuers(struct issuers *i, X509 *leaf, struct bytes pem, int64_t now, struct why *why)
{
	AUTO(x509_stack_free) STACK_OF(X509) *certs = NULL;
	AUTO(trust_free) struct trust *issuing = NULL;
	if (pem.n > 0 && cert_chain_from_pem(&certs, pem, why) != ERR_OK)
		return ERR_UPSTREAM_FAULT;
	if (trust_verify(i->root, leaf, certs, now, TRUST_ANY, why) != ERR_OK) {
		why_prefix(why, "step-ca's certificate does not lead to the pinned root");
		return ERR_UPSTREAM_REFUSED;
	}
	if (!certs)
		return ERR_OK;
	if (!i->pin_is_root && !trust_find_fingerprint(NULL, certs, i->pin))
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is not by the pinned Sub-CA");
	TRY(trust_new_from_cert(&issuing, sk_X509_value(certs, 0)));
	// The list may be in any order for trust_verify; only a first one that did issue is worth
	// keeping.
	if (trust_verify(issuing, leaf, NULL, now, TRUST_ANY, NULL) != ERR_OK)
		return ERR_OK;
	free(i->pem);
	trust_free(i->issuing);
	i->pem = bytes_to_str(pem);
	i->issuing = STEAL(issuing);
	i->not_after = earliest_end(certs);
	return ERR_OK;
}

// A full chain check costs 300-440 us, one signature by known issuers a quarter of it
// (performance.md 1).
static enum err
check_chain(struct issuers *i, X509 *leaf, struct bytes pem, int64_t now, struct why *why)
{
	if (i->pem && i->not_after > now && bytes_is(pem, i->pem)) {
		if (trust_verify(i->issuing, leaf, NULL, now, TRUST_ANY, why) == ERR_OK)
			return ERR_OK;
		why_prefix(why, "step-ca's certificate is not by its issuing CA");
		return ERR_UPSTREAM_REFUSED;
	}
	return learn_issuers(i, leaf, pem, now, why);
}

enum err
checked_answer_read(struct checked_answer *out, struct issuers *issuers,
		    const struct expected_leaf *want, const json_t *body, int64_t now,
		    struct why *why)
{
	AUTO(X509_free) X509 *leaf = NULL;
	size_t leaf_n = 0;
	*out = (struct checked_answer){0};
	buf_init(&out->chain_pem, CHAIN_MAX_BYTES);
	if (join_chain(&out->chain_pem, &leaf_n, body) != ERR_OK)
		return why_set(why, ERR_UPSTREAM_FAULT, "step-ca's answer has no usable certChain");
	struct stepca_certificate *cert = &out->cert;
	cert->chain_pem = buf_bytes(&out->chain_pem);
	cert->leaf_pem = BYTES(cert->chain_pem.p, leaf_n);
	cert->issuers_pem = BYTES(cert->chain_pem.p + leaf_n, cert->chain_pem.n - leaf_n);
	cert->serial = out->serial;
	if (cert_from_pem(&leaf, cert->leaf_pem, why) != ERR_OK) {
		why_prefix(why, "step-ca's answer");
		return ERR_UPSTREAM_FAULT;
	}
	TRY(check_leaf(leaf, want, now, cert, why));
	TRY(check_chain(issuers, leaf, cert->issuers_pem, now, why));
	return cert_serial(out->serial, leaf);
}
