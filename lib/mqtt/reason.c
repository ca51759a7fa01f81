// SPDX-License-Identifier: Apache-2.0
#include "mqtt/reason.h"

#include <stddef.h>

#include "base/err.h"

struct reason_row {
	uint8_t code;
	uint32_t packets;
	const char *text;
};

static const struct reason_row reasons[] = {
#define X(code, id, packets, text) {(code), (packets), (text)},
	MQTT_REASON_TABLE(X)
#undef X
};

static const struct reason_row *
reason_find(uint8_t code)
{
	for (size_t i = 0; i < N_ELEMENTS(reasons); i++)
		if (reasons[i].code == code)
			return &reasons[i];
	return NULL;
}

const char *
mqtt_reason_text(uint8_t code)
{
	const struct reason_row *row = reason_find(code);
	return row ? row->text : "unknown reason";
}

bool
mqtt_reason_is_valid(uint8_t code, enum mqtt_type type)
{
	const struct reason_row *row = reason_find(code);
	return row && (row->packets & 1U << type);
}
