// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMP_TRIES = 8 };

void
fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

enum err
file_read(struct buf *out, const char *path, struct why *why)
{
	FD_AUTO int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return why_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
			       strerror(errno));
	for (;;) {
		size_t room = out->max - out->len < 65536 ? out->max - out->len + 1 : 65536;
		if (room == 0 || out->len > out->max)
			return why_set(why, ERR_TOO_LARGE, "%s: larger than %zu bytes", path,
				       out->max);
		uint8_t chunk[65536];
		ssize_t n = read(fd, chunk, room < sizeof(chunk) ? room : sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_set(why, ERR_IO, "%s: %s", path, strerror(errno));
		if (n == 0)
			return buf_reserve(out, 0);
		enum err err = buf_append(out, chunk, (size_t)n);
		if (err == ERR_TOO_LARGE)
			return why_set(why, err, "%s: larger than %zu bytes", path, out->max);
		TRY(err);
	}
}

static enum err
write_all(int fd, struct bytes content)
{
	while (content.n) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		content.p += n;
		content.n -= (size_t)n;
	}
	return ERR_OK;
}

static void
sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int n = slash ? (int)(slash - path) : 1;
	snprintf(folder, sizeof(folder), "%.*s", n ? n : 1, slash ? path : ".");
	FD_AUTO int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

// Not mkostemp(3): ThreadSanitizer does not see it, and takes a descriptor's number that comes back
// for a race.
int
file_open_temp(char *out, size_t size, const char *path)
{
	for (int tries = 0; tries < TEMP_TRIES; tries++) {
		uint64_t ending;
		if (getrandom(&ending, sizeof(ending), 0) != sizeof(ending))
			return -1;
		if (snprintf(out, size, "%s.%016llx", path, (unsigned long long)ending) >=
		    (int)size) {
			errno = ENAMETOOLONG;
			return -1;
		}
		int fd = open(out, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

static enum err
replace(const char *path, struct bytes content, mode_t mode, bool sync, struct why *why)
{
	char temp[PATH_MAX];
	FD_AUTO int fd = file_open_temp(temp, sizeof(temp), path);
	if (fd < 0)
		return why_set(why, ERR_IO, "%s: no temporary file beside it: %s", path,
			       strerror(errno));
	if (fchmod(fd, mode) < 0 || write_all(fd, content) != ERR_OK || (sync && fsync(fd) < 0) ||
	    rename(temp, path) < 0) {
		int cause = errno;
		unlink(temp);
		return why_set(why, ERR_IO, "%s: %s", path, strerror(cause));
	}
	if (sync)
		sync_folder_of(path);
	return ERR_OK;
}

enum err
file_replace(const char *path, struct bytes content, mode_t mode, struct why *why)
{
	return replace(path, content, mode, true, why);
}

enum err
file_replace_nosync(const char *path, struct bytes content, mode_t mode, struct why *why)
{
	return replace(path, content, mode, false, why);
}

enum err
file_make_dirs(const char *path, mode_t mode, struct why *why)
{
	char partial[PATH_MAX];
	size_t n = strlen(path);
	if (n >= sizeof(partial))
		return why_set(why, ERR_INPUT, "%s: the path is too long", path);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && path[i] != '/')
			continue;
		memcpy(partial, path, i);
		partial[i] = '\0';
		if (mkdir(partial, mode) < 0 && errno != EEXIST)
			return why_set(why, ERR_IO, "%s: %s", partial, strerror(errno));
	}
	return ERR_OK;
}
