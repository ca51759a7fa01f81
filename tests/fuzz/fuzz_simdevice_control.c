// SPDX-License-Identifier: Apache-2.0
// Lines of the control protocol over a real socketpair: every line gets its answer, and an end of
// input at any moment ends the simulator. Commands that would open connections or files are left
// out.
#include <fcntl.h>
#include <jansson.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "control.h"
#include "fuzz.h"

enum {
	LINES_MAX = 32,
	TEXT_MAX = 32 * 1024, // fits into a socket's buffer
};

static bool
reaches_out(struct bytes line)
{
	static const char *const keys[] = {"bridge", "step_ca", "mqtt", "flash",
					   "admin_token_file"};
	json_auto_t *json = json_loadb((const char *)line.p, line.n, 0, NULL);
	const json_t *with = json_object_get(json, "with");
	for (size_t i = 0; i < N_ELEMENTS(keys); i++)
		if (json_object_get(with, keys[i]))
			return true;
	return false;
}

static bool
says_quit(struct bytes line)
{
	json_auto_t *json = json_loadb((const char *)line.p, line.n, 0, NULL);
	const char *cmd = json_string_value(json_object_get(json, "cmd"));
	return cmd && strcmp(cmd, "quit") == 0;
}

static void
check_answers(int fd)
{
	BUF_AUTO struct buf out;
	buf_init(&out, 4 * 1024 * 1024);
	ssize_t n = 1;
	while (n > 0) {
		FUZZ_CHECK(buf_reserve(&out, 64 * 1024) == ERR_OK);
		n = read(fd, buf_tail(&out), 64 * 1024);
		out.len += n > 0 ? (size_t)n : 0;
	}
	struct bytes rest = buf_bytes(&out);
	while (rest.n && memchr(rest.p, '\n', rest.n)) { // what came last may be cut off
		struct bytes line = fuzz_take_until(&rest, '\n');
		json_auto_t *json = json_loadb((const char *)line.p, line.n, 0, NULL);
		FUZZ_CHECK(json_object_get(json, "ok") || json_object_get(json, "event"));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size < TEXT_MAX ? size : TEXT_MAX);
	FD_AUTO int ours = -1;
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		abort();
	ours = fds[0];
	for (size_t i = 0; in.n && i < LINES_MAX; i++) {
		bool is_last = !memchr(in.p, '\n', in.n);
		struct bytes line = fuzz_take_until(&in, '\n');
		if (reaches_out(line))
			continue;
		FUZZ_CHECK(write(ours, line.p, line.n) == (ssize_t)line.n);
		FUZZ_CHECK(is_last || write(ours, "\n", 1) == 1);
		if (says_quit(line))
			break;
	}
	shutdown(ours, SHUT_WR);
	FUZZ_CHECK(control_run(fds[1]) == 0);
	check_answers(ours);
	return 0;
}
