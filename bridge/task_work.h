// SPDX-License-Identifier: Apache-2.0
// One attempt at one task: which calls it takes. The runner decides when.
#pragma once

#include "bridge/task.h"

struct task_work;

// How the attempt ended; called once, from the loop, unless it was abandoned.
typedef void task_work_fn(const struct why *why, void *ctx);

// True when the systems that the task needs are configured and there is something to do; else the
// task is done as it stands.
bool task_work_is_needed(const struct task_systems *systems, const struct task_row *row);
// Everything is borrowed until done was called; row is copied.
enum err ERR_MUST_CHECK task_work_start(struct task_work **out, const struct task_systems *systems,
					struct store *store, const struct log *log,
					const struct task_row *row, task_work_fn *done, void *ctx);
// done will not be called. The systems may be gone already.
void task_work_abandon(struct task_work *w);
