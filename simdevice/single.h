// SPDX-License-Identifier: Apache-2.0
// One device against any stack: what an enroll script on a real device does, with its files left on
// disk.
#pragma once

#include <stdio.h>

#include "config.h"

enum { SINGLE_PHASES_MAX = 8 };

struct single_options {
	const char *id;
	enum dev_phase phases[SINGLE_PHASES_MAX];
	size_t n_phases;
	uint32_t retries;
	double hold_s; // links stay up this long after the last phase
	bool quiet;
	struct log *log;
	FILE *complaints; // where the one message about a failure goes
};

// Exit code: 0, or 1 with one message that says which phase failed, why and what to
// check.
int single_run(const struct sim_config *config, const struct single_options *options);
