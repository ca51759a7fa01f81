// SPDX-License-Identifier: Apache-2.0
// What answers hold: facts about a device, read from what it has, never remembered twice.
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "control_internal.h"

json_t *
result_error(enum layer layer, const char *kind, int code, const char *text)
{
	json_t *o =
		json_pack("{s:s,s:s,s:s}", "layer", layer_name(layer), "kind", kind, "text", text);
	if (!o) // the text was not UTF-8: whoever sent it
		o = json_pack("{s:s,s:s,s:s}", "layer", layer_name(layer), "kind", kind, "text",
			      "(the text is not UTF-8)");
	if (code)
		json_object_set_new(o, "code", json_integer(code));
	return o;
}

static json_t *
text_or_null(const char *text)
{
	json_t *s = text && *text ? json_string(text) : NULL;
	return s ? s : json_null();
}

static json_t *
time_text(int64_t unix_s)
{
	char text[CLOCK_RFC3339_BYTES];
	clock_format_rfc3339(text, (uint64_t)unix_s * NS_PER_S, 0);
	return json_string(text);
}

static json_t *
hex_text(const uint8_t sha[static SHA256_BYTES])
{
	char hex[HEX_CHARS(SHA256_BYTES) + 1];
	hex_encode(hex, BYTES(sha, SHA256_BYTES));
	return json_string(hex);
}

static json_t *
sans_of(const X509 *leaf)
{
	json_t *list = json_array();
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	if (cert_sans(&sans, leaf))
		return list;
	for (size_t i = 0; i < sans.n; i++)
		json_array_append_new(list, text_or_null(sans.items[i].text));
	return list;
}

// facts NULL: a certificate that was accepted earlier, so it verified.
static json_t *
cert_of(const X509 *leaf, const struct identity *id, const struct identity_facts *facts)
{
	if (!leaf)
		return json_null();
	AUTO(free) char *cn = NULL;
	char serial[CERT_SERIAL_CHARS + 1] = "";
	int64_t not_before = 0, not_after = 0;
	uint8_t sha[SHA256_BYTES] = {0};
	if (cert_cn(&cn, leaf) || cert_serial(serial, leaf) ||
	    cert_validity(&not_before, &not_after, leaf) || cert_public_sha256(sha, leaf))
		return json_null();
	int length = id->issuers ? sk_X509_num(issuers_certs(id->issuers)) + 1 : 0;
	const char *verdict = facts ? facts->chain_verdict : "verifies";
	bool matches = facts ? facts->key_matches : true;
	if (facts && facts->chain_length)
		length = (int)facts->chain_length;
	return json_pack("{s:{s:o},s:o,s:s,s:o,s:o,s:o,s:o,s:i,s:b}", "subject", "cn",
			 text_or_null(cn), "sans", sans_of(leaf), "serial", serial, "not_before",
			 time_text(not_before), "not_after", time_text(not_after), "pubkey_sha256",
			 hex_text(sha), "chain", text_or_null(verdict), "chain_length", length,
			 "key_matches", matches);
}

static json_t *
allowed_of(const struct tunnel_config *t)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 4096);
	for (size_t i = 0; i < t->n_allowed_ips; i++) {
		char one[IP_PREFIX_TEXT_BYTES];
		ip_prefix_print(one, &t->allowed_ips[i]);
		if (buf_printf(&text, "%s%s", i ? ", " : "", one))
			break;
	}
	return text_or_null((const char *)text.data);
}

static json_t *
wg_of(const struct identity *id)
{
	const struct tunnel_config *t = id->tunnel;
	if (!t)
		return json_null();
	char ip[IP4_TEXT_BYTES], own[WG_KEY_CHARS + 1], server[WG_KEY_CHARS + 1];
	struct wg_key public_key;
	ip4_print(ip, ip4_of_prefix(&t->address));
	if (wg_key_public(&public_key, &t->private_key))
		return json_null();
	wg_key_print(own, &public_key);
	wg_key_print(server, &t->server_key);
	return json_pack("{s:s,s:s,s:s,s:s,s:o}", "ip", ip, "public_key", own, "server_public_key",
			 server, "endpoint", t->endpoint, "allowed_ips", allowed_of(t));
}

