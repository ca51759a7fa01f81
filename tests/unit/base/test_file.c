// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "base/secret.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char path[128];

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/provsim-file.XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/f", dir);
}

static void
teardown(void)
{
	char command_path[400];
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(command_path, sizeof(command_path), "%s/%s", dir, e->d_name);
		if (unlink(command_path) < 0)
			rmdir(command_path);
	}
	closedir(d);
	rmdir(dir);
}

TestSuite(file, .init = setup, .fini = teardown);
TestSuite(secret, .init = setup, .fini = teardown);

static int
files_in_dir(void)
{
	int n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void
put(const char *text)
{
	struct why why = {0};
	cr_assert(eq(int, file_replace_nosync(path, BYTES_STR(text), 0600, &why), ERR_OK), "%s",
		  why.text);
}

static void
expect_content(const char *want)
{
	BUF_AUTO struct buf b;
	buf_init(&b, 1 << 20);
	cr_assert(eq(int, file_read(&b, path, NULL), ERR_OK));
	cr_expect(bytes_is(buf_bytes(&b), want));
}

Test(file, replace_leaves_the_file_and_nothing_else)
{
	struct why why = {0};
	struct stat st;
	cr_assert(eq(int, file_replace(path, BYTES_STR("one"), 0640, &why), ERR_OK), "%s",
		  why.text);
	expect_content("one");
	cr_assert(eq(int, file_replace(path, BYTES_STR("two, longer"), 0600, &why), ERR_OK));
	expect_content("two, longer");
	cr_assert(eq(int, stat(path, &st), 0));
	cr_expect(eq(int, (int)(st.st_mode & 07777), 0600),
		  "the mode is what was asked, not the umask's");
	cr_assert(eq(int, file_replace(path, BYTES_NONE, 0600, &why), ERR_OK));
	expect_content("");
	cr_expect(eq(int, files_in_dir(), 1), "no temporary file is left");
}

Test(file, a_failed_replace_leaves_nothing)
{
	struct why why = {0};
	// A folder in the file's place: the rename fails after the temporary file was written.
	cr_assert(eq(int, mkdir(path, 0700), 0));
	cr_expect(eq(int, file_replace(path, BYTES_STR("x"), 0600, &why), ERR_IO));
	cr_expect(strstr(why.text, path) != NULL, "%s", why.text);
	cr_expect(eq(int, files_in_dir(), 1), "no temporary file is left");
	cr_expect(eq(int, file_replace("/nonexistent/x", BYTES_STR("x"), 0600, &why), ERR_IO));
}

Test(file, reading_stops_at_the_maximum)
{
	struct why why = {0};
	put("12345678");
	BUF_AUTO struct buf exact;
	buf_init(&exact, 8);
	cr_expect(eq(int, file_read(&exact, path, &why), ERR_OK));
	cr_expect(bytes_is(buf_bytes(&exact), "12345678"));
	BUF_AUTO struct buf small;
	buf_init(&small, 7);
	cr_expect(eq(int, file_read(&small, path, &why), ERR_TOO_LARGE));
	BUF_AUTO struct buf endless;
	buf_init(&endless, 100000);
	cr_expect(eq(int, file_read(&endless, "/dev/zero", &why), ERR_TOO_LARGE));
	BUF_AUTO struct buf none;
	buf_init(&none, 10);
	cr_expect(eq(int, file_read(&none, "/nonexistent", &why), ERR_NOT_FOUND));
	cr_expect(eq(int, file_read(&none, dir, &why), ERR_IO));
	cr_expect(eq(int, file_read(&none, "/dev/null", &why), ERR_OK));
	cr_expect(none.data != NULL);
}

Test(file, folders_are_made_on_the_way)
{
	char deep[160];
	struct stat st;
	snprintf(deep, sizeof(deep), "%s/a", dir);
	cr_expect(eq(int, file_make_dirs(deep, 0700, NULL), ERR_OK));
	cr_expect(eq(int, file_make_dirs(deep, 0700, NULL), ERR_OK), "once more is fine");
	cr_expect(eq(int, stat(deep, &st), 0));
	put("a file in the way");
	snprintf(deep, sizeof(deep), "%s/f/below", dir);
	cr_expect(eq(int, file_make_dirs(deep, 0700, NULL), ERR_IO));
}

Test(secret, from_the_environment_or_a_file)
{
	SECRET_AUTO struct secret s = SECRET_NONE;
	struct why why = {0};
	unsetenv("X_PASSWORD");
	unsetenv("X_PASSWORD_FILE");
	cr_expect(eq(int, secret_from_env(&s, "X_PASSWORD", &why), ERR_OK));
	cr_expect(not(secret_is_set(&s)));
	setenv("X_PASSWORD", "from env", 1);
	cr_expect(eq(int, secret_from_env(&s, "X_PASSWORD", &why), ERR_OK));
	cr_expect(secret_equal(&s, BYTES_STR("from env")));
	setenv("X_PASSWORD_FILE", path, 1);
	cr_expect(eq(int, secret_from_env(&s, "X_PASSWORD", &why), ERR_INPUT));
	cr_expect(strstr(why.text, "X_PASSWORD_FILE") != NULL, "%s", why.text);
	unsetenv("X_PASSWORD");
	put("from file\r\nsecond line\n");
	cr_expect(eq(int, secret_from_env(&s, "X_PASSWORD", &why), ERR_OK), "%s", why.text);
	cr_expect(secret_equal(&s, BYTES_STR("from file")));
}

Test(secret, a_file_without_a_secret_is_an_error)
{
	SECRET_AUTO struct secret s = SECRET_NONE;
	struct why why = {0};
	put("");
	cr_expect(eq(int, secret_from_file(&s, path, &why), ERR_INPUT));
	put("\nsecond");
	cr_expect(eq(int, secret_from_file(&s, path, &why), ERR_INPUT));
	cr_expect(strstr(why.text, "second") == NULL, "the content is not told");
	cr_expect(secret_from_file(&s, "/nonexistent", &why) != ERR_OK);
	cr_expect(secret_from_file(&s, "/dev/zero", &why) != ERR_OK);
	cr_expect(not(secret_is_set(&s)));
}

Test(secret, equality)
{
	SECRET_AUTO struct secret s = SECRET_NONE;
	cr_expect(not(secret_equal(&s, BYTES_NONE)), "an unset secret equals nothing");
	cr_assert(eq(int, secret_set(&s, BYTES_STR("abc")), ERR_OK));
	cr_expect(secret_equal(&s, BYTES_STR("abc")));
	cr_expect(not(secret_equal(&s, BYTES_STR("abd"))));
	cr_expect(not(secret_equal(&s, BYTES_STR("ab"))));
	cr_expect(not(secret_equal(&s, BYTES_STR("abcd"))));
}
