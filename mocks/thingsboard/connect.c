// SPDX-License-Identifier: Apache-2.0
// CONNECT, in runbook mode: who is it (the CN of a certificate whose chain fits the loaded CA, or
// the owner of an access token), then the first-connect event to the webhook, then CONNACK.
// A webhook that answers anything but 2xx, or not within its 10 s, leads to CONNACK 3 (server
// unavailable; 0x88 in v5): the device may try again, and finds the event posted again. Without a
// webhook CONNACK follows at once. (A real ThingsBoard does not wait for its rule engine.)
#include "thingsboard/broker.h"

#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/encode.h"
#include "pki/cert.h"

enum outcome {
	OUTCOME_ACCEPTED,
	OUTCOME_BAD_CERTIFICATE,
	OUTCOME_BAD_USER,
	OUTCOME_NO_USER,
	OUTCOME_ANONYMOUS,
	OUTCOME_UNAVAILABLE,
};

// contracts/thingsboard.md 4, CONNECT decision order. Return code 4 is never used.
static const struct {
	uint8_t code_3; // 3.1 and 3.1.1
	enum mqtt_reason code_5;
} outcomes[] = {
	[OUTCOME_ACCEPTED] = {0, MQTT_REASON_SUCCESS		    },
	[OUTCOME_BAD_CERTIFICATE] = {5, MQTT_REASON_NOT_AUTHORIZED	  },
	[OUTCOME_BAD_USER] = {5, MQTT_REASON_BAD_USER_OR_PASSWORD},
	[OUTCOME_NO_USER] = {2, MQTT_REASON_CLIENT_ID_NOT_VALID },
	[OUTCOME_ANONYMOUS] = {5, MQTT_REASON_NOT_AUTHORIZED	    },
	[OUTCOME_UNAVAILABLE] = {3, MQTT_REASON_SERVER_UNAVAILABLE  },
};

static int64_t
now_ms(void)
{
	return (int64_t)(clock_wall_ns() / NS_PER_MS);
}

static void
set_attribute(struct device *device, const char *key, json_t *take)
{
	enum err err = values_set(&device->attributes[SCOPE_SERVER], key, take, now_ms());
	(void)err; // a device that used up its keys simply does not get the platform's
}

// --- CONNACK ---

static void
send_connack(struct session *s, uint8_t code)
{
	s->broker->connack[code]++;
	// Echoed even on a refusal, though no session state is kept: so does the real server.
	session_send(s, &(struct mqtt_packet){
				.type = MQTT_CONNACK,
				.connack = {.session_present = !s->clean_start, .code = code}
	     });
}

static void
refuse_code(struct session *s, uint8_t code, const char *cn, const char *why)
{
	struct log log = log_for(s->broker->log, cn, NULL);
	log_info(&log, "mqtt.refused", KV_U64("connack", code), KV_STR("why", why));
	send_connack(s, code);
	if (s->version == MQTT_V5) {
		bool fits = mqtt_reason_is_valid(code, MQTT_DISCONNECT);
		session_send(
			s, &(struct mqtt_packet){
				   .type = MQTT_DISCONNECT,
				   .reasoned = {.reason = fits ? code : MQTT_REASON_UNSPECIFIED}});
	}
	session_end(s, MQTT_REASON_SUCCESS, why);
}

static void
journal_connect(struct session *s, uint8_t code, const char *cn, const char *why, const char *fault)
{
	char peer[ADDR_TEXT_BYTES];
	addr_format(peer, stream_peer(s->stream));
	journal_append(s->broker->journal, &(struct journal_record){
						   .wall_ns = clock_wall_ns(),
						   .event = "CONNECT",
						   .device = cn,
						   .peer = peer,
						   .call = "CONNECT",
						   .fault = fault,
						   .note = why,
						   .status = code,
					   });
}

static void
refuse(struct session *s, enum outcome outcome, const char *cn, const char *why)
{
	uint8_t code = s->version == MQTT_V5 ? (uint8_t)outcomes[outcome].code_5
					     : outcomes[outcome].code_3;
	journal_connect(s, code, cn, why, NULL);
	refuse_code(s, code, cn, why);
}

// --- faults ---

// What a scenario's "status" means: a 3.1.1 return code is translated for v5 and the other way
// round.
static uint8_t
status_code(const struct session *s, int status)
{
	for (size_t i = 0; i < N_ELEMENTS(outcomes); i++) {
		if (s->version == MQTT_V5 && status == outcomes[i].code_3)
			return (uint8_t)outcomes[i].code_5;
		if (s->version != MQTT_V5 && status == (int)outcomes[i].code_5)
			return outcomes[i].code_3;
	}
	return (uint8_t)status;
}

enum fault_verdict {
	FAULT_NONE,
	FAULT_DONE,  // the session was taken care of
	FAULT_LATER, // then() will be called
};

