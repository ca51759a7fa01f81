// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: every file of its corpus as it is, cut off at every length,
// and with every single bit flipped; for long files evenly spread cuts and flips, so that the work
// stays bounded. The same inputs in the same order every time.
//   fuzz_<target> [--budget N] FILE|FOLDER ...
// N: how many cuts, and how many flips, a file gets at most.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "fuzz.h"

enum {
	BUDGET_DEFAULT = 4096,
	INPUT_MAX = 1024 * 1024,
	INPUT_SECONDS_MAX = 20, // one input that takes longer is a hang
};

// What runs now, for the handler of a crash.
static struct {
	char what[512];
	size_t n_what;
	struct bytes input;
	size_t runs;
} now;

// Only what is allowed in a signal handler.
static void
say(const char *text, size_t n)
{
	if (write(STDERR_FILENO, text, n) < 0)
		return;
}

static void
on_crash(int signum)
{
	static const char lead[] = "\nduring: ";
	static const char kept[] = "\ninput kept in crash.bin\n";
	say(lead, sizeof(lead) - 1);
	say(now.what, now.n_what);
	int fd = open("crash.bin", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0 && write(fd, now.input.p, now.input.n) == (ssize_t)now.input.n)
		say(kept, sizeof(kept) - 1);
	signal(signum, SIG_DFL);
	raise(signum);
}

// The bytes get an allocation of their own, so that a sanitizer sees reading beyond their end.
static void
run(struct bytes input)
{
	uint8_t *copy = malloc(input.n ? input.n : 1);
	if (!copy)
		abort();
	if (input.n)
		memcpy(copy, input.p, input.n);
	now.input = BYTES(copy, input.n);
	now.runs++;
	alarm(INPUT_SECONDS_MAX);
	(void)LLVMFuzzerTestOneInput(copy, input.n);
	alarm(0);
	now.input = BYTES_NONE;
	free(copy);
}

static void
set_what(const char *path, const char *how, size_t at)
{
	int n = snprintf(now.what, sizeof(now.what), "%s, %s %zu", path, how, at);
	now.n_what = (size_t)n < sizeof(now.what) ? (size_t)n : sizeof(now.what) - 1;
}

static size_t
stride(size_t total, size_t budget)
{
	return total <= budget ? 1 : (total + budget - 1) / budget;
}

static void
run_mutations(const char *path, struct buf *file, size_t budget)
{
	set_what(path, "all bytes:", file->len);
	run(buf_bytes(file));
	for (size_t n = 0; n < file->len; n += stride(file->len, budget)) {
		set_what(path, "cut off at byte", n);
		run(BYTES(file->data, n));
	}
	size_t n_bits = file->len * 8;
	// An odd step visits all bit positions of a byte.
	size_t step = n_bits <= budget ? 1 : stride(n_bits, budget) | 1;
	for (size_t bit = 0; bit < n_bits; bit += step) {
		set_what(path, "flipped bit", bit);
		file->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
		run(buf_bytes(file));
		file->data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
	}
}

static int
run_file(const char *path, size_t budget)
{
	BUF_AUTO struct buf file;
	struct why why = {0};
	buf_init(&file, INPUT_MAX);
	if (file_read(&file, path, &why)) {
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	run_mutations(path, &file, budget);
	return 0;
}

static int
run_folder(const char *path, size_t budget)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	int failed = n < 0;
	size_t n_files = 0;
	for (int i = 0; i < n; i++) {
		char file[1024];
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			failed |= run_file(file, budget);
			n_files++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	if (n_files == 0)
		fprintf(stderr, "%s: no corpus there\n", path);
	return failed || n_files == 0;
}

int
main(int argc, char **argv)
{
	static const int crashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
	for (size_t i = 0; i < N_ELEMENTS(crashes); i++)
		signal(crashes[i], on_crash);
	size_t budget = BUDGET_DEFAULT;
	int failed = argc < 2;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (strcmp(argv[i], "--budget") == 0 && i + 1 < argc)
			budget = (size_t)strtoul(argv[++i], NULL, 10);
		else if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= run_folder(argv[i], budget);
		else
			failed |= run_file(argv[i], budget);
	}
	printf("%zu inputs\n", now.runs);
	return failed;
}
