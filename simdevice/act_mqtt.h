// SPDX-License-Identifier: Apache-2.0
// MQTT over mutual TLS: libmosquitto with its external loop on ours, all clients of a worker on one
// SSL_CTX, each with its own certificate.
#pragma once

#include "act.h"

// host and port come from the worker's configuration; the broker's certificate must chain to root
// and carry the host.
enum err ERR_MUST_CHECK mqtt_pool_new(struct mqtt_pool **out, struct worker *w, X509 *root,
				      struct why *why);
// Links that are still open keep what they need.
void mqtt_pool_free(struct mqtt_pool *p);

void act_connect(struct device *d);
void act_disconnect(struct device *d);
void act_publish(struct device *d);
// True when there is a certificate to show, or the order says to show none or another one.
bool mqtt_can_connect(const struct device *d);
// Gives up a connection that is being opened or a PUBLISH that waits; an open session stays.
void mqtt_cancel(struct sim_device *s);
// Ends the link at once, without DISCONNECT: power is gone.
void mqtt_drop(struct sim_device *s);