static enum fault_verdict
apply_fault(struct session *s, const char *cn, enum fault_phase phase,
	    void (*then)(struct session *s))
{
	const struct fault *fault = fault_plan_match(s->broker->faults, "CONNECT", cn, phase);
	if (!fault)
		return FAULT_NONE;
	uint8_t code = fault->kind == FAULT_STATUS ? status_code(s, fault->status) : 0;
	journal_connect(s, code, cn, "fault", fault->name);
	switch (fault->kind) {
	case FAULT_STATUS:
		refuse_code(s, code, cn, "fault");
		return FAULT_DONE;
	case FAULT_DELAY:
		session_pause(s, fault->delay_ms, then);
		return FAULT_LATER;
	case FAULT_RESET:
		session_reset(s);
		return FAULT_DONE;
	case FAULT_HANG:
		session_hang(s);
		return FAULT_DONE;
	default:
		session_end(s, MQTT_REASON_SUCCESS, "fault");
		return FAULT_DONE;
	}
}

// --- sessions of a device ---

static void
attach(struct session *s, struct device *device)
{
	s->device = device;
	DL_APPEND2(device->sessions, s, device_prev, device_next);
}

void
connect_forget(struct session *s)
{
	if (s->event)
		rules_event_forget(s->event);
	s->event = NULL;
	if (!s->device)
		return;
	DL_DELETE2(s->device->sessions, s, device_prev, device_next);
	if (s->state == SESSION_OPEN && !s->device->sessions) {
		set_attribute(s->device, "active", json_false());
		set_attribute(s->device, "lastDisconnectTime", json_integer(now_ms()));
	}
	s->device = NULL;
}

// One session a device: the newer wins, and the older hears of it after the newer's CONNACK.
static void
take_over(struct session *s)
{
	struct session *other;
	struct session *next;
	DL_FOREACH_SAFE2(s->device->sessions, other, next, device_next)
	{
		if (other != s && other->state == SESSION_OPEN)
			session_end(other, MQTT_REASON_SESSION_TAKEN_OVER, "session taken over");
	}
}

static void
accept_now(struct session *s)
{
	struct device *device = s->device;
	struct log log = log_for(s->broker->log, device->name, NULL);
	device->connects++;
	s->connected_ms = now_ms();
	set_attribute(device, "active", json_true());
	set_attribute(device, "lastConnectTime", json_integer(s->connected_ms));
	journal_connect(s, 0, device->name, NULL, NULL);
	log_debug(&log, "mqtt.connected", KV_U64("protocol", s->version));
	session_hold(s);
	s->state = SESSION_OPEN;
	send_connack(s, 0);
	if (s->state == SESSION_OPEN)
		take_over(s);
	if (s->state == SESSION_OPEN)
		session_resume(s);
	session_release(s);
}

static void
accept_unless_fault(struct session *s)
{
	if (apply_fault(s, s->device->name, FAULT_EFFECT, accept_now) == FAULT_NONE)
		accept_now(s);
}

// --- the webhook's answer ---

static void
on_rules_done(void *ctx, bool ok, const char *why)
{
	struct session *s = ctx;
	s->event = NULL;
	if (ok)
		accept_unless_fault(s);
	else
		refuse(s, OUTCOME_UNAVAILABLE, s->device->name, why);
}

static void
open_session(struct session *s, struct device *device)
{
	attach(s, device);
	if (!rules_post_connect(&s->event, s->broker->rules, device, on_rules_done, s))
		accept_unless_fault(s);
}

// --- who is it ---

static enum err
base64_of(char **out, X509 *cert)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	if (n < 0)
		return ERR_CRYPTO;
	*out = malloc(BASE64_CHARS((size_t)n) + 1);
	if (*out)
		base64_encode(*out, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return *out ? ERR_OK : ERR_NOMEM;
}

// The device gets the certificate that it came with; a renewed one silently replaces the old.
static enum err
take_certificate(struct broker *b, struct device *device, X509 *leaf, struct why *why)
{
	AUTO(free) char *base64 = NULL;
	char hash[X509_HASH_CHARS + 1];
	TRY(base64_of(&base64, leaf));
	TRY(devices_hash_x509(hash, base64));
	if (device->credentials_type == CREDENTIALS_X509 &&
	    strcmp(device->credentials_id, hash) == 0)
		return ERR_OK;
	if (devices_set_credentials(b->devices, device, CREDENTIALS_X509, hash, base64) != ERR_OK)
		return why_set(why, ERR_FORBIDDEN,
			       "the certificate is already assigned to another device");
	return ERR_OK;
}

