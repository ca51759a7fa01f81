// SPDX-License-Identifier: Apache-2.0
#include "thingsboard_fixture.h"

#include <string.h>

#include "base/clock.h"

enum {
	DAY_S = 86400,
	PATIENCE_MS = 20000,
	BYTES_MAX = 1 << 20,
};

// --- PKI ---

static struct cert_ca *
make_ca(const char *cn, const struct cert_ca *issuer)
{
	AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;
	AUTO(X509_free) X509 *cert = NULL;
	cr_assert(eq(int, key_generate(&key), ERR_OK));
	struct cert_template t = {
		.cn = cn,
		.key = key,
		.not_before = clock_wall_s() - DAY_S,
		.not_after = clock_wall_s() + 10 * DAY_S,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
		.is_ca = true,
		.path_len = -1,
	};
	enum err err = issuer ? cert_issue(&cert, issuer, &t) : cert_issue_root(&cert, &t);
	struct cert_ca *ca = NULL;
	cr_assert(eq(int, err, ERR_OK));
	cr_assert(eq(int, cert_ca_new(&ca, cert, key, NULL), ERR_OK));
	return ca;
}

void
tb_pki_init(struct tb_pki *pki)
{
	pki->root = make_ca("root", NULL);
	pki->inter = make_ca("intermediate", pki->root);
	pki->sub = make_ca("sub-ca", pki->inter);
}

void
tb_pki_fini(struct tb_pki *pki)
{
	cert_ca_free(pki->root);
	cert_ca_free(pki->inter);
	cert_ca_free(pki->sub);
}

void
tb_identity_init(struct tb_identity *id, const struct cert_ca *issuer, const char *cn,
		 int64_t not_before, int64_t not_after)
{
	SAN_LIST_AUTO struct san_list sans;
	san_list_init(&sans);
	cr_assert(eq(int, san_list_add_host(&sans, "127.0.0.1"), ERR_OK));
	cr_assert(eq(int, key_generate(&id->key), ERR_OK));
	struct cert_template t = {
		.cn = cn,
		.key = id->key,
		.not_before = clock_wall_s() + not_before,
		.not_after = clock_wall_s() + not_after,
		.sans = &sans,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.ext_key_usage = XKU_SSL_CLIENT | XKU_SSL_SERVER,
	};
	cr_assert(eq(int, cert_issue(&id->leaf, issuer, &t), ERR_OK));
}

void
tb_identity_fini(struct tb_identity *id)
{
	X509_free(id->leaf);
	EVP_PKEY_free(id->key);
}

void
tb_chain(struct buf *out, const struct tb_pki *pki, const struct tb_identity *id, const char *which)
{
	for (; *which; which++) {
		const X509 *cert = *which == 'l'   ? id->leaf
				   : *which == 's' ? cert_ca_cert(pki->sub)
				   : *which == 'i' ? cert_ca_cert(pki->inter)
						   : cert_ca_cert(pki->root);
		cr_assert(eq(int, cert_to_pem(out, cert), ERR_OK));
	}
}

// --- the webhook ---

static void
on_webhook(struct http_req *req, void *ctx)
{
	struct tb_fixture *f = ctx;
	const char *auth = http_req_header(req, "Authorization");
	f->webhook_calls++;
	free(f->webhook_body);
	free(f->webhook_auth);
	f->webhook_body = bytes_to_str(http_req_body(req));
	f->webhook_auth = auth ? strdup(auth) : NULL;
	if (f->webhook_status)
		http_reply(req, f->webhook_status, NULL, BYTES_NONE);
	else
		f->webhook_held = req;
}

static void
start_webhook(struct tb_fixture *f, char url[static 128])
{
	static const struct http_route routes[] = {
		{"POST", "/webhooks/thingsboard", on_webhook, 65536, "webhook"},
	};
	struct http_server_options o = {.server_name = "webhook",
					.routes = routes,
					.n_routes = 1,
					.ctx = f,
					.log = &f->log};
	cr_assert(eq(int, addr_parse(&o.addr, "127.0.0.1:0", NULL), ERR_OK));
	cr_assert(eq(int, http_server_new(&f->webhook, &f->loop, &o, NULL), ERR_OK));
	char addr[ADDR_TEXT_BYTES];
	struct addr bound = http_server_addr(f->webhook);
	addr_format(addr, &bound);
	snprintf(url, 128, "http://%s/webhooks/thingsboard", addr);
}

// --- the fixture ---

