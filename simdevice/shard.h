// SPDX-License-Identifier: Apache-2.0
// Which part of a fleet's plan a process runs: every N-th device, from the I-th.
#pragma once

#include <stdint.h>

#include "base/err.h"

struct shard {
	uint64_t index;
	uint64_t count;
};

// "1/4"; "auto": both from the launcher's environment (Open MPI, Slurm); "auto/4": the index from
// there (also Kubernetes Indexed Jobs, which do not tell the number). ERR_INPUT with why.
enum err ERR_MUST_CHECK shard_parse(struct shard *out, const char *text, struct why *why);
