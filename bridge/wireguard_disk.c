// SPDX-License-Identifier: Apache-2.0
#include "bridge/wireguard_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

void
wireguard_disk_init(struct wireguard_disk *d, size_t max)
{
	*d = (struct wireguard_disk){0};
	buf_init(&d->text, max);
}

void
wireguard_disk_fini(struct wireguard_disk *d)
{
	if (d->text.data)
		OPENSSL_cleanse(d->text.data, d->text.cap);
	buf_fini(&d->text);
}

static enum err
explain(const char *path, int cause, struct why *why)
{
	switch (cause) {
	case ENOENT:
	case ENOTDIR:
		return why_set(why, ERR_UPSTREAM_DOWN,
			       "%s is not there: peers are added to the server's own file, it is "
			       "not made here",
			       path);
	case EACCES:
	case EPERM:
	case EROFS:
		return why_set(why, ERR_FORBIDDEN,
			       "%s: %s: the bridge must be able to read it, to make files in its "
			       "folder and to keep its owner",
			       path, strerror(cause));
	case EBUSY:
		return why_set(
			why, ERR_IO,
			"%s: %s: it is a mount of its own; mount its folder instead, so that "
			"it can be replaced",
			path, strerror(cause));
	default:
		return why_set(why, ERR_IO, "%s: %s", path, strerror(cause));
	}
}

enum err
wireguard_disk_read(struct wireguard_disk *d, const char *path, struct why *why)
{
	buf_clear(&d->text);
	if (!realpath(path, d->path) || stat(d->path, &d->seen) < 0)
		return explain(path, errno, why);
	if (!S_ISREG(d->seen.st_mode))
		return why_set(why, ERR_IO, "%s is not a regular file", path);
	if (access(d->path, R_OK) < 0)
		return explain(path, errno, why);
	enum err err = file_read(&d->text, d->path, why);
	return err == ERR_NOT_FOUND ? explain(path, ENOENT, why) : err;
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool
write_all(int fd, struct bytes content)
{
	while (content.n) {
		ssize_t n = write(fd, content.p, content.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		content = BYTES(content.p + n, content.n - (size_t)n);
	}
	return true;
}

static bool
fill(int fd, const struct stat *old, struct bytes content)
{
	struct stat made;
	if (fstat(fd, &made) < 0)
		return false;
	bool same_owner = made.st_uid == old->st_uid && made.st_gid == old->st_gid;
	if (!same_owner && fchown(fd, old->st_uid, old->st_gid) < 0)
		return false;
	return fchmod(fd, old->st_mode & 07777) == 0 && write_all(fd, content) && fsync(fd) == 0;
}

static void
sync_folder(const char *temp)
{
	char folder[PATH_MAX];
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(temp, '/') - temp + 1), temp);
	FD_AUTO int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

// Moves the finished temporary file into place.
static enum err
swap_in(struct wireguard_disk *d, const char *temp, int fd, struct why *why)
{
	struct stat now;
	if (stat(d->path, &now) < 0)
		return explain(d->path, errno, why);
	if (!is_same(&now, &d->seen))
		return why_set(why, ERR_CONFLICT,
			       "%s: somebody else keeps changing it; nothing was written", d->path);
	if (rename(temp, d->path) < 0)
		return explain(d->path, errno, why);
	sync_folder(temp);
	if (fstat(fd, &d->seen) < 0)
		d->seen = (struct stat){0};
	return ERR_OK;
}

enum err
wireguard_disk_replace(struct wireguard_disk *d, struct bytes content, struct why *why)
{
	char temp[PATH_MAX];
	FD_AUTO int fd = file_open_temp(temp, sizeof(temp), d->path);
	if (fd < 0)
		return explain(d->path, errno, why);
	enum err err = fill(fd, &d->seen, content) ? swap_in(d, temp, fd, why)
						   : explain(d->path, errno, why);
	if (err != ERR_OK)
		unlink(temp);
	return err;
}
