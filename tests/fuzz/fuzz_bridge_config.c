// SPDX-License-Identifier: Apache-2.0
// Lines NAME=value as the bridge's environment; the value of WG_SUBNET also holds for an old
// cdm_peers.json, which follows an empty line.
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "bridge/config.h"
#include "bridge/peers_file.h"
#include "fuzz.h"

enum { LINES_MAX = 64 };

static bool
ends_with(struct bytes text, const char *end)
{
	size_t n = strlen(end);
	return text.n >= n && memcmp(text.p + text.n - n, end, n) == 0;
}

// Files that a variable names are somebody else's input.
static bool
names_a_file(struct bytes line)
{
	return ends_with(fuzz_take_until(&line, '='), "_FILE");
}

// Of a secret nothing is shown but whether it is there.
static void
check_values(const struct config *c)
{
	char *shown = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&shown, &n);
	if (!out)
		abort();
	config_print_values(out, c);
	fclose(out);
	struct bytes rest = BYTES(shown, n);
	FUZZ_CHECK(n > 0);
	while (rest.n) {
		struct bytes value = fuzz_take_until(&rest, '\n');
		struct bytes name = fuzz_take_until(&value, '=');
		if (ends_with(name, "_PASSWORD") || ends_with(name, "_TOKEN"))
			FUZZ_CHECK(bytes_is(value, "(set)") || bytes_is(value, "(unset)"));
	}
	free(shown);
}

static void
read_peers(struct bytes json, const struct pool *pool)
{
	struct why why = {0};
	struct peer_entry *entries = NULL;
	size_t n = 0;
	char path[64];
	FD_AUTO int fd = memfd_create("peers", MFD_CLOEXEC);
	if (fd < 0 || write(fd, json.p, json.n) != (ssize_t)json.n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	enum err err = peers_file_read(&entries, &n, path, pool, &why);
	FUZZ_CHECK_WHY(err, why);
	for (size_t i = 0; !err && i < n; i++) {
		FUZZ_CHECK(device_id_is_valid(entries[i].id));
		FUZZ_CHECK(pool_is_assignable(pool, entries[i].ip));
		for (size_t k = 0; k < i; k++)
			FUZZ_CHECK(entries[i].ip != entries[k].ip &&
				   strcmp(entries[i].id, entries[k].id) != 0);
	}
	if (!err)
		free(entries);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	char *lines[LINES_MAX + 1] = {NULL};
	size_t n = 0;
	while (in.n && n < LINES_MAX) {
		struct bytes line = fuzz_take_until(&in, '\n');
		if (line.n == 0)
			break;
		if (!names_a_file(line))
			lines[n++] = fuzz_text(line);
	}
	struct config config;
	BUF_AUTO struct buf problems;
	buf_init(&problems, 1024 * 1024);
	size_t n_problems = config_load(&config, (const char *const *)lines, &problems);
	FUZZ_CHECK((n_problems > 0) == (problems.len > 0));
	if (n_problems == 0)
		check_values(&config);
	if (config.wg_subnet && pool_size(&config.wg_pool) > 0)
		read_peers(in, &config.wg_pool);
	config_fini(&config);
	for (size_t i = 0; i < n; i++)
		free(lines[i]);
	return 0;
}
