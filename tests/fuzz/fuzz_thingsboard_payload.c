// SPDX-License-Identifier: Apache-2.0
// What devices publish ('t' telemetry, 'a' attributes, 'r' a request for attributes), and the
// tokens that REST clients show ('j'). 'g': any document; what is JSON reads the same as JSON.
#include "fuzz.h"
#include "thingsboard/gson.h"
#include "thingsboard/jwt.h"
#include "thingsboard/payload.h"

enum {
	NOW_MS = 1000,
	DEPTH_MAX = 255, // of what gson reads
};

static void
check_values(const struct values *v)
{
	json_auto_t *json = values_to_json(v);
	FUZZ_CHECK(json_is_object(json) && json_object_size(json) == v->n && v->n <= VALUES_MAX);
	for (size_t i = 0; i < v->n; i++)
		FUZZ_CHECK(values_find(v, v->items[i].key) == &v->items[i]);
}

static void
read_telemetry(struct bytes payload)
{
	struct values values = {0};
	size_t n = 0;
	if (payload_telemetry(&values, payload, NOW_MS, &n) == ERR_OK)
		FUZZ_CHECK(n > 0 || values.n == 0);
	check_values(&values);
	values_fini(&values);
}

static void
read_attributes(struct bytes payload)
{
	struct values values = {0};
	if (payload_attributes(&values, payload, NOW_MS) == ERR_OK)
		FUZZ_CHECK(payload.n >= 2);
	check_values(&values);
	values_fini(&values);
}

static void
read_request(struct bytes payload)
{
	struct values values = {0};
	json_t *answer = NULL;
	FUZZ_CHECK(values_set(&values, "a", json_integer(1), NOW_MS) == ERR_OK);
	if (payload_attributes_request(&answer, payload, &values, &values) == ERR_OK)
		FUZZ_CHECK(json_is_object(answer));
	json_decref(answer);
	values_fini(&values);
}

// Signs what can be signed, so that the claims behind the signature are reached too.
static void
read_jwt(struct bytes text)
{
	struct jwt_key key = {{0}};
	json_t *claims = NULL;
	BUF_AUTO struct buf token;
	buf_init(&token, 64 * 1024);
	FUZZ_CHECK(jwt_verify(&claims, &key, text) != ERR_OK || json_is_object(claims));
	json_decref(claims);
	claims = json_loadb((const char *)text.p, text.n, 0, NULL);
	if (json_is_object(claims) && jwt_sign(&token, &key, claims) == ERR_OK) {
		json_t *again = NULL;
		FUZZ_CHECK(jwt_verify(&again, &key, buf_bytes(&token)) == ERR_OK);
		FUZZ_CHECK(json_equal(claims, again));
		json_decref(again);
	}
	json_decref(claims);
}

static void
read_gson(struct bytes text)
{
	json_t *lenient = NULL;
	json_auto_t *strict = json_loadb((const char *)text.p, text.n,
					 JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	enum err err = gson_parse(&lenient, text);
	FUZZ_CHECK((lenient != NULL) == !err);
	// jansson takes a NUL behind the document for its end.
	if (strict && text.n < DEPTH_MAX && !memchr(text.p, '\0', text.n))
		FUZZ_CHECK(!err && json_equal(strict, lenient));
	json_decref(lenient);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	switch (fuzz_take_u8(&in)) {
	case 'a':
		read_attributes(in);
		break;
	case 'r':
		read_request(in);
		break;
	case 'j':
		read_jwt(in);
		break;
	case 'g':
		read_gson(in);
		break;
	default:
		read_telemetry(in);
	}
	return 0;
}
