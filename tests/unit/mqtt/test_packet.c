// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/rng.h"
#include "mqtt/packet.h"

#include "vectors.h"

// Decodes the vector called `name`; it borrows from *copy.
static void
decode_named(const char *name, struct mqtt_packet *out, char **copy)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		if (strcmp(vectors[i].name, name) != 0)
			continue;
		struct bytes wire = vector_bytes(vectors[i].hex);
		struct mqtt_fault fault = {0};
		enum err err = vector_decode(out, copy, wire, vectors[i].version, &fault);
		free((void *)(uintptr_t)wire.p);
		cr_assert(eq(int, err, ERR_OK), "%s: %s", name, fault.text);
		return;
	}
	cr_assert(false, "no vector %s", name);
}

Test(mqtt_packet, vectors_survive_decode_and_encode)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		const struct vector *v = &vectors[i];
		struct bytes wire = vector_bytes(v->hex);
		AUTO(free) char *copy = NULL;
		struct mqtt_packet p;
		struct mqtt_fault fault = {0};
		enum err err = vector_decode(&p, &copy, wire, v->version, &fault);
		cr_expect(eq(int, err, ERR_OK), "%s: %s", v->name, fault.text);
		BUF_AUTO struct buf out;
		buf_init(&out, 1024);
		if (err == ERR_OK) {
			cr_expect(eq(int, mqtt_encode(&out, &p, v->version), ERR_OK), "%s",
				  v->name);
			cr_expect(bytes_equal(buf_bytes(&out), wire), "%s", v->name);
		}
		free((void *)(uintptr_t)wire.p);
	}
}

Test(mqtt_packet, connect_fields)
{
	AUTO(free) char *copy = NULL;
	struct mqtt_packet p;
	decode_named("connect 3.1.1 all", &p, &copy);
	const struct mqtt_connect *c = &p.connect;
	cr_expect(eq(int, c->version, MQTT_V311));
	cr_expect(c->clean_start);
	cr_expect(bytes_is(c->client_id, "c"));
	cr_expect(c->will.present && c->will.retain);
	cr_expect(eq(int, c->will.qos, 1));
	cr_expect(bytes_is(c->will.topic, "w"));
	cr_expect(bytes_is(c->will.payload, "x"));
	cr_expect(bytes_is(c->username, "u"));
	cr_expect(bytes_is(c->password, "pw"));
}

Test(mqtt_packet, connect_5_fields)
{
	AUTO(free) char *copy = NULL;
	struct mqtt_packet p;
	decode_named("connect 5", &p, &copy);
	const struct mqtt_connect *c = &p.connect;
	cr_expect(eq(int, c->version, MQTT_V5));
	cr_expect(eq(int, c->keep_alive_s, 30));
	cr_expect(eq(sz, c->client_id.n, 0));
	cr_expect(c->has_password && !c->has_username);
	cr_expect(eq(u32, mqtt_property_number(&c->properties, MQTT_PROPERTY_RECEIVE_MAXIMUM, 1),
		     20));
	cr_expect(
		eq(u32, mqtt_property_number(&c->properties, MQTT_PROPERTY_SESSION_EXPIRY, 1), 10));
	cr_expect(eq(u32,
		     mqtt_property_number(&c->properties, MQTT_PROPERTY_TOPIC_ALIAS_MAXIMUM, 3), 3),
		  "absent: the fallback");
	cr_expect(
		eq(u32, mqtt_property_number(&c->will.properties, MQTT_PROPERTY_WILL_DELAY, 0), 5));
}

Test(mqtt_packet, publish_fields)
{
	AUTO(free) char *copy = NULL;
	struct mqtt_packet p;
	decode_named("publish QoS 1", &p, &copy);
	cr_expect(p.publish.dup && p.publish.retain);
	cr_expect(eq(int, p.publish.qos, 1));
	cr_expect(eq(int, p.publish.packet_id, 10));
	cr_expect(bytes_is(p.publish.topic, "a/b"));
	cr_expect(bytes_is(p.publish.payload, "hi"));
}

