// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flash.h"

static char dir[64];
static struct flash_image image;

static void
setup(void)
{
	snprintf(dir, sizeof(dir), "/tmp/provsim-flash-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	for (unsigned i = 0; i < FLASH_FILES; i++)
		cr_assert(eq(int,
			     flash_image_set(&image, (enum flash_file)i,
					     BYTES_STR(flash_file_name((enum flash_file)i))),
			     ERR_OK));
}

static void
remove_files(void)
{
	for (unsigned i = 0; i < FLASH_FILES; i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", dir, flash_file_name((enum flash_file)i));
		unlink(path);
	}
}

static void
teardown(void)
{
	flash_image_fini(&image);
	remove_files();
	cr_expect(eq(int, rmdir(dir), 0), "nothing else is left in the flash");
}

TestSuite(flash, .init = setup, .fini = teardown);

static mode_t
mode_of(enum flash_file file)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s", dir, flash_file_name(file));
	return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

Test(flash, what_was_written_is_read)
{
	struct why why = {0};
	FLASH_IMAGE_AUTO struct flash_image back = {0};
	cr_assert(eq(int, flash_write(dir, &image, true, FLASH_FILES, &why), ERR_OK), "%s",
		  why.text);
	cr_assert(eq(int, flash_read(&back, dir, &why), ERR_OK));
	for (unsigned i = 0; i < FLASH_FILES; i++)
		cr_expect(eq(str, back.text[i], image.text[i]));
}

Test(flash, secrets_are_only_for_their_owner)
{
	cr_assert(eq(int, flash_write(dir, &image, false, FLASH_FILES, NULL), ERR_OK));
	cr_expect(eq(int, (int)mode_of(FLASH_KEY), 0600));
	cr_expect(eq(int, (int)mode_of(FLASH_WG), 0600));
	cr_expect(eq(int, (int)mode_of(FLASH_CERT), 0644));
}

Test(flash, the_flag_is_there_only_when_all_is)
{
	for (unsigned cut = 0; cut < FLASH_FILES; cut++) {
		remove_files();
		struct why why = {0};
		FLASH_IMAGE_AUTO struct flash_image back = {0};
		cr_expect(eq(int, flash_write(dir, &image, false, (enum flash_file)cut, &why),
			     ERR_CANCELLED));
		cr_assert(eq(int, flash_read(&back, dir, NULL), ERR_OK));
		for (unsigned i = 0; i < FLASH_FILES; i++)
			cr_expect(eq(int, back.text[i] != NULL, i <= cut), "cut %u file %u", cut,
				  i);
	}
}

// The old flag must not vouch for a new key whose certificate never came.
Test(flash, a_cut_while_replacing_takes_the_old_flag_away)
{
	cr_assert(eq(int, flash_write(dir, &image, false, FLASH_FILES, NULL), ERR_OK));
	FLASH_IMAGE_AUTO struct flash_image back = {0};
	cr_expect(eq(int, flash_write(dir, &image, false, FLASH_KEY, NULL), ERR_CANCELLED));
	cr_assert(eq(int, flash_read(&back, dir, NULL), ERR_OK));
	cr_expect(back.text[FLASH_FLAG] == NULL);
}

Test(flash, a_renewed_certificate_leaves_the_rest_alone)
{
	cr_assert(eq(int, flash_write(dir, &image, false, FLASH_FILES, NULL), ERR_OK));
	FLASH_IMAGE_AUTO struct flash_image renewed = {0};
	cr_assert(eq(int, flash_image_set(&renewed, FLASH_CERT, BYTES_STR("renewed")), ERR_OK));
	cr_assert(eq(int, flash_write(dir, &renewed, false, FLASH_FILES, NULL), ERR_OK));
	FLASH_IMAGE_AUTO struct flash_image back = {0};
	cr_assert(eq(int, flash_read(&back, dir, NULL), ERR_OK));
	cr_expect(eq(str, back.text[FLASH_CERT], (char *)(uintptr_t) "renewed"));
	cr_expect(eq(str, back.text[FLASH_KEY], image.text[FLASH_KEY]));
	cr_expect(back.text[FLASH_FLAG] != NULL);
}

Test(flash, forgetting_takes_only_the_flag)
{
	cr_assert(eq(int, flash_write(dir, &image, false, FLASH_FILES, NULL), ERR_OK));
	cr_expect(eq(int, flash_forget(dir, NULL), ERR_OK));
	cr_expect(eq(int, flash_forget(dir, NULL), ERR_OK), "twice is fine");
	FLASH_IMAGE_AUTO struct flash_image back = {0};
	cr_assert(eq(int, flash_read(&back, dir, NULL), ERR_OK));
	cr_expect(back.text[FLASH_FLAG] == NULL);
	cr_expect(back.text[FLASH_KEY] != NULL);
}

Test(flash, an_absent_folder_is_an_empty_flash)
{
	FLASH_IMAGE_AUTO struct flash_image back = {0};
	cr_expect(eq(int, flash_read(&back, "/tmp/provsim-no-such-folder", NULL), ERR_OK));
	cr_expect(back.text[FLASH_KEY] == NULL);
}

Test(flash, a_folder_that_cannot_be_made_is_told)
{
	struct why why = {0};
	cr_expect(ne(int, flash_write("/proc/nothing/here", &image, false, FLASH_FILES, &why),
		     ERR_OK));
	cr_expect(gt(sz, strlen(why.text), 0));
}

Test(flash, memory_keeps_the_same_promises)
{
	FLASH_IMAGE_AUTO struct flash_image memory = {0};
	cr_assert(eq(int, flash_write_memory(&memory, &image, FLASH_FILES, NULL), ERR_OK));
	cr_expect(memory.text[FLASH_FLAG] != NULL);
	cr_expect(eq(int, flash_write_memory(&memory, &image, FLASH_CERT, NULL), ERR_CANCELLED));
	cr_expect(memory.text[FLASH_FLAG] == NULL);
}
