// SPDX-License-Identifier: Apache-2.0
// Judges the certificate chain of a device at MQTT CONNECT (runbook mode: chain against the loaded
// CA; contracts/thingsboard.md 4 and 7). The trust anchors are built once; issuer chains that were
// verified are remembered, so that a connect costs one signature check instead of one a
// certificate.
#pragma once

#include <openssl/ssl.h>

#include "base/buf.h"

struct chains;

// anchors_pem: what chains must end at. ERR_SYNTAX with why.
enum err ERR_MUST_CHECK chains_new(struct chains **out, struct bytes anchors_pem, struct why *why);
void chains_free(struct chains *c);
AUTO_DEFINE(struct chains *, chains_free)

// leaf and issuers as the peer sent them (issuers without the leaf; may be NULL). Accepted only
// when at least one issuer was sent, each certificate is issued by the next one, and the whole
// verifies to an anchor at `now` (Unix seconds). ERR_FORBIDDEN: why says in which respect it does
// not fit.
enum err ERR_MUST_CHECK chains_check(struct chains *c, X509 *leaf, STACK_OF(X509) * issuers,
				     int64_t now, struct why *why);
