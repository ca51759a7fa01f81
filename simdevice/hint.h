// SPDX-License-Identifier: Apache-2.0
// From a failure to the row of the runbook's troubleshooting table, and what to look at.
#pragma once

#include "device.h"

// Never NULL: what to check when this failure happened in this phase.
const char *hint_for(enum dev_phase phase, const struct failure *f);
