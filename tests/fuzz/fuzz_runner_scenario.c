// SPDX-License-Identifier: Apache-2.0
// A scenario file: read, checked, printed. What is printed says the same when it is read again.
#include "fuzz.h"
#include "runner/references.h"
#include "runner/schema.h"
#include "runner/yaml.h"

enum {
	PRINTED_MAX = 16 * 1024 * 1024,
};

static struct node *
read_tree(struct source **source, struct bytes text, struct diags *diags)
{
	*source = NULL;
	struct node *root = yaml_read_text(source, "fuzz.yaml", bytes_to_str(text), text.n, diags);
	FUZZ_CHECK(root || diags->n > 0);
	return root;
}

static void
check_diags(struct diags *diags)
{
	BUF_AUTO struct buf out;
	buf_init(&out, PRINTED_MAX);
	for (size_t i = 0; i < diags->n; i++)
		FUZZ_CHECK(diags->items[i].text && diags->items[i].text[0]);
	FUZZ_CHECK(diags_print(&out, diags, false) == ERR_OK);
	FUZZ_CHECK((diags->n > 0) == (out.len > 0));
}

static void
check_round_trip(const struct node *root)
{
	DIAGS_AUTO struct diags diags = {0};
	AUTO(source_free) struct source *source = NULL;
	BUF_AUTO struct buf first;
	BUF_AUTO struct buf second;
	buf_init(&first, PRINTED_MAX);
	buf_init(&second, PRINTED_MAX);
	if (node_print(&first, root) != ERR_OK)
		return;
	AUTO(node_free) struct node *again = read_tree(&source, buf_bytes(&first), &diags);
	FUZZ_CHECK(again && diags.n == 0);
	json_auto_t *before = node_to_json(root);
	json_auto_t *after = node_to_json(again);
	FUZZ_CHECK(json_equal(before, after));
	FUZZ_CHECK(node_print(&second, again) == ERR_OK);
	FUZZ_CHECK(fuzz_buf_is(&second, buf_bytes(&first)));
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
	DIAGS_AUTO struct diags diags = {0};
	AUTO(source_free) struct source *source = NULL;
	AUTO(node_free) struct node *root = read_tree(&source, BYTES(data, size), &diags);
	if (root && diags.n == 0)
		check_round_trip(root);
	if (root) {
		schema_check(root, "scenario", &diags);
		references_check(root, &diags);
	}
	check_diags(&diags);
	return 0;
}
