// SPDX-License-Identifier: Apache-2.0
// WG_SERVER=file: what is on disk, and who else writes there.
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "bridge/wireguard_disk.h"
#include "wireguard_fixture.h"

#define IP	  0x0a080002 // 10.8.0.2
#define INTERFACE "[Interface]\nPrivateKey = c2VjcmV0\n"

static struct wireguard_fixture w;
static char path[256];	 // of the file
static char server[300]; // value of WG_SERVER

static void
setup(void)
{
	wgfx_init(&w);
	snprintf(path, sizeof(path), "%.200s/conf/wg0.conf", w.fx.folder);
	snprintf(server, sizeof(server), "file:%s", path);
	char folder[256];
	snprintf(folder, sizeof(folder), "%.200s/conf", w.fx.folder);
	cr_assert(mkdir(folder, 0755) == 0);
}

static void
teardown(void)
{
	wgfx_fini(&w);
}

TestSuite(wireguard_file, .init = setup, .fini = teardown, .timeout = 60);

static const char *
block(const char *device, const char *key, const char *ip)
{
	static char texts[4][256];
	static unsigned next;
	char *out = texts[next++ % N_ELEMENTS(texts)];
	snprintf(out, sizeof(texts[0]),
		 "\n[Peer]\n# device: %s\nPublicKey = %s\nAllowedIPs = %s/32\n", device, key, ip);
	return out;
}

static void
expect_file(const char *want)
{
	AUTO(free) char *text = wgfx_read(path);
	cr_expect(strcmp(text, want) == 0, "file:\n%s\n--- wanted:\n%s", text, want);
}

static void
wait_for_text(const char *want)
{
	for (;;) {
		AUTO(free) char *text = wgfx_read(path);
		if (strcmp(text, want) == 0)
			return;
		uv_run(&w.fx.loop, UV_RUN_ONCE);
	}
}

static size_t
files_in_folder(void)
{
	char folder[256];
	size_t n = 0;
	snprintf(folder, sizeof(folder), "%.200s/conf", w.fx.folder);
	DIR *dir = opendir(folder);
	cr_assert(dir != NULL);
	for (struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

Test(wireguard_file, sets_replaces_and_removes)
{
	struct why why;
	char want[1024];
	struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	struct wireguard_change renewed = {"dev-1", fx_key(2), IP, fx_key(1)};
	struct wireguard_change removal = {"dev-1", NULL, IP, fx_key(2)};
	fx_write(&w.fx, path, INTERFACE);
	wgfx_open(&w, server);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_OK, "%s", why.text);
	cr_expect(wireguard_is_connected(w.wireguard));
	snprintf(want, sizeof(want), INTERFACE "%s", block("dev-1", fx_key(1), "10.8.0.2"));
	expect_file(want);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_OK);
	expect_file(want);
	cr_expect(wgfx_apply(&w, &renewed, &why) == ERR_OK);
	snprintf(want, sizeof(want), INTERFACE "%s", block("dev-1", fx_key(2), "10.8.0.2"));
	expect_file(want);
	cr_expect(wgfx_apply(&w, &removal, &why) == ERR_OK);
	expect_file(INTERFACE);
	cr_expect(files_in_folder() == 1, "a temporary file is left");
}

Test(wireguard_file, keeps_mode_owner_and_link)
{
	struct why why;
	struct stat st;
	char real[300];
	struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	bool root = geteuid() == 0;
	snprintf(real, sizeof(real), "%s.real", path);
	fx_write(&w.fx, real, INTERFACE);
	cr_assert(chmod(real, 0640) == 0 && symlink(real, path) == 0);
	cr_assert(!root || chown(real, 65534, 12) == 0);
	wgfx_open(&w, server);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_OK, "%s", why.text);
	cr_expect(lstat(path, &st) == 0 && S_ISLNK(st.st_mode));
	cr_assert(stat(real, &st) == 0);
	cr_expect((st.st_mode & 07777) == 0640, "%o", st.st_mode);
	cr_expect(!root || (st.st_uid == 65534 && st.st_gid == 12));
	cr_expect(st.st_size > (off_t)strlen(INTERFACE));
}

static void
count_ok(const struct why *why, void *ctx)
{
	cr_expect(why->err == ERR_OK, "%s", why->text);
	++*(int *)ctx;
}

Test(wireguard_file, what_comes_together_is_written_together)
{
	int done = 0;
	struct stat first, last;
	fx_write(&w.fx, path, INTERFACE);
	wgfx_open(&w, server);
	wgfx_wait_connected(&w, 1);
	cr_assert(stat(path, &first) == 0);
	for (unsigned i = 0; i < 250; i++) {
		char id[16];
		snprintf(id, sizeof(id), "dev-%u", i);
		const struct wireguard_change change = {id, fx_key(i + 1), IP + i, ""};
		cr_assert(wireguard_apply(w.wireguard, &change, count_ok, &done) == ERR_OK);
	}
	while (done == 0)
		uv_run(&w.fx.loop, UV_RUN_ONCE);
	cr_expect(done == 250, "%d of them in the first rewrite", done);
	cr_assert(stat(path, &last) == 0);
	cr_expect(last.st_size > 250 * 100 && last.st_ino != first.st_ino);
}

