// SPDX-License-Identifier: Apache-2.0
// The certificate that a device shows to the broker: its own, or one that no honest device would
// have, from a CA that nobody trusts.
#pragma once

#include "sim_device.h"

// What the TLS client sends. Owned references.
struct mqtt_identity {
	EVP_PKEY *key; // NULL: no certificate at all
	X509 *leaf;
	STACK_OF(X509) * chain; // in the order of sending, without the leaf; may be empty
};

void mqtt_identity_fini(struct mqtt_identity *id);
// orders say which; own: the device's identity (used for MQTT_CERT_OWN). now: Unix seconds.
enum err ERR_MUST_CHECK mqtt_identity_make(struct mqtt_identity *out,
					   const struct sim_orders *orders,
					   const struct identity *own, const char *id, int64_t now,
					   struct why *why);
