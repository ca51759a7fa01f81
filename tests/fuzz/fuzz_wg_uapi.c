// SPDX-License-Identifier: Apache-2.0
// Text of the userspace API: as a server reads requests, and as a client reads answers.
#include "fuzz.h"
#include "wg/uapi.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

static void
check_set(const struct wg_uapi_device *d)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device again;
	BUF_AUTO struct buf first;
	BUF_AUTO struct buf second;
	enum wg_uapi_operation op;
	struct why why = {0};
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	wg_uapi_device_init(&again);
	FUZZ_CHECK(wg_uapi_set_render(&first, d) == ERR_OK);
	FUZZ_CHECK(wg_uapi_message_size(buf_bytes(&first)) == first.len);
	FUZZ_CHECK(wg_uapi_request_parse(&op, &again, buf_bytes(&first), &why) == ERR_OK);
	FUZZ_CHECK(op == WG_UAPI_SET && again.n_peers == d->n_peers);
	FUZZ_CHECK(wg_uapi_set_render(&second, &again) == ERR_OK);
	FUZZ_CHECK(fuzz_buf_is(&second, buf_bytes(&first)));
}

static void
check_get(const struct wg_uapi_device *d)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device again;
	BUF_AUTO struct buf first;
	BUF_AUTO struct buf second;
	struct why why = {0};
	buf_init(&first, TEXT_MAX);
	buf_init(&second, TEXT_MAX);
	wg_uapi_device_init(&again);
	FUZZ_CHECK(wg_uapi_get_answer_render(&first, d) == ERR_OK);
	FUZZ_CHECK(wg_uapi_get_answer_parse(&again, buf_bytes(&first), &why) == ERR_OK);
	FUZZ_CHECK(wg_uapi_get_answer_render(&second, &again) == ERR_OK);
	FUZZ_CHECK(fuzz_buf_is(&second, buf_bytes(&first)));
}

static void
read_as_server(struct bytes message)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	enum wg_uapi_operation op;
	struct why why = {0};
	wg_uapi_device_init(&d);
	enum err err = wg_uapi_request_parse(&op, &d, message, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err && op == WG_UAPI_SET)
		check_set(&d);
}

static void
read_as_client(struct bytes message)
{
	WG_UAPI_DEVICE_AUTO struct wg_uapi_device d;
	struct why why = {0};
	wg_uapi_device_init(&d);
	enum err err = wg_uapi_get_answer_parse(&d, message, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		check_get(&d);
	err = wg_uapi_status_parse(message, &why);
	FUZZ_CHECK_WHY(err, why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	size_t n;
	while ((n = wg_uapi_message_size(in)) != 0) {
		FUZZ_CHECK(n <= in.n);
		struct bytes message = fuzz_take(&in, n);
		read_as_server(message);
		read_as_client(message);
	}
	return 0;
}
