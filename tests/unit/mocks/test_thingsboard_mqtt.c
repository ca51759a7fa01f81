// SPDX-License-Identifier: Apache-2.0
// What an open session can do, and what ends it.
#include <string.h>

#include "thingsboard_fixture.h"

static struct tb_fixture f;

static void
setup(void)
{
	tb_fixture_init(&f, false);
}

static void
teardown(void)
{
	tb_fixture_fini(&f);
}

TestSuite(thingsboard_mqtt, .init = setup, .fini = teardown);

#define TELEMETRY "v1/devices/me/telemetry"

static void
expect_puback(struct tb_client *c, int reason)
{
	struct mqtt_packet p;
	cr_assert(tb_receive(c, &p), "closed instead of PUBACK");
	cr_assert(eq(int, p.type, MQTT_PUBACK));
	cr_expect(eq(int, p.ack.packet_id, 7));
	cr_expect(eq(int, p.ack.reason, reason));
}

static void
expect_disconnect(struct tb_client *c, int reason)
{
	struct mqtt_packet p;
	cr_assert(tb_receive(c, &p), "closed without DISCONNECT");
	cr_assert(eq(int, p.type, MQTT_DISCONNECT));
	cr_expect(eq(int, p.reasoned.reason, reason));
	cr_expect(tb_is_closed(c));
}

static void
ping(struct tb_client *c)
{
	struct mqtt_packet p = {.type = MQTT_PINGREQ};
	tb_send(c, &p);
	cr_assert(tb_receive(c, &p), "closed instead of PINGRESP");
	cr_expect(eq(int, p.type, MQTT_PINGRESP));
}

static void
open_device(struct tb_client *c, enum mqtt_version version)
{
	cr_assert(eq(int, tb_connect_device(c, &f, version, "dev-1"), 0));
}

Test(thingsboard_mqtt, telemetry_is_stored)
{
	struct tb_client c;
	open_device(&c, MQTT_V311);
	tb_publish(&c, TELEMETRY, "{\"a\":1,\"b\":\"2.5\",\"c\":\"x\",\"d\":null}", 1);
	expect_puback(&c, 0);
	tb_publish(&c, TELEMETRY, "[{\"ts\":5,\"values\":{\"e\":true}},{\"a\":2}]", 1);
	expect_puback(&c, 0);
	tb_publish(&c, "v2/t", "{\"g\":{\"h\":1}}", 2);
	expect_puback(&c, 0); // no PUBREC
	json_auto_t *device = tb_device(&f, "dev-1");
	json_auto_t *want = json_pack("{s:i, s:f, s:s, s:b, s:{s:i}}", "a", 2, "b", 2.5, "c", "x",
				      "e", 1, "g", "h", 1);
	cr_expect(json_equal(json_object_get(device, "telemetry"), want));
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, invalid_payload)
{
	static const char *const bad[] = {"garbage", "", "null", "[1]", "{\"a\":", "{} x"};
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		struct tb_client c;
		open_device(&c, MQTT_V311);
		tb_publish(&c, TELEMETRY, bad[i], 1);
		cr_expect(tb_is_closed(&c), "3.1.1: %s", bad[i]);
		tb_client_fini(&c);
		open_device(&c, MQTT_V5);
		tb_publish(&c, TELEMETRY, bad[i], 1);
		expect_puback(&c, 0x99);
		tb_publish(&c, TELEMETRY, bad[i], 0);
		expect_disconnect(&c, 0x99);
		tb_client_fini(&c);
	}
}

Test(thingsboard_mqtt, unknown_topic_is_acknowledged_and_dropped)
{
	struct tb_client c;
	open_device(&c, MQTT_V311);
	tb_publish(&c, "some/topic", "anything", 1);
	expect_puback(&c, 0);
	tb_publish(&c, TELEMETRY, "[]", 1); // taken, never acknowledged
	ping(&c);
	tb_client_fini(&c);
	open_device(&c, MQTT_V5);
	tb_publish(&c, "some/topic", "anything", 1);
	expect_puback(&c, 0x90);
	tb_client_fini(&c);
}

static void
subscribe(struct tb_client *c, const char *const *filters, size_t n, uint8_t qos,
	  struct mqtt_packet *answer)
{
	BUF_AUTO struct buf wire;
	buf_init(&wire, 4096);
	for (size_t i = 0; i < n; i++) {
		struct mqtt_filter filter = {.filter = BYTES_STR(filters[i]), .qos = qos};
		cr_assert(eq(int, mqtt_filter_put(&wire, &filter, MQTT_SUBSCRIBE), ERR_OK));
	}
	struct mqtt_packet p = {.type = MQTT_SUBSCRIBE};
	p.subscribe.packet_id = 9;
	p.subscribe.filters = buf_bytes(&wire);
	tb_send(c, &p);
	cr_assert(tb_receive(c, answer));
	cr_assert(eq(int, answer->type, MQTT_SUBACK));
	cr_expect(eq(int, answer->suback.packet_id, 9));
	cr_assert(eq(sz, answer->suback.codes.n, n));
}