static int
is_visible(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static json_t *
files_of(const struct sim_device *s)
{
	json_t *list = json_array();
	struct dirent **entries = NULL;
	int n = s->flash_dir ? scandir(s->flash_dir, &entries, is_visible, alphasort) : 0;
	for (int i = 0; i < n; i++) {
		json_array_append_new(list, text_or_null(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	for (unsigned i = 0; !s->flash_dir && i < FLASH_FILES; i++)
		if (s->memory.text[i])
			json_array_append_new(list,
					      json_string(flash_file_name((enum flash_file)i)));
	return list;
}

static json_t *
flash_of(const struct sim_device *s)
{
	return json_pack("{s:o,s:b}", "files", files_of(s), "enrolled", s->dev.enrolled);
}

json_t *
result_flash(struct control_device *cd)
{
	return json_pack("{s:o}", "flash", flash_of(cd->sim));
}

static json_t *
reply_of(const struct enroll_report *r)
{
	return json_pack("{s:i,s:o,s:o,s:o,s:f}", "status", r->status, "type",
			 text_or_null(r->type), "detail", text_or_null(r->detail), "retry_after",
			 r->has_retry_after ? json_integer(r->retry_after_s) : json_null(),
			 "time_ms", r->time_ms);
}

// The last answer's certificate also when it was refused, so that a check can say what was wrong
// with it.
json_t *
result_enroll(struct control_device *cd)
{
	const struct sim_device *s = cd->sim;
	const struct enroll_report *r = s->enroll_report;
	const X509 *leaf = r->leaf ? r->leaf : s->identity.leaf;
	json_t *csr = r->has_csr
			      ? json_pack("{s:o}", "pubkey_sha256", hex_text(r->csr_public_sha256))
			      : json_null();
	return json_pack("{s:o,s:i,s:b,s:o,s:o,s:o,s:o}", "reply", reply_of(r), "attempts",
			 (int)r->attempts, "skipped", r->skipped, "cert",
			 cert_of(leaf, &s->identity, r->leaf ? &r->facts : NULL), "csr", csr, "wg",
			 wg_of(&s->identity), "flash", flash_of(s));
}

json_t *
result_renew(struct control_device *cd)
{
	const struct identity *id = &cd->sim->identity;
	return json_pack("{s:o,s:o}", "cert", cert_of(id->leaf, id, NULL), "flash",
			 flash_of(cd->sim));
}

json_t *
result_connect(struct control_device *cd)
{
	const struct mqtt_report *r = &cd->sim->mqtt_report;
	return json_pack("{s:o,s:o,s:f,s:i}", "connack",
			 r->connack >= 0 ? json_integer(r->connack) : json_null(), "alert",
			 r->alert >= 0 ? json_integer(r->alert) : json_null(), "time_ms",
			 r->time_ms, "attempts", (int)cd->sim->dev.tries);
}

json_t *
result_tunnel(struct control_device *cd)
{
	return json_pack("{s:f,s:b}", "time_ms", cd->sim->tunnel_report.time_ms, "handshake",
			 cd->sim->dev.tunnel_up);
}

json_t *
result_ping(struct control_device *cd)
{
	const struct tunnel_report *r = &cd->sim->tunnel_report;
	return json_pack("{s:i,s:i,s:f}", "sent", (int)r->sent, "received", (int)r->received,
			 "rtt_ms", r->rtt_ms);
}

json_t *
result_state(struct control_device *cd)
{
	const struct sim_device *s = cd->sim;
	json_t *o = result_enroll(cd);
	json_object_set_new(o, "state", json_string(dev_state_name(s->dev.state)));
	json_object_set_new(o, "session", json_boolean(s->dev.session_up));
	json_object_set_new(o, "tunnel", json_boolean(s->dev.tunnel_up));
	json_object_set_new(o, "mqtt", result_connect(cd));
	json_object_set_new(o, "wireguard", result_tunnel(cd));
	json_object_set_new(o, "ping", result_ping(cd));
	const struct failure *f = s->dev.failure;
	json_object_set_new(o, "last_error",
			    f ? result_error(f->layer, f->kind, f->code, f->why.text)
			      : json_null());
	return o;
}