Test(mqtt_packet, filters_are_walked_in_order)
{
	AUTO(free) char *copy = NULL;
	AUTO(free) char *copy5 = NULL;
	struct mqtt_packet p;
	struct mqtt_filter f;
	decode_named("subscribe", &p, &copy);
	cr_assert(eq(sz, p.subscribe.n_filters, 2));
	struct bytes rest = p.subscribe.filters;
	cr_assert(mqtt_filter_next(&f, &rest, MQTT_SUBSCRIBE));
	cr_expect(bytes_is(f.filter, "#") && f.qos == 0);
	cr_assert(mqtt_filter_next(&f, &rest, MQTT_SUBSCRIBE));
	cr_expect(bytes_is(f.filter, "+/") && f.qos == 1);
	cr_expect(not(mqtt_filter_next(&f, &rest, MQTT_SUBSCRIBE)));

	decode_named("subscribe 5", &p, &copy5);
	rest = p.subscribe.filters;
	cr_assert(mqtt_filter_next(&f, &rest, MQTT_SUBSCRIBE));
	cr_expect(f.qos == 1 && f.no_local && f.retain_as_published && f.retain_handling == 2);
	cr_expect(
		eq(u32,
		   mqtt_property_number(&p.subscribe.properties, MQTT_PROPERTY_SUBSCRIPTION_ID, 0),
		   128));
}

Test(mqtt_packet, filters_can_be_put_back)
{
	BUF_AUTO struct buf filters;
	BUF_AUTO struct buf out;
	buf_init(&filters, 64);
	buf_init(&out, 64);
	struct mqtt_filter f = {.filter = BYTES_STR("#"),
				.qos = 1,
				.no_local = true,
				.retain_as_published = true,
				.retain_handling = 2};
	cr_assert(eq(int, mqtt_filter_put(&filters, &f, MQTT_SUBSCRIBE), ERR_OK));
	struct mqtt_packet p = {.type = MQTT_SUBSCRIBE};
	p.subscribe.packet_id = 1;
	p.subscribe.filters = buf_bytes(&filters);
	cr_assert(eq(int, mqtt_encode(&out, &p, MQTT_V311), ERR_OK));
	struct bytes want = vector_bytes("82 06  0001  0001 23 2d");
	cr_expect(bytes_equal(buf_bytes(&out), want));
	free((void *)(uintptr_t)want.p);
}

// Remaining lengths around each change of size (table 2-1 of 3.1.1).
Test(mqtt_packet, remaining_length_borders)
{
	static const struct {
		uint32_t payload; // of a PUBLISH to "a": 3 bytes of topic in front
		size_t header;
	} rows[] = {
		{124,     2},
		  {125,	3},
		    {16380,   3},
		{16381,	4},
		    {2097148, 4},
		  {2097149, 5}
	      };
	AUTO(free) char *payload = calloc(1, 2097149);
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		BUF_AUTO struct buf out;
		buf_init(&out, 4 << 20);
		struct mqtt_packet p = {.type = MQTT_PUBLISH};
		p.publish.topic = BYTES_STR("a");
		p.publish.payload = BYTES(payload, rows[i].payload);
		cr_assert(eq(int, mqtt_encode(&out, &p, MQTT_V311), ERR_OK));
		cr_expect(eq(sz, out.len, rows[i].header + 3 + rows[i].payload));
		struct mqtt_frame frame;
		struct mqtt_fault fault;
		cr_assert(eq(int,
			     mqtt_frame_next(&frame, buf_bytes(&out), MQTT_REMAINING_MAX, &fault),
			     ERR_OK));
		cr_expect(eq(sz, frame.total, out.len));
		cr_expect(not(frame.length_padded));
	}
}

Test(mqtt_packet, encoder_leaves_the_buffer_alone_when_it_fails)
{
	BUF_AUTO struct buf out;
	buf_init(&out, 16);
	cr_assert(eq(int, buf_append_str(&out, "before"), ERR_OK));
	AUTO(free) char *big = calloc(1, 70000);
	struct mqtt_packet p = {.type = MQTT_PUBLISH};
	p.publish.topic = BYTES_STR("topic-too-long-for-the-buffer");
	cr_expect(eq(int, mqtt_encode(&out, &p, MQTT_V311), ERR_TOO_LARGE));
	p.publish.topic = BYTES(big, 65536);
	cr_expect(eq(int, mqtt_encode(&out, &p, MQTT_V311), ERR_TOO_LARGE));
	p = (struct mqtt_packet){.type = MQTT_AUTH};
	cr_expect(eq(int, mqtt_encode(&out, &p, MQTT_V311), ERR_UNSUPPORTED));
	cr_expect(bytes_is(buf_bytes(&out), "before"));
}

