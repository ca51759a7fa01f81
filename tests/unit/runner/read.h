// SPDX-License-Identifier: Apache-2.0
// For the tests of the runner: trees and JSON from text.
#pragma once

#include <jansson.h>

#include "runner/mem.h"
#include "runner/yaml.h"

static inline struct node *
read_yaml(struct source **source, const char *text, struct diags *diags)
{
	return yaml_read_text(source, "t.yaml", mem_dup(text), strlen(text), diags);
}

// JSON with ' in place of ".
static inline json_t *
read_json(const char *text)
{
	char *copy = mem_dup(text);
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	json_t *json = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	return json;
}