Test(thingsboard_mqtt, only_known_filters_are_granted)
{
	static const char *const filters[] = {
		"v1/devices/me/attributes", "v1/devices/me/rpc/request/+", "#", "v1/devices/me/#"};
	struct tb_client c;
	struct mqtt_packet p;
	open_device(&c, MQTT_V311);
	subscribe(&c, filters, 4, 2, &p);
	cr_expect(eq(int, p.suback.codes.p[0], 1), "at most QoS 1");
	cr_expect(eq(int, p.suback.codes.p[1], 1));
	cr_expect(eq(int, p.suback.codes.p[2], 0x80));
	cr_expect(eq(int, p.suback.codes.p[3], 0x80));
	ping(&c);
	tb_client_fini(&c);
	open_device(&c, MQTT_V5);
	subscribe(&c, filters, 3, 0, &p);
	cr_expect(eq(int, p.suback.codes.p[0], 0));
	cr_expect(eq(int, p.suback.codes.p[2], 0x8f));
	tb_client_fini(&c);
}

static void
save_attributes(const char *scope, const char *body)
{
	json_auto_t *device = tb_device(&f, "dev-1");
	char path[200];
	snprintf(path, sizeof(path), "/api/plugins/telemetry/DEVICE/%s/%s",
		 json_text_at(device, "id"), scope);
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "POST", path, body);
	cr_assert(eq(int, a.status, 200), "%s", a.body);
}

Test(thingsboard_mqtt, shared_attributes_are_pushed)
{
	static const char *const filters[] = {"v1/devices/me/attributes"};
	struct tb_client c;
	struct mqtt_packet p;
	open_device(&c, MQTT_V311);
	subscribe(&c, filters, 1, 1, &p);
	save_attributes("SERVER_SCOPE", "{\"hidden\":1}"); // never reaches the device
	save_attributes("SHARED_SCOPE", "{\"rate\":5}");
	cr_assert(tb_receive(&c, &p));
	cr_assert(eq(int, p.type, MQTT_PUBLISH));
	cr_expect(bytes_is(p.publish.topic, "v1/devices/me/attributes"));
	cr_expect(bytes_is(p.publish.payload, "{\"rate\":5}"));
	cr_expect(p.publish.qos == 1 && p.publish.packet_id != 0);
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, attributes_can_be_asked_for)
{
	struct tb_client c;
	struct mqtt_packet p;
	open_device(&c, MQTT_V311);
	tb_publish(&c, "v1/devices/me/attributes", "{\"fw\":\"1.0.0\"}", 1);
	expect_puback(&c, 0);
	save_attributes("SHARED_SCOPE", "{\"rate\":5,\"other\":6}");
	tb_publish(&c, "v1/devices/me/attributes/request/12",
		   "{\"clientKeys\":\"fw,none\",\"sharedKeys\":\"rate\"}", 0);
	cr_assert(tb_receive(&c, &p));
	cr_expect(bytes_is(p.publish.topic, "v1/devices/me/attributes/response/12"));
	cr_expect(bytes_is(p.publish.payload,
			   "{\"client\":{\"fw\":\"1.0.0\"},\"shared\":{\"rate\":5}}"));
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, newer_session_takes_over)
{
	struct tb_client first;
	struct tb_client second;
	struct tb_client other;
	open_device(&first, MQTT_V5);
	cr_assert(eq(int, tb_connect_device(&other, &f, MQTT_V311, "dev-2"), 0));
	open_device(&second, MQTT_V311);
	expect_disconnect(&first, 0x8e);
	ping(&second);
	ping(&other);
	json_auto_t *device = tb_device(&f, "dev-1");
	cr_expect(eq(int, json_is_object(json_object_get(device, "session")), 1));
	tb_client_fini(&first);
	tb_client_fini(&second);
	tb_client_fini(&other);
}

