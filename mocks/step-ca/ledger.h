// SPDX-License-Identifier: Apache-2.0
// What the CA has to remember: used tokens, revoked serials, issued certificates. In memory, and in
// an append-only file when it shall survive a restart: an entry is in the kernel's hands before the
// answer leaves, so killing the process loses nothing. (No fsync: a power cut may.) One loop
// thread.
#pragma once

#include <jansson.h>

#include "base/buf.h"

struct ledger;

// path: the file, made when absent; NULL: memory only. ERR_IO, or ERR_SYNTAX for a file that is not
// a ledger; a last line without its end (the process was killed in mid-write) is dropped.
enum err ERR_MUST_CHECK ledger_open(struct ledger **out, const char *path, struct why *why);
void ledger_free(struct ledger *l);
// Forgets everything, in the file too.
void ledger_clear(struct ledger *l);

// ERR_CONFLICT: was used before.
enum err ERR_MUST_CHECK ledger_use_token(struct ledger *l, const char *key);
// ERR_CONFLICT: is revoked already. Serials are text, as the caller has them.
enum err ERR_MUST_CHECK ledger_revoke(struct ledger *l, const char *serial);
bool ledger_is_revoked(const struct ledger *l, const char *serial);
enum err ERR_MUST_CHECK ledger_add_certificate(struct ledger *l, const char *serial, const char *cn,
					       int64_t not_after);
// The CN of an issued certificate; NULL: unknown serial. Borrowed until the ledger is cleared.
const char *ledger_subject(const struct ledger *l, const char *serial);

// {"<CN>":{"issued":n,"revoked":n,"latest":{"serial","not_after","revoked"}}}; with a device only
// that CN, and then with "serials":[{"serial","not_after","revoked"}]. New reference.
json_t *ledger_certificates(const struct ledger *l, const char *device);