Test(wireguard_file, a_conflict_fails_alone)
{
	struct why why[3];
	char want[1024];
	const struct wireguard_change changes[] = {
		{"dev-1", fx_key(1), IP,	 ""},
		{"dev-2", fx_key(1), IP + 1, ""},
		{"dev-3", fx_key(3), IP + 2, ""}
	};
	fx_write(&w.fx, path, INTERFACE);
	wgfx_open(&w, server);
	cr_expect(wgfx_apply(&w, &changes[0], &why[0]) == ERR_OK);
	cr_expect(wgfx_apply(&w, &changes[1], &why[1]) == ERR_CONFLICT);
	cr_expect(strstr(why[1].text, "already that of device dev-1") != NULL, "%s", why[1].text);
	cr_expect(wgfx_apply(&w, &changes[2], &why[2]) == ERR_OK);
	cr_expect(wireguard_is_connected(w.wireguard));
	snprintf(want, sizeof(want), INTERFACE "%s%s", block("dev-1", fx_key(1), "10.8.0.2"),
		 block("dev-3", fx_key(3), "10.8.0.4"));
	expect_file(want);
}

Test(wireguard_file, says_why_it_cannot)
{
	struct why why;
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	wgfx_open(&w, server);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_UPSTREAM_DOWN);
	cr_expect(strstr(why.text, "wg0.conf is not there") != NULL, "%s", why.text);
	cr_expect(!wireguard_is_connected(w.wireguard));
	cr_assert(mkdir(path, 0755) == 0);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_IO);
	cr_expect(strstr(why.text, "is not a regular file") != NULL, "%s", why.text);
	cr_assert(rmdir(path) == 0);
	fx_write(&w.fx, path, "");
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_UPSTREAM_FAULT);
	cr_expect(strstr(why.text, "has no [Interface]") != NULL, "%s", why.text);
	expect_file("");
	fx_write(&w.fx, path, INTERFACE);
	cr_assert(truncate(path, 64 * 1024 * 1024 + 1) == 0);
	cr_expect(wgfx_apply(&w, &change, &why) == ERR_TOO_LARGE, "%s", why.text);
	cr_expect(strstr(why.text, "larger than 67108864 bytes") != NULL, "%s", why.text);
}

Test(wireguard_file, an_edit_by_somebody_else_is_noticed)
{
	WIREGUARD_DISK_AUTO struct wireguard_disk d;
	struct why why = {0};
	static const char *const edits[] = {"[Interface]\nPrivateKey = Y2hhbmdl\n", "", "longer\n"};
	wireguard_disk_init(&d, 4096);
	for (size_t i = 0; i < 2 * N_ELEMENTS(edits); i++) {
		fx_write(&w.fx, path, INTERFACE);
		cr_assert(wireguard_disk_read(&d, path, &why) == ERR_OK, "%s", why.text);
		const char *edit = edits[i / 2];
		if (i % 2)
			fx_write(&w.fx, path, edit);
		else
			cr_assert(file_replace(path, BYTES_STR(edit), 0600, NULL) == ERR_OK);
		cr_expect(wireguard_disk_replace(&d, BYTES_STR("ours"), &why) == ERR_CONFLICT);
		expect_file(edit);
		cr_assert(wireguard_disk_read(&d, path, &why) == ERR_OK);
		cr_expect(wireguard_disk_replace(&d, BYTES_STR("ours"), &why) == ERR_OK);
		expect_file("ours");
		cr_expect(wireguard_disk_replace(&d, BYTES_STR("ours again"), &why) == ERR_OK);
	}
	cr_expect(files_in_folder() == 1, "a temporary file is left");
}

Test(wireguard_file, is_compared_with_the_store_whenever_it_comes_or_changes)
{
	char stranger[256], before[1024], after[1024];
	fx_enroll(&w.fx, "dev-1", "1", fx_key(1));
	fx_enroll(&w.fx, "dev-2", "2", fx_key(2));
	fx_enroll(&w.fx, "dev-3", "3", fx_key(3));
	wgfx_open(&w, server);
	for (int i = 0; i < 3; i++)
		uv_run(&w.fx.loop, UV_RUN_ONCE);
	// dev-1 is missing, dev-2 has another key and address, dev-3 is there twice.
	snprintf(stranger, sizeof(stranger), "[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.0.99/32\n",
		 fx_key(99));
	snprintf(before, sizeof(before), INTERFACE "%s%s%s%s",
		 block("dev-2", fx_key(50), "10.8.0.77"), stranger,
		 block("dev-3", fx_key(3), "10.8.0.4"), block("dev-3", fx_key(51), "10.8.0.4"));
	snprintf(after, sizeof(after), INTERFACE "%s%s%s%s", block("dev-2", fx_key(2), "10.8.0.3"),
		 stranger, block("dev-3", fx_key(3), "10.8.0.4"),
		 block("dev-1", fx_key(1), "10.8.0.2"));
	fx_write(&w.fx, path, before);
	wait_for_text(after);
	int before_loss = w.connected;
	// Something else made the file anew: the peers come back.
	fx_write(&w.fx, path, INTERFACE);
	wgfx_wait_connected(&w, before_loss + 1);
	snprintf(after, sizeof(after), INTERFACE "%s%s%s", block("dev-1", fx_key(1), "10.8.0.2"),
		 block("dev-2", fx_key(2), "10.8.0.3"), block("dev-3", fx_key(3), "10.8.0.4"));
	wait_for_text(after);
}

Test(wireguard_file, ends_in_the_middle_of_a_rewrite)
{
	int done = 0;
	const struct wireguard_change change = {"dev-1", fx_key(1), IP, ""};
	fx_write(&w.fx, path, INTERFACE);
	wgfx_open(&w, server);
	wgfx_wait_connected(&w, 1);
	cr_assert(wireguard_apply(w.wireguard, &change, count_ok, &done) == ERR_OK);
	uv_run(&w.fx.loop, UV_RUN_NOWAIT);
	wireguard_free(w.wireguard);
	w.wireguard = NULL;
	reconcile_free(w.reconcile);
	w.reconcile = NULL;
	uv_run(&w.fx.loop, UV_RUN_NOWAIT);
	cr_expect(done == 0);
}
