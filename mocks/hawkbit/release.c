// SPDX-License-Identifier: Apache-2.0
#include "hawkbit/release.h"

#include <stdio.h>
#include <string.h>

#define EXISTS_OLD  "repo.entitiyAlreayExists"
#define EXISTS	    "repo.entityAlreadyExists"
#define MISSING_OLD "repo.entitiyNotFound"
#define MISSING	    "repo.entityNotFound"

static const struct release releases[] = {
	{"0.6",	EXISTS_OLD, MISSING_OLD, 200, 403, true,	 false},
	{"0.9",	EXISTS,	MISSING,	 200, 403, true,	 false},
	{"0.10", EXISTS,	 MISSING,	  204, 429, false, false},
	{"1.0",	EXISTS,	MISSING,	 204, 429, false, false},
	{"1.1",	EXISTS,	MISSING,	 204, 429, false, true },
};

const struct release *
release_latest(void)
{
	return &releases[N_ELEMENTS(releases) - 1];
}

enum err
release_parse(const struct release **out, const char *name, struct why *why)
{
	char known[64] = "";
	for (size_t i = 0; i < N_ELEMENTS(releases); i++) {
		if (strcmp(releases[i].name, name) == 0) {
			*out = &releases[i];
			return ERR_OK;
		}
		size_t n = strlen(known);
		snprintf(known + n, sizeof(known) - n, "%s%s", n ? ", " : "", releases[i].name);
	}
	return why_set(why, ERR_INPUT, "unknown hawkBit release; known are %s", known);
}
