// SPDX-License-Identifier: Apache-2.0
// What the fixed header of each packet type must look like. Inside lib/mqtt.
#pragma once

#include "mqtt/packet.h"

#define MQTT_FLAG_DUP 0x8

struct type_row {
	const char *name;
	uint8_t flags;	     // required lower half of the first byte (2.1.3); PUBLISH: any
	uint8_t flags_in_31; // bits that 3.1 also allows (its section 2.1: DUP on repeated packets)
	enum mqtt_version since;
};

// NULL for a number that is no type.
const struct type_row *type_row(enum mqtt_type type);
