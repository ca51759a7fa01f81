// SPDX-License-Identifier: Apache-2.0
// Who gets in: certificates and tokens, the webhook before CONNACK, faults on CONNECT.
#include <string.h>

#include "thingsboard_fixture.h"

enum { DAY_S = 86400 };

static struct tb_fixture f;

static void
setup(void)
{
	tb_fixture_init(&f, true);
}

static void
teardown(void)
{
	tb_fixture_fini(&f);
}

TestSuite(thingsboard_connect, .init = setup, .fini = teardown);

// CONNACK for a leaf of `issuer` with these dates, sent as the chain `which`.
static int
connack(const struct cert_ca *issuer, int64_t from, int64_t until, const char *which,
	enum mqtt_version version)
{
	struct tb_identity id;
	struct tb_client c;
	BUF_AUTO struct buf chain;
	buf_init(&chain, 65536);
	tb_identity_init(&id, issuer, "dev-1", from, until);
	tb_chain(&chain, &f.pki, &id, which);
	tb_client_init(&c, &f, buf_bytes(&chain), id.key);
	int code = tb_connect(&c, version, "dev-1");
	if (code != 0 && version == MQTT_V5) {
		struct mqtt_packet bye;
		cr_expect(tb_receive(&c, &bye));
		cr_expect(eq(int, bye.type, MQTT_DISCONNECT));
	}
	if (code != 0)
		cr_expect(tb_is_closed(&c));
	tb_client_fini(&c);
	tb_identity_fini(&id);
	return code;
}

Test(thingsboard_connect, chains_that_fit)
{
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsir", MQTT_V311), 0), "with the root");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V5), 0));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V31), 0));
	json_auto_t *device = tb_device(&f, "dev-1");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(device, "connects")), 4));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(device, "attributes.provisionState"),
		     "provisioned"));
	cr_expect(eq(int, f.webhook_calls, 4));
}

// The runbook's "CONNREFUSED" row.
Test(thingsboard_connect, chains_that_do_not_fit)
{
	// Once with nothing remembered and once behind a chain that was accepted.
	for (int round = 0; round < 2; round++) {
		cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "l", MQTT_V311), 5), "leaf only");
		cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lis", MQTT_V311), 5), "order");
		cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "ls", MQTT_V311), 5),
			  "without the intermediate");
		cr_expect(eq(int, connack(f.pki.inter, -60, DAY_S, "lsi", MQTT_V311), 5),
			  "another issuer");
		cr_expect(eq(int, connack(f.pki.sub, -DAY_S, -60, "lsi", MQTT_V311), 5), "expired");
		cr_expect(eq(int, connack(f.pki.sub, 3600, DAY_S, "lsi", MQTT_V311), 5),
			  "not yet valid");
		cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "l", MQTT_V5), 0x87), "v5");
		json_auto_t *device = tb_device(&f, "dev-1");
		cr_expect(eq(int, json_is_null(device), round == 0));
		cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	}
}

Test(thingsboard_connect, foreign_ca)
{
	struct tb_pki other;
	tb_pki_init(&other);
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, connack(other.sub, -60, DAY_S, "lsi", MQTT_V311), 5));
	struct tb_identity id;
	struct tb_client c;
	BUF_AUTO struct buf chain;
	buf_init(&chain, 65536);
	tb_identity_init(&id, other.sub, "dev-1", -60, DAY_S);
	tb_chain(&chain, &other, &id, "lsir");
	tb_client_init(&c, &f, buf_bytes(&chain), id.key);
	cr_expect(eq(int, tb_connect(&c, MQTT_V311, "dev-1"), 5));
	tb_client_fini(&c);
	tb_identity_fini(&id);
	tb_pki_fini(&other);
}

static int
connack_without_certificate(enum mqtt_version version, const char *client_id, const char *username,
			    const char *password)
{
	struct tb_client c;
	struct mqtt_packet p = {.type = MQTT_CONNECT};
	tb_client_init(&c, &f, BYTES_NONE, NULL);
	c.version = version;
	p.connect.version = version;
	p.connect.client_id = BYTES_STR(client_id);
	p.connect.clean_start = true;
	p.connect.has_username = username != NULL;
	p.connect.has_password = password != NULL;
	p.connect.username = BYTES_STR(username ? username : "");
	p.connect.password = BYTES_STR(password ? password : "");
	tb_send(&c, &p);
	cr_assert(tb_receive(&c, &p));
	int code = p.connack.code;
	tb_client_fini(&c);
	return code;
}