static void
start_thingsboard(struct tb_fixture *f, const char *url, const struct secret *token)
{
	struct why why = {0};
	struct tb_identity broker;
	SECRET_AUTO struct secret key = SECRET_NONE;
	BUF_AUTO struct buf chain;
	BUF_AUTO struct buf ca;
	buf_init(&chain, BYTES_MAX);
	buf_init(&ca, BYTES_MAX);
	tb_identity_init(&broker, f->pki.sub, "broker", -60, DAY_S);
	tb_chain(&chain, &f->pki, &broker, "lsi");
	tb_chain(&ca, &f->pki, &broker, "r");
	cr_assert(eq(int, key_to_pem(&key, broker.key), ERR_OK));
	struct thingsboard_options o = {
		.chain_pem = buf_bytes(&chain),
		.key_pem = BYTES(key.text, key.n),
		.ca_pem = buf_bytes(&ca),
		.user = "tenant@thingsboard.org",
		.password = &f->password,
		.webhook_url = url,
		.webhook_token = token,
		.seed = 7,
		.log = &f->log,
		.faults = f->faults,
		.journal = f->journal,
	};
	cr_assert(eq(int, addr_parse(&o.http, "127.0.0.1:0", NULL), ERR_OK));
	o.mqtt = o.http;
	enum err err = thingsboard_new(&f->tb, &f->loop, &o, &why);
	cr_assert(eq(int, err, ERR_OK), "%s", why.text);
	tb_identity_fini(&broker);
}

static void
log_in(struct tb_fixture *f)
{
	ANSWER_AUTO struct mock_answer a =
		mock_call(&f->loop, thingsboard_http_addr(f->tb), "POST", "/api/auth/login", NULL,
			  "{\"username\":\"tenant@thingsboard.org\",\"password\":\"s3cret\"}");
	cr_assert(eq(int, a.status, 200), "%s", a.body);
	json_auto_t *json = mock_answer_json(&a);
	cr_assert(ge(
		int,
		asprintf(&f->token, "X-Authorization: Bearer %s\r\n", json_text_at(json, "token")),
		0));
}

void
tb_fixture_init(struct tb_fixture *f, bool with_webhook)
{
	*f = (struct tb_fixture){.webhook_status = 200};
	char url[128];
	SECRET_AUTO struct secret token = SECRET_NONE;
	cr_assert(eq(int, uv_loop_init(&f->loop), 0));
	f->log = log_new("test", LOG_OFF);
	cr_assert(eq(int, secret_set(&f->password, BYTES_STR("s3cret")), ERR_OK));
	cr_assert(eq(int, secret_set(&token, BYTES_STR("hook-token")), ERR_OK));
	tb_pki_init(&f->pki);
	cr_assert(eq(int, fault_plan_new(&f->faults, thingsboard_vocabulary(), 7), ERR_OK));
	cr_assert(eq(int, journal_new(&f->journal, NULL), ERR_OK));
	if (with_webhook)
		start_webhook(f, url);
	start_thingsboard(f, with_webhook ? url : NULL, &token);
	log_in(f);
}

void
tb_fixture_fini(struct tb_fixture *f)
{
	thingsboard_stop(f->tb);
	if (f->webhook)
		http_server_free(f->webhook);
	mock_loop_finish(&f->loop);
	thingsboard_free(f->tb);
	fault_plan_free(f->faults);
	journal_free(f->journal);
	secret_fini(&f->password);
	tb_pki_fini(&f->pki);
	free(f->webhook_body);
	free(f->webhook_auth);
	free(f->token);
}

void
tb_fault(struct tb_fixture *f, const char *text)
{
	struct why why = {0};
	json_auto_t *json = json_loads(text, 0, NULL);
	enum err err = fault_plan_add(f->faults, json, NULL, &why);
	cr_assert(eq(int, err, ERR_OK), "%s", why.text);
}

struct mock_answer
tb_call(struct tb_fixture *f, const char *method, const char *path, const char *body)
{
	return mock_call(&f->loop, thingsboard_http_addr(f->tb), method, path, f->token, body);
}

json_t *
tb_device(struct tb_fixture *f, const char *name)
{
	json_auto_t *state = thingsboard_state(f->tb, name);
	json_t *device = json_object_get(json_object_get(state, "devices"), name);
	return device ? json_incref(device) : json_null();
}

struct patience {
	uv_timer_t timer;
	bool late;
	bool closed;
};

static void
on_impatient(uv_timer_t *timer)
{
	struct patience *p = timer->data;
	p->late = true;
}

static void
on_patience_closed(uv_handle_t *handle)
{
	struct patience *p = handle->data;
	p->closed = true;
}

void
tb_run_until(struct tb_fixture *f, const bool *flag)
{
	struct patience p = {0};
	uv_timer_init(&f->loop, &p.timer);
	p.timer.data = &p;
	uv_timer_start(&p.timer, on_impatient, PATIENCE_MS, 0);
	while (!*flag && !p.late)
		uv_run(&f->loop, UV_RUN_ONCE);
	cr_assert(not(p.late), "waited in vain");
	uv_close((uv_handle_t *)&p.timer, on_patience_closed);
	while (!p.closed)
		uv_run(&f->loop, UV_RUN_NOWAIT);
}

// --- the client ---

static void
on_open(struct stream *stream, void *ctx)
{
	(void)stream;
	struct tb_client *c = ctx;
	c->open = true;
	c->moved = true;
}

