// SPDX-License-Identifier: Apache-2.0
#include "stepca/answer.h"

#include <ctype.h>
#include <stdio.h>

#include "pki/pem.h"

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
	known_issuer_fini(&i->first);
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
wanted_names(struct san_list *out, const struct expected_leaf *want)
{
	const char *const only_subject[] = {want->subject, NULL};
	for (const char *const *p = want->sans ? want->sans : only_subject; *p; p++)
		TRY(san_list_add_host(out, *p));
	return ERR_OK;
}

static enum err
check_times(const struct stepca_certificate *cert, int64_t now, struct why *why)
{
	if (cert->not_after <= now)
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is already expired");
	if (cert->not_before > now + CLOCK_SKEW_S)
		return why_set(
			why, ERR_UPSTREAM_REFUSED,
			"step-ca's certificate is not valid yet: check the clocks of both machines");
	return ERR_OK;
}

// --- the short way: known issuers ---

static enum err
serial_to_decimal(char out[static CERT_SERIAL_CHARS + 1], const struct leaf_facts *facts)
{
	AUTO(BN_free) BIGNUM *number = BN_bin2bn(facts->serial, (int)facts->serial_n, NULL);
	char *text = number ? BN_bn2dec(number) : NULL;
	if (!text)
		return ERR_NOMEM;
	snprintf(out, CERT_SERIAL_CHARS + 1, "%s", text);
	OPENSSL_free(text);
	return ERR_OK;
}

// True when the certificate is in every respect what was asked for.
static bool
check_by_known_issuer(struct checked_answer *out, const struct issuers *i,
		      const struct expected_leaf *want, const struct san_list *names, int64_t now)
{
	struct leaf_facts facts;
	struct pem_block block;
	struct bytes text = out->cert.leaf_pem;
	if (!i->pem || i->not_after <= now || !bytes_is(out->cert.issuers_pem, i->pem))
		return false;
	buf_init(&block.der, CHAIN_MAX_BYTES);
	bool good = pem_next(&block, &text) == ERR_OK &&
		    leaf_is_for(&facts, buf_bytes(&block.der), &i->first, want->key, want->subject,
				names) &&
		    serial_to_decimal(out->serial, &facts) == ERR_OK;
	buf_fini(&block.der);
	if (!good)
		return false;
	out->cert.not_before = facts.not_before;
	out->cert.not_after = facts.not_after;
	return true;
}

// --- the long way: the whole chain, and words for what is wrong ---

static enum err
check_names(X509 *leaf, const struct expected_leaf *want, const struct san_list *names,
	    struct why *why)
{
	AUTO(free) char *cn = NULL;
	SAN_LIST_AUTO struct san_list got;
	san_list_init(&got);
	TRY(cert_cn(&cn, leaf));
	TRY(cert_sans(&got, leaf));
	if (!cn || strcmp(cn, want->subject) != 0)
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate has CN \"%.64s\" instead of \"%s\"",
			       cn ? cn : "", want->subject);
	if (got.n_other > 0 || !san_list_equal(&got, names))
		return why_set(
			why, ERR_UPSTREAM_REFUSED,
			"step-ca's certificate has other names (SAN) than the ones asked for");
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
check_chain(struct issuers *i, X509 *leaf, struct bytes pem, int64_t now, struct why *why)
{
	AUTO(x509_stack_free) STACK_OF(X509) *certs = NULL;
	if (pem.n > 0 && cert_chain_from_pem(&certs, pem, why) != ERR_OK)
		return ERR_UPSTREAM_FAULT;
	if (trust_verify(i->root, leaf, certs, now, TRUST_ANY, why) != ERR_OK) {
		why_prefix(why, "step-ca's certificate does not lead to the pinned root");
		return ERR_UPSTREAM_REFUSED;
	}
	if (!i->pin_is_root && (!certs || !trust_find_fingerprint(NULL, certs, i->pin)))
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is not by the pinned Sub-CA");
	if (!certs)
		return ERR_OK;
	// The first one is remembered as issuer only if it is: the list may come in any order.
	X509 *first = sk_X509_value(certs, 0);
	free(i->pem);
	i->pem = NULL;
	if (X509_check_issued(first, leaf) != X509_V_OK)
		return ERR_OK;
	TRY(known_issuer_set(&i->first, first));
	i->pem = bytes_to_str(pem);
	i->not_after = earliest_end(certs);
	return ERR_OK;
}

static enum err
check_in_full(struct checked_answer *out, struct issuers *issuers, const struct expected_leaf *want,
	      const struct san_list *names, int64_t now, struct why *why)
{
	AUTO(X509_free) X509 *leaf = NULL;
	struct stepca_certificate *cert = &out->cert;
	if (cert_from_pem(&leaf, cert->leaf_pem, why) != ERR_OK) {
		why_prefix(why, "step-ca's answer");
		return ERR_UPSTREAM_FAULT;
	}
	if (!cert_matches_key(leaf, want->key))
		return why_set(why, ERR_UPSTREAM_REFUSED,
			       "step-ca's certificate is for another key than the request's");
	TRY(check_names(leaf, want, names, why));
	TRY(cert_validity(&cert->not_before, &cert->not_after, leaf));
	TRY(check_times(cert, now, why));
	TRY(check_chain(issuers, leaf, cert->issuers_pem, now, why));
	return cert_serial(out->serial, leaf);
}

enum err
checked_answer_read(struct checked_answer *out, struct issuers *issuers,
		    const struct expected_leaf *want, const json_t *body, int64_t now,
		    struct why *why)
{
	size_t leaf_n = 0;
	SAN_LIST_AUTO struct san_list names;
	san_list_init(&names);
	*out = (struct checked_answer){0};
	buf_init(&out->chain_pem, CHAIN_MAX_BYTES);
	if (join_chain(&out->chain_pem, &leaf_n, body) != ERR_OK)
		return why_set(why, ERR_UPSTREAM_FAULT, "step-ca's answer has no usable certChain");
	struct stepca_certificate *cert = &out->cert;
	cert->chain_pem = buf_bytes(&out->chain_pem);
	cert->leaf_pem = BYTES(cert->chain_pem.p, leaf_n);
	cert->issuers_pem = BYTES(cert->chain_pem.p + leaf_n, cert->chain_pem.n - leaf_n);
	cert->serial = out->serial;
	TRY(wanted_names(&names, want));
	if (check_by_known_issuer(out, issuers, want, &names, now))
		return check_times(cert, now, why);
	return check_in_full(out, issuers, want, &names, now, why);
}