Test(thingsboard_connect, without_certificate)
{
	cr_expect(eq(int, connack_without_certificate(MQTT_V311, "dev-1", NULL, NULL), 2));
	cr_expect(eq(int, connack_without_certificate(MQTT_V5, "dev-1", NULL, NULL), 0x85));
	cr_expect(eq(int, connack_without_certificate(MQTT_V311, "", NULL, NULL), 5));
	cr_expect(eq(int, connack_without_certificate(MQTT_V5, "", NULL, NULL), 0x87));
	cr_expect(eq(int, connack_without_certificate(MQTT_V311, "dev-1", "nobody", NULL), 5));
	cr_expect(eq(int, connack_without_certificate(MQTT_V5, "dev-1", "nobody", NULL), 0x86));
	ANSWER_AUTO struct mock_answer a =
		tb_call(&f, "POST", "/api/device?accessToken=tok-1", "{\"name\":\"basic-1\"}");
	cr_assert(eq(int, a.status, 200));
	cr_expect(eq(int, connack_without_certificate(MQTT_V311, "any", "tok-1", NULL), 0));
	cr_expect(eq(int, connack_without_certificate(MQTT_V311, "any", "tok-1", "pw"), 5));
}

// Contract section 7, row 5: created over REST, it has an access token and no certificate fits.
Test(thingsboard_connect, device_with_other_credentials)
{
	ANSWER_AUTO struct mock_answer a =
		tb_call(&f, "POST", "/api/device", "{\"name\":\"dev-1\"}");
	cr_assert(eq(int, a.status, 200));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 5));
}

Test(thingsboard_connect, event_says_who_it_is)
{
	struct tb_client c;
	cr_assert(eq(int, tb_connect_device(&c, &f, MQTT_V311, "dev-7"), 0));
	json_auto_t *event = json_loads(f.webhook_body, 0, NULL);
	json_auto_t *device = tb_device(&f, "dev-7");
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(event, "msgType"), "POST_CONNECT"));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(event, "metadata.deviceName"), "dev-7"));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(event, "metadata.deviceId"),
		     (char *)(uintptr_t)json_text_at(device, "id")));
	cr_expect(eq(str, (char *)(uintptr_t)json_text_at(event, "metadata.deviceType"),
		     "CDM X.509 Devices"));
	cr_expect(eq(int, json_is_object(json_object_get(event, "data")), 1));
	cr_expect(eq(str, f.webhook_auth, "Bearer hook-token"));
	tb_client_fini(&c);
}

Test(thingsboard_connect, connack_waits_for_the_webhook)
{
	struct tb_client c;
	struct tb_identity id;
	struct mqtt_packet p = {.type = MQTT_CONNECT};
	BUF_AUTO struct buf chain;
	buf_init(&chain, 65536);
	f.webhook_status = 0;
	tb_identity_init(&id, f.pki.sub, "dev-1", -60, DAY_S);
	tb_chain(&chain, &f.pki, &id, "lsi");
	tb_client_init(&c, &f, buf_bytes(&chain), id.key);
	p.connect.version = MQTT_V311;
	p.connect.client_id = BYTES_STR("dev-1");
	tb_send(&c, &p);
	// What follows CONNECT at once is served after CONNACK, in order.
	tb_publish(&c, "v1/devices/me/telemetry", "{\"cpu\":1}", 1);
	tb_send(&c, &(struct mqtt_packet){.type = MQTT_PINGREQ});
	while (!f.webhook_held)
		uv_run(&f.loop, UV_RUN_ONCE);
	cr_expect(eq(sz, c.in.len, 0), "CONNACK before the webhook's answer");
	json_auto_t *before = tb_device(&f, "dev-1");
	cr_expect(eq(int, json_is_null(json_object_get(before, "session")), 1));
	http_reply(f.webhook_held, 200, NULL, BYTES_NONE);
	cr_assert(tb_receive(&c, &p));
	cr_expect(p.type == MQTT_CONNACK && p.connack.code == 0);
	cr_expect(p.connack.session_present, "NOT clean session, as the real server echoes it");
	cr_assert(tb_receive(&c, &p));
	cr_expect(p.type == MQTT_PUBACK && p.ack.packet_id == 7);
	cr_assert(tb_receive(&c, &p));
	cr_expect(eq(int, p.type, MQTT_PINGRESP));
	tb_client_fini(&c);
	tb_identity_fini(&id);
}

