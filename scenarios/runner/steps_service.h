// SPDX-License-Identifier: Apache-2.0
// Steps that do something to a service of the stack, and those that speak HTTP to one.
#pragma once

#include "runner/run.h"

void step_fault(struct run *run, const struct node *step, const struct node *args);
void step_heal(struct run *run, const struct node *step, const struct node *args);
void step_kill(struct run *run, const struct node *step, const struct node *args);
void step_stop(struct run *run, const struct node *step, const struct node *args);
void step_cont(struct run *run, const struct node *step, const struct node *args);
void step_restart(struct run *run, const struct node *step, const struct node *args);
void step_decommission(struct run *run, const struct node *step, const struct node *args);
void step_request(struct run *run, const struct node *step, const struct node *args);

// Faults that were never healed: did each of them fire? Raises the verdict to inconclusive
// otherwise.
void faults_check_all_fired(struct run *run);
// Nothing stays behind at mocks that live on; those that we started end anyway.
void faults_remove_all(struct run *run);
// The same for devices that the scenario left enrolled at a bridge that lives on.
void devices_remove_all(struct run *run);
void faults_fini(struct run *run);