Test(mqtt_packet, prefixes_are_incomplete_and_the_rest_is_left)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		struct bytes wire = vector_bytes(vectors[i].hex);
		struct mqtt_frame frame;
		struct mqtt_fault fault;
		for (size_t n = 0; n < wire.n; n++)
			cr_expect(eq(int,
				     mqtt_frame_next(&frame, BYTES(wire.p, n), MQTT_REMAINING_MAX,
						     &fault),
				     ERR_MORE),
				  "%s, %zu bytes", vectors[i].name, n);
		BUF_AUTO struct buf twice;
		buf_init(&twice, 1024);
		cr_assert(eq(int, buf_append(&twice, wire.p, wire.n), ERR_OK));
		cr_assert(eq(int, buf_append(&twice, wire.p, wire.n), ERR_OK));
		cr_assert(
			eq(int, mqtt_frame_next(&frame, buf_bytes(&twice), 1024, &fault), ERR_OK));
		cr_expect(eq(sz, frame.total, wire.n), "%s", vectors[i].name);
		free((void *)(uintptr_t)wire.p);
	}
}

// What decodes must encode, and come back the same: nothing is accepted that we would not say.
static void
check_stable(struct bytes wire, enum mqtt_version version, const char *name)
{
	AUTO(free) char *copy = NULL;
	struct mqtt_packet p;
	struct mqtt_fault fault = {0};
	enum err err = vector_decode(&p, &copy, wire, version, &fault);
	if (err != ERR_OK) {
		if (err != ERR_MORE)
			cr_expect(fault.text != NULL && fault.reason >= 0x80, "%s", name);
		return;
	}
	enum mqtt_version v = p.type == MQTT_CONNECT ? p.connect.version : version;
	BUF_AUTO struct buf once;
	BUF_AUTO struct buf again;
	buf_init(&once, 4096);
	buf_init(&again, 4096);
	cr_assert(eq(int, mqtt_encode(&once, &p, v), ERR_OK), "%s", name);
	AUTO(free) char *copy2 = NULL;
	cr_assert(eq(int, vector_decode(&p, &copy2, buf_bytes(&once), v, &fault), ERR_OK), "%s: %s",
		  name, fault.text);
	cr_assert(eq(int, mqtt_encode(&again, &p, v), ERR_OK), "%s", name);
	cr_expect(bytes_equal(buf_bytes(&once), buf_bytes(&again)), "%s", name);
}

Test(mqtt_packet, every_single_byte_change_is_survived)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		struct bytes wire = vector_bytes(vectors[i].hex);
		uint8_t *bytes = (uint8_t *)(uintptr_t)wire.p;
		for (size_t at = 0; at < wire.n; at++) {
			uint8_t kept = bytes[at];
			for (int value = 0; value < 256; value++) {
				bytes[at] = (uint8_t)value;
				check_stable(wire, vectors[i].version, vectors[i].name);
			}
			bytes[at] = kept;
		}
		free(bytes);
	}
}

// A body cut at every byte with a remaining length that agrees.
Test(mqtt_packet, every_truncation_is_survived)
{
	for (size_t i = 0; i < N_ELEMENTS(vectors); i++) {
		struct bytes wire = vector_bytes(vectors[i].hex);
		uint8_t *bytes = (uint8_t *)(uintptr_t)wire.p;
		for (size_t n = 2; n < wire.n; n++) {
			bytes[1] = (uint8_t)(n - 2);
			check_stable(BYTES(bytes, n), vectors[i].version, vectors[i].name);
		}
		free(bytes);
	}
}

Test(mqtt_packet, garbage_is_survived)
{
	static const enum mqtt_version versions[] = {MQTT_V31, MQTT_V311, MQTT_V5};
	struct rng r;
	rng_init(&r, 20240501, 0);
	for (size_t i = 0; i < 30000; i++) {
		uint8_t bytes[64];
		rng_fill(&r, bytes, sizeof(bytes));
		// Half of them with a plausible header, else nearly all fail at its flags.
		if (i & 1) {
			bytes[0] = (uint8_t)((1 + rng_below(&r, 15)) << 4);
			bytes[1] = (uint8_t)rng_below(&r, sizeof(bytes) - 2);
		}
		check_stable(BYTES(bytes, sizeof(bytes)), versions[i % 3], "garbage");
	}
}
