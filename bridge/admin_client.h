// SPDX-License-Identifier: Apache-2.0
// A caller of a running bridge's admin API, one call at a time. For `iot-bridge admin`: blocks.
#pragma once

#include <jansson.h>

#include "base/secret.h"

struct admin_client;

// Everything is borrowed for the client's life.
struct admin_client_options {
	const char *url;	    // http:// or https://, without a path
	const char *cacert;	    // PEM roots; NULL = the system's, or fingerprint
	const char *fingerprint;    // SHA-256 of the root, hex: it is fetched from the bridge
	const struct secret *token; // BRIDGE_ADMIN_TOKEN
};

// ERR_INPUT: url or fingerprint is none; ERR_IO, ERR_NOT_FOUND: cacert cannot be read; ERR_TLS:
// what the bridge shows has another fingerprint; otherwise as admin_client_call.
enum err ERR_MUST_CHECK admin_client_new(struct admin_client **out,
					 const struct admin_client_options *o, struct why *why);
void admin_client_free(struct admin_client *c);
AUTO_DEFINE(struct admin_client *, admin_client_free)

// *body (new reference) is the answer of a 2xx; *status is set whenever an answer came, else 0. No
// answer: the transport's error. Not 2xx: an error that fits the status, why with the problem's
// detail.
enum err ERR_MUST_CHECK admin_client_call(struct admin_client *c, const char *method,
					  const char *path, int *status, json_t **body,
					  struct why *why);
