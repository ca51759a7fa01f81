// SPDX-License-Identifier: Apache-2.0
// A fault as the admin API takes it ('f'), or bytes that the journal has to mask.
#include "base/encode.h"
#include "common/faults.h"
#include "common/journal.h"
#include "fuzz.h"

static const struct fault_term places[] = {
	{"sign",	 "a place"	  },
	{"login", "another place"},
};
static const struct fault_term semantics[] = {
	{"wrong-key", "another key"},
};
static const struct fault_vocabulary vocabulary = {
	.on = places,
	.n_on = N_ELEMENTS(places),
	.semantic = semantics,
	.n_semantic = N_ELEMENTS(semantics),
	.kinds = FAULT_KINDS_HTTP | FAULT_SEMANTIC,
	.status_min = 100,
	.status_max = 599,
};

static void
fire(struct fault_plan *plan)
{
	for (int i = 0; i < 4; i++) {
		const struct fault *fault = fault_plan_match(plan, "sign", "dev-1",
							     i % 2 ? FAULT_EFFECT : FAULT_REQUEST);
		if (fault)
			FUZZ_CHECK(fault->name && fault->kind != FAULT_SEMANTIC);
		fault = fault_plan_match_semantic(plan, "sign", "dev-1", "wrong-key");
		if (fault)
			FUZZ_CHECK(fault->kind == FAULT_SEMANTIC);
	}
	json_auto_t *list = fault_plan_list(plan);
	FUZZ_CHECK(json_array_size(list) == 1);
}

static void
read_fault(struct bytes text)
{
	AUTO(fault_plan_free) struct fault_plan *plan = NULL;
	json_auto_t *json = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
	const char *name = NULL;
	struct why why = {0};
	if (!json)
		return;
	FUZZ_CHECK(fault_plan_new(&plan, &vocabulary, 1) == ERR_OK);
	enum err err = fault_plan_add(plan, json, &name, &why);
	FUZZ_CHECK_WHY(err, why);
	FUZZ_CHECK(fault_plan_is_empty(plan) == (err != ERR_OK));
	if (err)
		return;
	FUZZ_CHECK(name && name[0]);
	fire(plan);
	FUZZ_CHECK(fault_plan_delete(plan, name, &why) == ERR_OK && fault_plan_is_empty(plan));
}

// JSON stays JSON.
static void
mask(struct bytes text)
{
	BUF_AUTO struct buf out;
	buf_init(&out, 16 * 1024 * 1024);
	FUZZ_CHECK(journal_mask(&out, text) == ERR_OK);
	json_auto_t *before = json_loadb((const char *)text.p, text.n, 0, NULL);
	if (!before || memchr(text.p, '\\', text.n)) // names are not looked for behind escapes
		return;
	json_auto_t *after = json_loadb((const char *)out.data, out.len, 0, NULL);
	FUZZ_CHECK(after);
	const json_t *password = json_object_get(after, "password");
	FUZZ_CHECK(!json_is_string(password) || strcmp(json_string_value(password), "***") == 0);
}

static void
keep(struct bytes text)
{
	AUTO(journal_free) struct journal *journal = NULL;
	AUTO(free) char *copy = fuzz_text(text);
	const struct journal_options options = {.bytes = 4096, .body_max = 256};
	FUZZ_CHECK(journal_new(&journal, &options) == ERR_OK);
	for (int i = 0; i < 8; i++) {
		struct journal_record record = {
			.event = copy,
			.device = copy,
			.call = copy,
			.auth = copy,
			.body = BYTES(text.p, text.n * (size_t)i / 7),
		};
		(void)journal_append(journal, &record);
	}
	json_auto_t *list = journal_list(journal, &(struct journal_filter){0});
	FUZZ_CHECK(json_is_array(json_object_get(list, "entries")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	if (fuzz_take_u8(&in) == 'f') {
		read_fault(in);
	} else {
		mask(in);
		keep(in);
	}
	return 0;
}
