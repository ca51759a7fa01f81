// SPDX-License-Identifier: Apache-2.0
// The mock WireGuard server on a real loop: UDP, the userspace API's socket, its file.
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "wg/uapi.h"
#include "wireguard/wireguard.h"

static uv_loop_t loop;
static struct fault_plan *faults;
static struct journal *journal;
static struct log quiet = {.prog = "test", .level = LOG_OFF, .fd = -1};
static char folder[] = "/tmp/wgsock-XXXXXX";
static char path[64];

static void
setup(void)
{
	cr_assert(uv_loop_init(&loop) == 0);
	cr_assert(fault_plan_new(&faults, &server_vocabulary, 1) == ERR_OK);
	cr_assert(journal_new(&journal, NULL) == ERR_OK);
	cr_assert(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/sub/wg0.sock", folder);
}

static void
teardown(void)
{
	char sub[64];
	cr_expect(uv_run(&loop, UV_RUN_DEFAULT) == 0);
	cr_expect(uv_loop_close(&loop) == 0, "no handle is left");
	fault_plan_free(faults);
	journal_free(journal);
	unlink(path);
	snprintf(sub, sizeof(sub), "%s/sub", folder);
	rmdir(sub);
	rmdir(folder);
}

static enum err
start(struct wireguard **out, const char *uapi_path, struct why *why)
{
	struct wireguard_options o = {.uapi_path = uapi_path,
				      .address = ip4_prefix(0x0a080001, 24),
				      .seed = 1,
				      .log = &quiet,
				      .faults = faults,
				      .journal = journal};
	cr_assert(addr_parse(&o.listen, "127.0.0.1:0", NULL) == ERR_OK);
	*out = wireguard_new(&loop);
	cr_assert(*out != NULL);
	return wireguard_start(*out, &o, why);
}

static void
end(struct wireguard *w)
{
	wireguard_stop(w);
	uv_run(&loop, UV_RUN_DEFAULT);
	wireguard_free(w);
}

static int
connect_client(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	memcpy(name.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	cr_assert(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	return fd;
}

static void
send_text(int fd, const char *text)
{
	cr_assert(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

// Turns the loop until n complete answers have come.
static void
read_answers(int fd, struct buf *out, unsigned n)
{
	size_t at = 0;
	while (n) {
		uv_run(&loop, UV_RUN_NOWAIT);
		cr_assert(buf_reserve(out, 4096) == ERR_OK);
		ssize_t got = read(fd, buf_tail(out), 4096);
		cr_assert(got != 0, "the server hung up");
		if (got < 0) {
			cr_assert(errno == EAGAIN);
			continue;
		}
		out->len += (size_t)got;
		size_t size;
		while (n && (size = wg_uapi_message_size(BYTES(out->data + at, out->len - at)))) {
			at += size;
			n--;
		}
	}
	out->data[out->len] = 0;
}

TestSuite(wireguard_socket, .init = setup, .fini = teardown);

Test(wireguard_socket, requests_are_answered_in_pieces_and_in_a_row)
{
	struct wireguard *w;
	struct why why = {0};
	BUF_AUTO struct buf answer;
	buf_init(&answer, 100000);
	cr_assert(start(&w, path, &why) == ERR_OK, "%s", why.text);
	struct stat st;
	cr_assert(stat(path, &st) == 0);
	cr_expect((st.st_mode & 0777) == 0700 || (st.st_mode & 0777) == 0600);
	int fd = connect_client();
	send_text(fd, "get=1\n");
	uv_run(&loop, UV_RUN_NOWAIT);
	send_text(fd,
		  "\nset=1\npublic_key=0900000000000000000000000000000000000000000000000000000000"
		  "000000\nallowed_ip=10.8.0.2/32\n\nget=1\n\n");
	read_answers(fd, &answer, 3);
	const char *text = (const char *)answer.data;
	cr_expect(strncmp(text, "private_key=", 12) == 0);
	cr_expect(strstr(text, "errno=0\n\nerrno=0\n\nprivate_key="));
	cr_expect(strstr(text, "allowed_ip=10.8.0.2/32\n"));
	close(fd);
	int idle = connect_client(); // still there when the server ends
	end(w);
	close(idle);
	cr_expect(access(path, F_OK) < 0, "the socket file is removed");
}

Test(wireguard_socket, a_port_can_be_changed_while_it_runs)
{
	struct wireguard *w;
	BUF_AUTO struct buf answer;
	buf_init(&answer, 100000);
	cr_assert(start(&w, path, NULL) == ERR_OK);
	struct addr before = wireguard_addr(w);
	int fd = connect_client();
	send_text(fd, "set=1\nlisten_port=0\n\n");
	read_answers(fd, &answer, 1);
	cr_expect_str_eq((char *)answer.data, "errno=0\n\n");
	struct addr after = wireguard_addr(w);
	cr_expect(addr_port(&before) != addr_port(&after) && addr_port(&after) != 0);
	close(fd);
	end(w);
}

Test(wireguard_socket, a_living_servers_socket_is_not_taken)
{
	struct wireguard *a;
	struct wireguard *b;
	struct why why = {0};
	cr_assert(start(&a, path, NULL) == ERR_OK);
	cr_expect(start(&b, path, &why) == ERR_CONFLICT);
	cr_expect(strstr(why.text, "another WireGuard server answers there"), "%s", why.text);
	wireguard_stop(b);
	uv_run(&loop, UV_RUN_NOWAIT);
	cr_expect(access(path, F_OK) == 0, "the living one keeps its file");
	end(a);
	wireguard_free(b);
}

Test(wireguard_socket, a_dead_servers_socket_is_replaced)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct wireguard *w;
	struct why why = {0};
	char sub[64];
	snprintf(sub, sizeof(sub), "%s/sub", folder);
	cr_assert(mkdir(sub, 0700) == 0);
	memcpy(name.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	close(fd); // as after SIGKILL: the file stays, nobody listens
	cr_expect(start(&w, path, &why) == ERR_OK, "%s", why.text);
	close(connect_client());
	end(w);
}

Test(wireguard_socket, other_files_and_long_paths_are_refused)
{
	struct wireguard *w;
	struct why why = {0};
	char file[64];
	char longer[200];
	snprintf(file, sizeof(file), "%s/file", folder);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	cr_expect(start(&w, file, &why) == ERR_CONFLICT);
	cr_expect(strstr(why.text, "is not a socket"), "%s", why.text);
	end(w);
	cr_expect(access(file, F_OK) == 0);
	unlink(file);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cr_expect(start(&w, longer, &why) == ERR_INPUT);
	cr_expect(strstr(why.text, "at most 107"), "%s", why.text);
	end(w);
}
