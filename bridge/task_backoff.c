// SPDX-License-Identifier: Apache-2.0
#include "bridge/task.h"

uint64_t
task_backoff_ms(unsigned n, struct rng *r)
{
	uint64_t ceiling = TASK_BACKOFF_BASE_MS;
	for (unsigned i = 1; i < n && ceiling < TASK_BACKOFF_MAX_MS; i++)
		ceiling *= 2;
	if (ceiling > TASK_BACKOFF_MAX_MS)
		ceiling = TASK_BACKOFF_MAX_MS;
	return ceiling / 2 + rng_below(r, ceiling / 2 + 1);
}
