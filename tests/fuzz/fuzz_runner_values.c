// SPDX-License-Identifier: Apache-2.0
// The small languages inside scenarios: durations and numbers, tag expressions, paths, matchers.
#include "fuzz.h"
#include "runner/jpath.h"
#include "runner/matcher.h"
#include "runner/mem.h"
#include "runner/tags.h"
#include "runner/value.h"
#include "runner/yaml.h"

static const char state[] =
	"{\"state\":\"ONLINE\",\"devices\":{\"dev-1\":{\"wg_ip\":\"10.8.0.2\",\"n\":[1,2.5,null]},"
	"\"a.b\":{\"time_ms\":1200,\"ok\":true,\"none\":{}}}}";

static void
read_values(const char *text)
{
	uint64_t ms;
	int64_t integer;
	double number;
	bool flag;
	if (value_duration_ms(&ms, text) == ERR_OK)
		FUZZ_CHECK(text[strlen(text) - 1] == 's' || strpbrk(text, "mh"));
	if (value_int(&integer, text) == ERR_OK)
		FUZZ_CHECK(value_number(&number, text) == ERR_OK && number == (double)integer);
	if (value_number(&number, text) == ERR_OK)
		FUZZ_CHECK(number == number);
	if (value_bytes(&number, text) == ERR_OK)
		FUZZ_CHECK(number >= 0);
	if (value_bool(&flag, text) == ERR_OK)
		FUZZ_CHECK(strcmp(text, flag ? "true" : "false") == 0);
}

static void
read_tags(const char *text)
{
	static const char *const tags[] = {"smoke", "load"};
	struct why why = {0};
	bool matches;
	enum err err = tags_match(&matches, text, tags, N_ELEMENTS(tags), &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	AUTO(free) char *negated = mem_printf("not (%s)", text);
	bool opposite;
	FUZZ_CHECK(tags_match(&opposite, negated, tags, N_ELEMENTS(tags), &why) == ERR_OK);
	FUZZ_CHECK(matches != opposite);
}

static void
read_path(const json_t *document, const char *path)
{
	BUF_AUTO struct buf known;
	buf_init(&known, 64 * 1024);
	const json_t *found = jpath_get(document, path);
	const char *missing = jpath_missing(document, path, &known);
	FUZZ_CHECK((found != NULL) == (missing == NULL));
}

static const json_t *
lookup(void *ctx, const char *path)
{
	return jpath_get(ctx, path);
}

static void
read_matcher(json_t *document, struct bytes text)
{
	static const char *const paths[] = {"state", "devices.dev-1.n", "devices.a.b.time_ms",
					    "devices.a.b.none", "absent"};
	DIAGS_AUTO struct diags diags = {0};
	AUTO(source_free) struct source *source = NULL;
	AUTO(node_free)
	struct node *matcher =
		yaml_read_text(&source, "fuzz.yaml", bytes_to_str(text), text.n, &diags);
	if (matcher && diags.n == 0)
		matcher_check(matcher, &diags);
	if (!matcher || diags.n > 0)
		return;
	for (size_t i = 0; i < N_ELEMENTS(paths); i++) {
		struct mismatch mismatch = {0};
		bool fits = matcher_eval(matcher, paths[i], jpath_get(document, paths[i]), lookup,
					 document, &mismatch);
		FUZZ_CHECK(fits || (mismatch.expected && mismatch.actual));
		mismatch_fini(&mismatch);
	}
}

const char *__lsan_default_suppressions(void);

// libfyaml 0.7 loses a buffer when a quoted scalar has many escaped quotes.
const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	AUTO(free) char *text = fuzz_text(in);
	json_auto_t *document = json_loads(state, 0, NULL);
	read_values(text);
	read_tags(text);
	read_path(document, text);
	read_matcher(document, in);
	return 0;
}