// The certificate's profile creates devices that it does not know (allowCreateNewDevices...).
static enum err
provision(struct device **out, struct broker *b, const char *cn, X509 *leaf, struct why *why)
{
	struct device *device = devices_by_name(b->devices, cn);
	if (device && device->credentials_type != CREDENTIALS_X509)
		return why_set(why, ERR_FORBIDDEN,
			       "device \"%.64s\" exists with access token credentials, not X.509",
			       cn);
	bool created = !device;
	if (created) {
		TRY(devices_add(&device, b->devices, cn, PROFILE_X509, NULL, now_ms()));
		set_attribute(device, "provisionState", json_string("provisioned"));
	}
	enum err err = take_certificate(b, device, leaf, why);
	if (err != ERR_OK && created)
		devices_delete(b->devices, device);
	else
		*out = device;
	return err;
}

static enum err
identify_by_certificate(struct device **out, struct session *s, X509 *leaf, const char *cn,
			struct why *why)
{
	struct broker *b = s->broker;
	if (!b->chains || fault_plan_match_semantic(b->faults, "CONNECT", cn, "ca-not-loaded"))
		return why_set(why, ERR_FORBIDDEN,
			       "no CA is loaded that the device's certificate could chain to");
	if (!cn || !*cn)
		return why_set(why, ERR_FORBIDDEN, "the device certificate has no CN");
	TRY(chains_check(b->chains, leaf, SSL_get_peer_cert_chain(stream_ssl(s->stream)),
			 clock_wall_s(), why));
	return provision(out, b, cn, leaf, why);
}

static enum outcome
identify_by_token(struct device **out, const struct session *s, struct why *why)
{
	if (!s->username) {
		why_set(why, ERR_UNAUTHORIZED, "neither a certificate nor an access token");
		return *s->client_id ? OUTCOME_NO_USER : OUTCOME_ANONYMOUS;
	}
	struct device *device = devices_by_credentials(s->broker->devices, BYTES_STR(s->username));
	if (!device || device->credentials_type != CREDENTIALS_ACCESS_TOKEN || s->has_password) {
		why_set(why, ERR_UNAUTHORIZED, "no certificate, and no device has this token");
		return OUTCOME_BAD_USER;
	}
	*out = device;
	return OUTCOME_ACCEPTED;
}

// The CN of the peer's certificate; NULL: no certificate, or one without a CN.
static enum err
peer_name(char **out, X509 **leaf, struct session *s)
{
	*out = NULL;
	*leaf = SSL_get0_peer_certificate(stream_ssl(s->stream));
	return *leaf ? cert_cn(out, *leaf) : ERR_OK;
}

// OpenSSL keeps the issuers, 5 KiB a certificate, for as long as the connection lives; nobody asks
// for them again. The stack stays its own, empty.
static void
drop_issuers(struct session *s)
{
	STACK_OF(X509) *issuers = SSL_get_peer_cert_chain(stream_ssl(s->stream));
	while (issuers && sk_X509_num(issuers) > 0)
		X509_free(sk_X509_pop(issuers));
}

static void
decide(struct session *s)
{
	AUTO(free) char *cn = NULL;
	X509 *leaf;
	struct device *device = NULL;
	struct why why = {0};
	enum outcome outcome = OUTCOME_BAD_CERTIFICATE;
	if (peer_name(&cn, &leaf, s) != ERR_OK)
		why_set(&why, ERR_FORBIDDEN, "the CN of the device certificate cannot be read");
	else if (!leaf)
		outcome = identify_by_token(&device, s, &why);
	else if (identify_by_certificate(&device, s, leaf, cn, &why) == ERR_OK)
		outcome = OUTCOME_ACCEPTED;
	drop_issuers(s);
	if (outcome == OUTCOME_ACCEPTED)
		open_session(s, device);
	else
		refuse(s, outcome, cn, why.text);
}

// The packet's bytes are gone by the time a delayed or awaited decision falls.
static enum err
keep_connect(struct session *s, const struct mqtt_connect *c)
{
	s->version = c->version;
	s->clean_start = c->clean_start;
	s->has_password = c->password.n > 0;
	s->client_id = bytes_to_str(c->client_id);
	if (c->username.n)
		s->username = bytes_to_str(c->username);
	return s->client_id && (s->username || !c->username.n) ? ERR_OK : ERR_NOMEM;
}

void
connect_receive(struct session *s, const struct mqtt_connect *c)
{
	if (keep_connect(s, c) != ERR_OK) {
		session_reset(s);
		return;
	}
	s->state = SESSION_DECIDING;
	stream_pause(s->stream);
	AUTO(free) char *cn = NULL;
	X509 *leaf;
	if (peer_name(&cn, &leaf, s) != ERR_OK)
		cn = NULL;
	if (apply_fault(s, cn, FAULT_REQUEST, decide) == FAULT_NONE)
		decide(s);
}
