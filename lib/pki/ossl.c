// SPDX-License-Identifier: Apache-2.0
#include "pki/ossl.h"

#include <openssl/err.h>

enum err
ossl_fail(struct why *why, enum err err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return reason ? why_set(why, err, "%s: %s", what, reason) : why_set(why, err, "%s", what);
}