static void
on_data(struct stream *stream, struct bytes data, void *ctx)
{
	(void)stream;
	struct tb_client *c = ctx;
	cr_assert(eq(int, buf_append(&c->in, data.p, data.n), ERR_OK));
	c->moved = true;
}

static void
on_close(struct stream *stream, const struct why *why, void *ctx)
{
	(void)stream;
	(void)why;
	struct tb_client *c = ctx;
	c->stream = NULL;
	c->closed = true;
	c->moved = true;
}

void
tb_client_init(struct tb_client *c, struct tb_fixture *f, struct bytes chain, EVP_PKEY *key)
{
	static const struct stream_events events = {
		.on_open = on_open, .on_data = on_data, .on_close = on_close};
	*c = (struct tb_client){.f = f, .version = MQTT_V311};
	buf_init(&c->in, BYTES_MAX);
	buf_init(&c->packet, BYTES_MAX);
	AUTO(tls_client_unref) struct tls_client *tls = NULL;
	BUF_AUTO struct buf roots;
	buf_init(&roots, BYTES_MAX);
	tb_chain(&roots, &f->pki, NULL, "r");
	struct tls_client_options o = {
		.roots_pem = buf_bytes(&roots), .chain_pem = chain, .key = key};
	struct why why = {0};
	cr_assert(eq(int, tls_client_new(&tls, &o, &why), ERR_OK), "%s", why.text);
	struct addr addr = thingsboard_mqtt_addr(f->tb);
	cr_assert(eq(int,
		     stream_connect(&c->stream, &f->loop, "127.0.0.1", addr_port(&addr), tls,
				    &events, c),
		     ERR_OK));
	tb_run_until(f, &c->moved);
	cr_assert(c->open, "the TLS handshake failed");
}

void
tb_client_fini(struct tb_client *c)
{
	if (c->stream)
		stream_close(c->stream);
	c->stream = NULL;
	buf_fini(&c->in);
	buf_fini(&c->packet);
}

void
tb_send_bytes(struct tb_client *c, struct bytes bytes)
{
	cr_assert(eq(int, stream_write(c->stream, bytes), ERR_OK));
}

void
tb_send(struct tb_client *c, const struct mqtt_packet *packet)
{
	BUF_AUTO struct buf out;
	buf_init(&out, BYTES_MAX);
	cr_assert(eq(int, mqtt_encode(&out, packet, c->version), ERR_OK));
	tb_send_bytes(c, buf_bytes(&out));
}

bool
tb_receive(struct tb_client *c, struct mqtt_packet *out)
{
	struct mqtt_frame frame;
	struct mqtt_fault fault = {0};
	enum err err;
	while ((err = mqtt_frame_next(&frame, buf_bytes(&c->in), BYTES_MAX, &fault)) == ERR_MORE) {
		if (c->closed)
			return false;
		c->moved = false;
		tb_run_until(c->f, &c->moved);
	}
	cr_assert(eq(int, err, ERR_OK), "%s", fault.text);
	buf_clear(&c->packet);
	cr_assert(eq(int, buf_append(&c->packet, c->in.data, frame.total), ERR_OK));
	buf_consume(&c->in, frame.total);
	err = mqtt_frame_next(&frame, buf_bytes(&c->packet), BYTES_MAX, &fault);
	cr_assert(eq(int, err, ERR_OK));
	err = mqtt_decode(out, &frame, c->version, &fault);
	cr_assert(eq(int, err, ERR_OK), "%s", fault.text);
	return true;
}

bool
tb_is_closed(struct tb_client *c)
{
	struct mqtt_packet packet;
	return !tb_receive(c, &packet);
}

int
tb_connect(struct tb_client *c, enum mqtt_version version, const char *client_id)
{
	struct mqtt_packet packet = {.type = MQTT_CONNECT};
	c->version = version;
	packet.connect.version = version;
	packet.connect.clean_start = true;
	packet.connect.client_id = BYTES_STR(client_id);
	tb_send(c, &packet);
	if (!tb_receive(c, &packet))
		return -1;
	cr_assert(eq(int, packet.type, MQTT_CONNACK));
	return packet.connack.code;
}

int
tb_connect_device(struct tb_client *c, struct tb_fixture *f, enum mqtt_version version,
		  const char *cn)
{
	struct tb_identity id;
	BUF_AUTO struct buf chain;
	buf_init(&chain, BYTES_MAX);
	tb_identity_init(&id, f->pki.sub, cn, -60, DAY_S);
	tb_chain(&chain, &f->pki, &id, "lsi");
	tb_client_init(c, f, buf_bytes(&chain), id.key);
	tb_identity_fini(&id);
	return tb_connect(c, version, cn);
}

void
tb_publish(struct tb_client *c, const char *topic, const char *payload, uint8_t qos)
{
	struct mqtt_packet packet = {.type = MQTT_PUBLISH};
	packet.publish.topic = BYTES_STR(topic);
	packet.publish.payload = BYTES_STR(payload);
	packet.publish.qos = qos;
	packet.publish.packet_id = qos ? 7 : 0;
	tb_send(c, &packet);
}
