// SPDX-License-Identifier: Apache-2.0
// JSON as ThingsBoard's MQTT transport reads it: Gson's lenient reader (contracts/thingsboard.md
// 4). Beside JSON it takes names and texts in single quotes or none, '=' and "=>" for ':', ';' for
// ',', comments, true/false/null in any case, and duplicate names (the last one wins).
#pragma once

#include <jansson.h>

#include "base/buf.h"

// One document, nothing behind it. Text that is no number (NaN too) is a string. ERR_SYNTAX: not
// even that, or deeper than 255. *out: new reference.
enum err ERR_MUST_CHECK gson_parse(json_t **out, struct bytes text);
