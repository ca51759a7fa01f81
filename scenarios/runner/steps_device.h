// SPDX-License-Identifier: Apache-2.0
// The steps that a simulated device does, and how the outcome of any acting step is judged.
#pragma once

#include "runner/run.h"

void step_enroll(struct run *run, const struct node *step, const struct node *args);
void step_re_enroll(struct run *run, const struct node *step, const struct node *args);
void step_renew(struct run *run, const struct node *step, const struct node *args);
void step_mqtt_connect(struct run *run, const struct node *step, const struct node *args);
void step_mqtt_publish(struct run *run, const struct node *step, const struct node *args);
void step_mqtt_disconnect(struct run *run, const struct node *step, const struct node *args);
void step_wireguard_up(struct run *run, const struct node *step, const struct node *args);
void step_wireguard_down(struct run *run, const struct node *step, const struct node *args);
void step_ping(struct run *run, const struct node *step, const struct node *args);

// Starts talking to simdevice: where the stack is, where the flashes are.
enum err ERR_MUST_CHECK device_configure(struct run *run, struct why *why);

// What an acting step came to. ok, result ({"reply":...}) and error ({"layer","kind","text"} or
// NULL) as simdevice's answers have them. Consumes result and error; remembers them as the last
// result, judges them by `fails`.
void step_settle(struct run *run, const struct node *step, const char *device, bool ok,
		 json_t *take_result, json_t *take_error, double ms);
// The device ids of a step: one or a list. *n ids, borrowed.
const struct node *const *step_devices(const struct node *args, size_t *n,
				       const struct node *single[1]);
