// SPDX-License-Identifier: Apache-2.0
#include "runner/tree.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner/mem.h"

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
	rmdir(path);
}
