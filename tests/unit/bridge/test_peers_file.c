// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "bridge/peers_file.h"
#include "store_fixture.h"

static struct fixture fx;
static struct peers_file *file;
static char path[PATH_MAX + 32];

static void
setup(void)
{
	struct why why = {0};
	fx_init(&fx, "10.8.0.0/24");
	fx_must_open(&fx);
	struct peers_file_options o = {&fx.loop, &fx.log, fx.store, fx.folder, 0};
	cr_assert(peers_file_new(&file, &o, &why) == ERR_OK, "%s", why.text);
	snprintf(path, sizeof(path), "%s/" PEERS_FILE_NAME, fx.folder);
}

static void
teardown(void)
{
	peers_file_free(file);
	fx_fini(&fx);
}

TestSuite(peers_file, .init = setup, .fini = teardown, .timeout = 60);

static void
keep_why(const struct why *why, void *ctx)
{
	*(struct why *)ctx = *why;
}

static enum err
sync_file(struct why *why)
{
	*why = (struct why){.err = ERR_COUNT};
	peers_file_sync(file, keep_why, why);
	while (why->err == ERR_COUNT)
		uv_run(&fx.loop, UV_RUN_ONCE);
	return why->err;
}

static void
expect_content(const char *want)
{
	BUF_AUTO struct buf text;
	buf_init(&text, 65536);
	cr_assert(file_read(&text, path, NULL) == ERR_OK);
	cr_expect_str_eq((char *)text.data, want);
}

Test(peers_file, holds_enrolled_devices_only)
{
	struct why why;
	cr_assert(sync_file(&why) == ERR_OK, "%s", why.text);
	expect_content("{}\n");
	fx_enroll(&fx, "dev-b", "1", fx_key(1));
	fx_enroll(&fx, "dev-a", "2", fx_key(2));
	cr_assert(fx_reserve(&fx, "half") == ERR_OK);
	cr_assert(sync_file(&why) == ERR_OK, "%s", why.text);
	expect_content("{\n  \"dev-a\": \"10.8.0.3\",\n  \"dev-b\": \"10.8.0.2\"\n}\n");
}

Test(peers_file, is_read_back_as_it_was_written)
{
	struct why why;
	struct peer_entry *list;
	size_t n;
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	cr_assert(sync_file(&why) == ERR_OK);
	cr_assert(peers_file_read(&list, &n, path, store_pool(fx.store), &why) == ERR_OK);
	cr_assert(n == 1);
	cr_expect_str_eq(list[0].id, "dev-1");
	cr_expect(list[0].ip == 0x0a080002);
	free(list);
}

Test(peers_file, a_touch_writes_it_soon)
{
	struct stat st;
	fx_enroll(&fx, "dev-1", "1", fx_key(1));
	for (int i = 0; i < 100; i++)
		peers_file_touch(file);
	while (stat(path, &st) != 0)
		uv_run(&fx.loop, UV_RUN_ONCE);
	expect_content("{\n  \"dev-1\": \"10.8.0.2\"\n}\n");
}

Test(peers_file, a_folder_that_is_gone_is_an_error_with_words)
{
	struct why why;
	char lost[PATH_MAX];
	snprintf(lost, sizeof(lost), "%.100s/lost", fx.folder);
	struct peers_file *other;
	struct peers_file_options o = {&fx.loop, &fx.log, fx.store, lost, 0};
	cr_assert(peers_file_new(&other, &o, &why) == ERR_OK);
	struct peers_file *good = file;
	file = other;
	cr_expect(sync_file(&why) == ERR_IO);
	cr_expect(strstr(why.text, lost) != NULL, "%s", why.text);
	file = good;
	peers_file_free(other);
}

Test(peers_file, closing_tells_those_who_wait)
{
	struct why why = {.err = ERR_COUNT};
	peers_file_sync(file, keep_why, &why);
	peers_file_free(file);
	cr_expect(why.err == ERR_CANCELLED);
	struct peers_file_options o = {&fx.loop, &fx.log, fx.store, fx.folder, 0};
	cr_assert(peers_file_new(&file, &o, &why) == ERR_OK);
}
