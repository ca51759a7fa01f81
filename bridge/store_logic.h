// SPDX-License-Identifier: Apache-2.0
// What store_logic.c and store_tasks.c share: tasks as part of other operations. `op` is the
// operation that causes them: its answer.device is the device, and rows that are claimed for the
// caller are added to op->tasks.
#pragma once

#include "bridge/store_backend.h"

// Forgets the finished tasks of earlier lives.
enum err ERR_MUST_CHECK store_tasks_forget_past(const struct store_session *s,
						const struct device_row *d, struct why *why);
// The open tasks of the device and the decommission steps of this life into op->tasks.
enum err ERR_MUST_CHECK store_tasks_visible(const struct store_session *s, struct store_op *op);
// Makes a task of this kind due for anybody: a new row, or the old one with new work to do.
enum err ERR_MUST_CHECK store_tasks_reopen(const struct store_session *s, struct store_op *op,
					   enum task_kind kind);
// SET_WG_PEER claimed for the caller; old_key ("" = none) must go with it.
enum err ERR_MUST_CHECK store_tasks_set_peer(const struct store_session *s, struct store_op *op,
					     const char *old_key);
// Finds or inserts a task of this kind and claims it for the caller.
enum err ERR_MUST_CHECK store_tasks_claim_kind(const struct store_session *s, struct store_op *op,
					       enum task_kind kind);

// The operations on tasks.
enum err store_tasks_decommission(const struct store_session *s, struct store_op *op);
enum err store_tasks_finish(const struct store_session *s, struct store_op *op);
enum err store_tasks_claim(const struct store_session *s, struct store_op *op);
enum err store_tasks_done(const struct store_session *s, struct store_op *op);
enum err store_tasks_failed(const struct store_session *s, struct store_op *op);
