// SPDX-License-Identifier: Apache-2.0
// A target as JSON ('t' in front), or a query of ?q= asked about one target.
#include "fuzz.h"
#include "hawkbit/rsql.h"
#include "hawkbit/target_input.h"

static void
read_target(struct bytes text)
{
	json_auto_t *json = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
	AUTO(target_free) struct target *target = NULL;
	struct target_input input;
	struct refusal refusal = {0};
	struct arena arena;
	if (!json)
		return;
	arena_init(&arena, 1024 * 1024);
	enum err err = target_input_parse(&input, json, &arena, &refusal);
	if (!err)
		err = target_input_check(&input, true, &refusal);
	FUZZ_CHECK(!err || (err == ERR_INPUT && refusal.kind < REFUSE_KINDS));
	if (!err) {
		FUZZ_CHECK(target_from_input(&target, &input, "admin", 1) == ERR_OK);
		FUZZ_CHECK(target->controller_id && target->controller_id[0] && target->name);
		FUZZ_CHECK(utf16_length(target->controller_id) <= 256);
		FUZZ_CHECK(target_update(target, &input, "admin", 2) == ERR_OK);
	}
	arena_fini(&arena);
}

static void
read_query(struct bytes text)
{
	static char id[] = "dev-1";
	static char name[] = "Device *1";
	static char address[] = "http://10.8.0.2";
	AUTO(rsql_free) struct rsql *query = NULL;
	AUTO(free) char *copy = fuzz_text(text);
	struct refusal refusal = {0};
	json_auto_t *metadata = json_pack("{s:s}", "wg_ip", "10.8.0.2");
	const struct target target = {
		.controller_id = id,
		.name = name,
		.address = address,
		.metadata = metadata,
		.created_by = "admin",
		.last_modified_by = "admin",
		.created_at = 1700000000000,
	};
	enum err err = rsql_parse(&query, copy, &refusal);
	FUZZ_CHECK(!err || (err == ERR_INPUT && refusal.kind < REFUSE_KINDS));
	FUZZ_CHECK((query != NULL) == !err);
	if (query)
		(void)rsql_matches(query, &target);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	if (fuzz_take_u8(&in) == 't')
		read_target(in);
	else
		read_query(in);
	return 0;
}