Test(thingsboard_connect, webhook_failure_is_connack_3)
{
	f.webhook_status = 503;
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 3));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V5), 0x88));
	json_auto_t *state = thingsboard_state(f.tb, NULL);
	json_t *webhook = json_object_get(state, "webhook");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(webhook, "failed")), 2));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(webhook, "last_status")), 503));
	f.webhook_status = 200;
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	json_auto_t *after = thingsboard_state(f.tb, NULL);
	json_t *codes = json_object_get(after, "connack");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(codes, "3")), 1));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(codes, "136")), 1));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(codes, "0")), 1));
}

Test(thingsboard_connect, device_gone_while_the_webhook_works)
{
	struct tb_client c;
	struct tb_identity id;
	struct mqtt_packet p = {.type = MQTT_CONNECT};
	BUF_AUTO struct buf chain;
	buf_init(&chain, 65536);
	f.webhook_status = 0;
	tb_identity_init(&id, f.pki.sub, "dev-1", -60, DAY_S);
	tb_chain(&chain, &f.pki, &id, "lsi");
	tb_client_init(&c, &f, buf_bytes(&chain), id.key);
	p.connect.version = MQTT_V311;
	p.connect.client_id = BYTES_STR("dev-1");
	tb_send(&c, &p);
	while (!f.webhook_held)
		uv_run(&f.loop, UV_RUN_ONCE);
	json_auto_t *device = tb_device(&f, "dev-1");
	char path[128];
	snprintf(path, sizeof(path), "/api/device/%s", json_text_at(device, "id"));
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "DELETE", path, NULL);
	cr_expect(eq(int, a.status, 200));
	cr_expect(tb_is_closed(&c));
	http_reply(f.webhook_held, 200, NULL, BYTES_NONE);
	tb_client_fini(&c);
	tb_identity_fini(&id);
}

// --- faults ---

