// SPDX-License-Identifier: Apache-2.0
// Dotted paths into JSON documents. Keys may hold dots themselves (device ids do): at every object
// the longest key that fits wins.
#pragma once

#include <jansson.h>

#include "base/buf.h"

// What stands at the path; NULL when nothing does. "" is the document itself; list items by number.
json_t *jpath_get(const json_t *document, const char *path); // borrowed
// The part of the path before its first missing key, for error messages; NULL when nothing is
// missing. known: the keys that exist at that place (comma list, appended). *missing points into
// path.
const char *jpath_missing(const json_t *document, const char *path, struct buf *known);
