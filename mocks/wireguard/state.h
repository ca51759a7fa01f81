// SPDX-License-Identifier: Apache-2.0
// The server's state as the admin API shows it.
#pragma once

#include <jansson.h>

#include "wireguard/server.h"

// {"public_key","address","listen_port","peers":{"<base64 key>":{"allowed_ips":[..],"endpoint":
// "ip:port"|null,"handshakes","last_handshake" (unix s, 0 = never),"rx_bytes","tx_bytes","echoes",
// "drops":{cause:n}}},"drops":{cause:n},"other_packets":n}. key: only that peer; NULL: all. New
// reference; NULL when memory is out.
json_t *state_json(const struct server *s, const char *key);
