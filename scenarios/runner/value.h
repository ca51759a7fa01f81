// SPDX-License-Identifier: Apache-2.0
// What a scalar of a scenario file can mean. Strict: the whole text, no blanks.
#pragma once

#include <stdint.h>

#include "base/err.h"

// "200ms" "5s" "2m" "1h", also with a fraction ("1.5s"): milliseconds, rounded down.
enum err ERR_MUST_CHECK value_duration_ms(uint64_t *out, const char *text);
enum err ERR_MUST_CHECK value_int(int64_t *out, const char *text);
enum err ERR_MUST_CHECK value_number(double *out, const char *text);
// "true" or "false".
enum err ERR_MUST_CHECK value_bool(bool *out, const char *text);
// "120MiB" "4KiB" "1GiB" "512B": bytes.
enum err ERR_MUST_CHECK value_bytes(double *out, const char *text);
