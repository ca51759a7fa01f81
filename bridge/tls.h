// SPDX-License-Identifier: Apache-2.0
// The bridge's own TLS identity: from step-ca through the bridge's provisioner and renewed before
// it expires (BRIDGE_TLS=auto), or from files. Loop thread.
#pragma once

#include "bridge/bridge.h"

struct own_tls;

// on_ready is called once, from the loop, when there is an identity to serve with; until then the
// CA is asked again and again with backoff.
enum err ERR_MUST_CHECK own_tls_new(struct own_tls **out, struct bridge *b,
				    void (*on_ready)(struct bridge *b), struct why *why);
// Handles close on the next loop turns.
void own_tls_free(struct own_tls *t);
// Borrowed; NULL until it is ready.
struct tls_server *own_tls_server(const struct own_tls *t);
// When its certificate expires, seconds since the epoch; 0 = there is none.
int64_t own_tls_not_after(const struct own_tls *t);
// Why there is no identity yet; "" when there is one.
const char *own_tls_problem(const struct own_tls *t);
// With files: reads them anew; the old identity stays when that fails.
enum err ERR_MUST_CHECK own_tls_reload(struct own_tls *t, struct why *why);

// Pure: when to renew a certificate (seconds from now): after two thirds of its life, at once when
// that has passed.
int64_t own_tls_renew_in_s(int64_t now, int64_t not_before, int64_t not_after);
// Pure: splits the comma list and adds the host of the listen address unless it stands for all
// addresses. names is NULL-terminated, its strings point into storage. ERR_TOO_LARGE.
enum { OWN_TLS_NAMES_MAX = 16, OWN_TLS_NAMES_BYTES = 2048 };
struct own_tls_names {
	const char *names[OWN_TLS_NAMES_MAX + 1];
	char storage[OWN_TLS_NAMES_BYTES];
};
enum err ERR_MUST_CHECK own_tls_names_parse(struct own_tls_names *out, const char *list,
					    const char *listen);