Test(thingsboard_connect, fault_status)
{
	tb_fault(&f, "{\"on\":\"CONNECT\",\"device\":\"dev-1\",\"when\":{\"first\":2},"
		     "\"do\":{\"status\":3}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 3));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V5), 0x88), "translated");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
}

Test(thingsboard_connect, fault_close_and_reset)
{
	tb_fault(&f, "{\"on\":\"CONNECT\",\"when\":{\"nth\":1},\"do\":{\"close\":true}}");
	tb_fault(&f, "{\"on\":\"CONNECT\",\"when\":{\"nth\":2},\"do\":{\"reset\":true}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), -1));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), -1));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, f.webhook_calls, 1), "request phase: nothing was acted on");
}

Test(thingsboard_connect, fault_after_the_effect)
{
	tb_fault(&f, "{\"on\":\"CONNECT\",\"phase\":\"effect\",\"when\":{\"nth\":1},"
		     "\"do\":{\"close\":true}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), -1));
	cr_expect(eq(int, f.webhook_calls, 1), "the event was posted");
}

Test(thingsboard_connect, fault_delay_and_hang)
{
	tb_fault(&f, "{\"on\":\"CONNECT\",\"when\":{\"nth\":1},\"do\":{\"delay_ms\":20}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	tb_fault(&f, "{\"on\":\"CONNECT\",\"when\":{\"nth\":1},\"do\":{\"hang\":true}}");
	struct tb_client c;
	struct tb_identity id;
	struct mqtt_packet p = {.type = MQTT_CONNECT};
	BUF_AUTO struct buf chain;
	buf_init(&chain, 65536);
	tb_identity_init(&id, f.pki.sub, "dev-2", -60, DAY_S);
	tb_chain(&chain, &f.pki, &id, "lsi");
	tb_client_init(&c, &f, buf_bytes(&chain), id.key);
	p.connect.version = MQTT_V311;
	p.connect.client_id = BYTES_STR("dev-2");
	tb_send(&c, &p);
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0),
		  "others are served meanwhile");
	cr_expect(eq(sz, c.in.len, 0));
	cr_expect(not(c.closed));
	tb_client_fini(&c);
	tb_identity_fini(&id);
}

Test(thingsboard_connect, fault_ca_not_loaded)
{
	tb_fault(&f,
		 "{\"name\":\"ca\",\"on\":\"CONNECT\",\"do\":{\"semantic\":\"ca-not-loaded\"}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 5));
	cr_assert(eq(int, fault_plan_delete(f.faults, "ca", NULL), ERR_OK));
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
}

Test(thingsboard_connect, fault_webhook_never_and_twice)
{
	tb_fault(&f, "{\"name\":\"n\",\"on\":\"webhook\",\"do\":{\"semantic\":\"never\"}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, f.webhook_calls, 0));
	cr_assert(eq(int, fault_plan_delete(f.faults, "n", NULL), ERR_OK));
	tb_fault(&f, "{\"on\":\"webhook\",\"do\":{\"semantic\":\"twice\"}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	while (f.webhook_calls < 2)
		uv_run(&f.loop, UV_RUN_ONCE);
}

Test(thingsboard_connect, fault_webhook_late)
{
	tb_fault(&f, "{\"on\":\"webhook\",\"do\":{\"semantic\":\"late\",\"delay_ms\":30}}");
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, f.webhook_calls, 0), "CONNACK went first");
	while (f.webhook_calls < 1)
		uv_run(&f.loop, UV_RUN_ONCE);
}

static void
put_webhook(struct addr admin, const char *body, int status)
{
	ANSWER_AUTO struct mock_answer a = mock_call(&f.loop, admin, "PUT", "/webhook", NULL, body);
	cr_expect(eq(int, a.status, status), "%s: %s", body, a.body);
}

Test(thingsboard_connect, webhook_is_set_over_the_admin_api)
{
	static const struct http_route routes[] = {
		{"PUT", "/webhook", thingsboard_put_webhook, 65536, "webhook.put"},
	};
	struct http_server *server = NULL;
	struct http_server_options o = {.server_name = "admin",
					.routes = routes,
					.n_routes = 1,
					.ctx = f.tb,
					.log = &f.log};
	cr_assert(eq(int, addr_parse(&o.addr, "127.0.0.1:0", NULL), ERR_OK));
	cr_assert(eq(int, http_server_new(&server, &f.loop, &o, NULL), ERR_OK));
	struct addr admin = http_server_addr(server);
	char here[ADDR_TEXT_BYTES];
	char body[256];
	struct addr hook = http_server_addr(f.webhook);
	addr_format(here, &hook);
	put_webhook(admin, "{\"url\":null}", 204);
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(int, f.webhook_calls, 0));
	snprintf(body, sizeof(body),
		 "{\"url\":\"http://%s/webhooks/thingsboard\",\"token\":\"other\"}", here);
	put_webhook(admin, body, 204);
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0));
	cr_expect(eq(str, f.webhook_auth, "Bearer other"));
	put_webhook(admin, "{}", 400);
	put_webhook(admin, "{\"url\":7}", 400);
	put_webhook(admin, "{\"url\":null,\"tokn\":\"x\"}", 400);
	put_webhook(admin, "{\"url\":\"ftp://x\"}", 400);
	put_webhook(admin, "{\"url\":\"https://127.0.0.1:1/\"}", 400); // no CA
	put_webhook(admin, "{\"url\":\"https://x/\",\"ca_file\":\"/nonexistent\"}", 400);
	put_webhook(admin, "not json", 400);
	cr_expect(eq(int, connack(f.pki.sub, -60, DAY_S, "lsi", MQTT_V311), 0),
		  "the old one stays");
	cr_expect(eq(int, f.webhook_calls, 2));
	http_server_free(server);
}
