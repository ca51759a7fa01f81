// SPDX-License-Identifier: Apache-2.0
// A mock ThingsBoard on a loop of its own with a PKI (root -> intermediate -> Sub-CA), a webhook
// that answers what the test says, and an MQTT client made of our stream and codec.
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/admin.h"
#include "mock_http.h"
#include "mqtt/packet.h"
#include "net/stream.h"
#include "pki/cert.h"
#include "thingsboard/thingsboard.h"

struct tb_pki {
	struct cert_ca *root;
	struct cert_ca *inter;
	struct cert_ca *sub;
};

void tb_pki_init(struct tb_pki *pki);
void tb_pki_fini(struct tb_pki *pki);

// A leaf with its key. not_before and not_after as offsets from now in seconds.
struct tb_identity {
	X509 *leaf;
	EVP_PKEY *key;
};
void tb_identity_init(struct tb_identity *id, const struct cert_ca *issuer, const char *cn,
		      int64_t not_before, int64_t not_after);
void tb_identity_fini(struct tb_identity *id);
// Appends the certificates named by the letters of `which` as PEM: l leaf, s Sub-CA, i
// intermediate, r root.
void tb_chain(struct buf *out, const struct tb_pki *pki, const struct tb_identity *id,
	      const char *which);

struct tb_fixture {
	uv_loop_t loop;
	struct log log;
	struct secret password;
	struct tb_pki pki;
	struct fault_plan *faults;
	struct journal *journal;
	struct thingsboard *tb;
	struct http_server *webhook;
	int webhook_status; // what it answers; 0: it never does
	int webhook_calls;
	char *webhook_body; // of the last call
	char *webhook_auth;
	struct http_req *webhook_held;
	char *token; // Authorization header line of the tenant administrator
};

// with_webhook: events go to the fixture's webhook, which answers 200 at first.
void tb_fixture_init(struct tb_fixture *f, bool with_webhook);
void tb_fixture_fini(struct tb_fixture *f);
void tb_fault(struct tb_fixture *f, const char *json);
// With the tenant administrator's token.
struct mock_answer tb_call(struct tb_fixture *f, const char *method, const char *path,
			   const char *body);
// The part of the state that concerns one device; new reference, null when there is none.
json_t *tb_device(struct tb_fixture *f, const char *name);
// Runs the loop until *flag is true; fails the test when that takes too long.
void tb_run_until(struct tb_fixture *f, const bool *flag);

struct tb_client {
	struct tb_fixture *f;
	struct stream *stream;
	struct buf in;
	struct buf packet; // what the last tb_receive handed out
	enum mqtt_version version;
	bool open;
	bool moved; // something came
	bool closed;
};

// Connects by TLS with this certificate chain (PEM; empty: none) and key.
void tb_client_init(struct tb_client *c, struct tb_fixture *f, struct bytes chain, EVP_PKEY *key);
void tb_client_fini(struct tb_client *c);
void tb_send(struct tb_client *c, const struct mqtt_packet *packet);
void tb_send_bytes(struct tb_client *c, struct bytes bytes);
// The next packet; false: the server closed instead.
bool tb_receive(struct tb_client *c, struct mqtt_packet *out);
// The server closes, without a packet more.
bool tb_is_closed(struct tb_client *c);
// CONNECT with a clean session; the CONNACK's code, -1 when the server closed instead.
int tb_connect(struct tb_client *c, enum mqtt_version version, const char *client_id);
// All of it for one device: identity from the Sub-CA, chain leaf + Sub-CA + intermediate, CONNECT.
int tb_connect_device(struct tb_client *c, struct tb_fixture *f, enum mqtt_version version,
		      const char *cn);
// PUBLISH with QoS 0 or 1 (packet id 7).
void tb_publish(struct tb_client *c, const char *topic, const char *payload, uint8_t qos);
