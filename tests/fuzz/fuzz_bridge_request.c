// SPDX-License-Identifier: Apache-2.0
// Bodies that reach the bridge, and its list of devices. First byte: which.
#include "bridge/allowlist.h"
#include "bridge/enroll_input.h"
#include "bridge/webhook.h"
#include "fuzz.h"

static void
read_enroll(struct bytes body, const char *path_id)
{
	struct enroll_input input;
	enum problem problem;
	struct why why = {0};
	enum err err = enroll_input_parse(&input, path_id, body, &problem, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err) {
		int status = problem_status(problem);
		FUZZ_CHECK(status == 400 || status == 422);
	} else {
		FUZZ_CHECK(input.csr && input.device_id && input.dialect);
		struct enroll_result result = {input.device_id, input.csr, input.csr, "wg", "ip"};
		json_auto_t *reply = enroll_reply_body(input.dialect, &result);
		FUZZ_CHECK(json_is_object(reply));
	}
	enroll_input_fini(&input);
}

static void
read_webhook(struct bytes body)
{
	struct webhook_event event;
	struct why why = {0};
	enum err err = webhook_event_parse(&event, body, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	for (size_t i = 0; i < N_ELEMENTS(event.candidates); i++)
		FUZZ_CHECK(!event.candidates[i][0] || device_id_is_valid(event.candidates[i]));
	FUZZ_CHECK(!event.fallback[0] || device_id_is_valid(event.fallback));
}

static void
read_allowlist(struct bytes text)
{
	AUTO(allowlist_free) struct allowlist *list = NULL;
	struct why why = {0};
	enum err err = allowlist_parse(&list, text, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		FUZZ_CHECK(allowlist_count(list) <= text.n && !allowlist_has(list, "no id"));
}

static void
read_bearer(struct bytes text)
{
	AUTO(free) char *header = fuzz_text(text);
	struct secret token = {.text = (char[]){"hush"}, .n = 4};
	const char *blank = strchr(header, ' ');
	bool same = blank && strcmp(blank + strspn(blank, " "), "hush") == 0;
	FUZZ_CHECK(!bearer_matches(header, &token) || same);
	(void)content_type_is_json(header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	switch (fuzz_take_u8(&in)) {
	case 'w':
		read_webhook(in);
		break;
	case 'a':
		read_allowlist(in);
		break;
	case 'b':
		read_bearer(in);
		break;
	default:
		read_enroll(in, "dev-1");
		read_enroll(in, NULL);
	}
	return 0;
}
