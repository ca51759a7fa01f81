// SPDX-License-Identifier: Apache-2.0
#include "runner/tree.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "runner/mem.h"

#define MARKER ".provsim"

void
tree_remove(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		AUTO(free) char *inner = mem_printf("%s/%s", path, entry->d_name);
		struct stat st;
		if (lstat(inner, &st) == 0 && S_ISDIR(st.st_mode))
			tree_remove(inner);
		else
			unlink(inner);
	}
	if (dir)
		closedir(dir);
	if (rmdir(path) < 0)
		unlink(path);
}

static bool
is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = true;
	while (dir && (entry = readdir(dir)))
		empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (dir)
		closedir(dir);
	return empty;
}

enum err
tree_claim(const char *path, struct why *why)
{
	AUTO(free) char *marker = mem_printf("%s/" MARKER, path);
	TRY(file_make_dirs(path, 0755, why));
	if (access(marker, F_OK) == 0)
		return ERR_OK;
	if (!is_empty(path))
		return why_set(
			why, ERR_CONFLICT,
			"%s is not empty and no folder of provsim's: name another one with --out",
			path);
	return file_replace_nosync(marker, BYTES_STR("provsim writes and deletes in this folder\n"),
				   0644, why);
}