Test(thingsboard_mqtt, deleting_the_device_ends_its_session)
{
	struct tb_client c;
	open_device(&c, MQTT_V5);
	json_auto_t *device = tb_device(&f, "dev-1");
	char path[128];
	snprintf(path, sizeof(path), "/api/device/%s", json_text_at(device, "id"));
	ANSWER_AUTO struct mock_answer a = tb_call(&f, "DELETE", path, NULL);
	cr_expect(eq(int, a.status, 200));
	cr_expect(eq(str, a.body, ""));
	expect_disconnect(&c, 0x98);
	tb_client_fini(&c);
	// It comes back under a new id: the certificate's profile creates devices.
	open_device(&c, MQTT_V311);
	json_auto_t *again = tb_device(&f, "dev-1");
	cr_expect(ne(str, (char *)(uintptr_t)json_text_at(again, "id"),
		     (char *)(uintptr_t)json_text_at(device, "id")));
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, disconnect_closes)
{
	struct tb_client c;
	open_device(&c, MQTT_V311);
	tb_send(&c, &(struct mqtt_packet){.type = MQTT_DISCONNECT});
	cr_expect(tb_is_closed(&c));
	json_auto_t *device = tb_device(&f, "dev-1");
	cr_expect(eq(int, json_is_null(json_object_get(device, "session")), 1));
	cr_expect(
		eq(int,
		   json_is_false(json_object_get(json_object_get(device, "attributes"), "active")),
		   1));
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, hostile_bytes_close)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t n;
	} rows[] = {
		{"type 0",		   "\x00\x00",				       2 },
		{"HTTP",			 "GET / HTTP/1.1\r\n\r\n",			   18},
		{"oversize",		     "\x30\x81\x80\x04",				 4 },
		{"packet before CONNECT", "\xc0\x00",				      2 },
		{"unknown level",	  "\x10\x0d\x00\x04MQTT\x09\x02\x00\x00\x00\x01x", 15},
		{"length of five bytes",	 "\x10\xff\xff\xff\xff\x01",			     6 },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct tb_client c;
		tb_client_init(&c, &f, BYTES_NONE, NULL);
		tb_send_bytes(&c, BYTES(rows[i].bytes, rows[i].n));
		cr_expect(tb_is_closed(&c), "%s", rows[i].name);
		tb_client_fini(&c);
	}
	struct tb_client c;
	open_device(&c, MQTT_V5);
	tb_send_bytes(&c, BYTES("\x36\x05\x00\x01z\x00\x01", 7)); // QoS 3
	expect_disconnect(&c, 0x81);
	tb_client_fini(&c);
	open_device(&c, MQTT_V311);
	ping(&c);
	tb_client_fini(&c);
}

// CONNECT cut into single bytes, with the next packet right behind it.
Test(thingsboard_mqtt, packets_in_pieces)
{
	struct tb_client c;
	struct mqtt_packet p;
	open_device(&c, MQTT_V311);
	static const uint8_t bytes[] =
		"\xc0\x00\x30\x1e\x00\x17v1/devices/me/telemetry{\"a\":1\xc0";
	for (size_t i = 0; i + 1 < sizeof(bytes) - 1; i++) {
		tb_send_bytes(&c, BYTES(bytes + i, 1));
		uv_run(&f.loop, UV_RUN_NOWAIT);
	}
	cr_assert(tb_receive(&c, &p));
	cr_expect(eq(int, p.type, MQTT_PINGRESP));
	cr_expect(tb_is_closed(&c), "the payload was cut: not JSON");
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, publish_faults)
{
	struct tb_client c;
	open_device(&c, MQTT_V5);
	tb_fault(&f, "{\"on\":\"PUBLISH\",\"when\":{\"nth\":1},\"do\":{\"status\":151}}");
	tb_publish(&c, TELEMETRY, "{\"a\":1}", 1);
	expect_puback(&c, 0x97);
	json_auto_t *device = tb_device(&f, "dev-1");
	cr_expect(eq(sz, json_object_size(json_object_get(device, "telemetry")), 0));
	tb_fault(&f, "{\"on\":\"PUBLISH\",\"when\":{\"nth\":1},\"do\":{\"delay_ms\":10}}");
	tb_publish(&c, TELEMETRY, "{\"a\":2}", 1);
	tb_send(&c, &(struct mqtt_packet){.type = MQTT_PINGREQ});
	expect_puback(&c, 0);
	struct mqtt_packet p;
	cr_assert(tb_receive(&c, &p));
	cr_expect(eq(int, p.type, MQTT_PINGRESP), "order is kept");
	tb_fault(&f, "{\"on\":\"PUBLISH\",\"phase\":\"effect\",\"do\":{\"close\":true}}");
	tb_publish(&c, TELEMETRY, "{\"a\":3}", 1);
	cr_expect(tb_is_closed(&c));
	json_auto_t *after = tb_device(&f, "dev-1");
	json_t *telemetry = json_object_get(after, "telemetry");
	cr_expect(eq(int, (int)json_integer_value(json_object_get(telemetry, "a")), 3), "stored");
	tb_client_fini(&c);
}

Test(thingsboard_mqtt, reset_ends_everything)
{
	struct tb_client c;
	open_device(&c, MQTT_V5);
	thingsboard_reset(f.tb);
	expect_disconnect(&c, 0x8b);
	json_auto_t *state = thingsboard_state(f.tb, NULL);
	cr_expect(eq(sz, json_object_size(json_object_get(state, "devices")), 0));
	cr_expect(eq(sz, json_object_size(json_object_get(state, "connack")), 0));
	tb_client_fini(&c);
}
