// SPDX-License-Identifier: Apache-2.0
// Does every {variable} of a scenario have a source, and does every one that is made have a use?
#pragma once

#include "runner/diag.h"

void references_check(const struct node *scenario, struct diags *diags);
