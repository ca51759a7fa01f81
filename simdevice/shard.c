// SPDX-License-Identifier: Apache-2.0
#include "shard.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *index;
	const char *count; // NULL: the launcher does not tell
} launchers[] = {
	{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
	{"SLURM_PROCID",	 "SLURM_NTASKS"	       },
	{"JOB_COMPLETION_INDEX", NULL		     },
};

static bool
read_number(uint64_t *out, const char *text)
{
	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	char *end = NULL;
	unsigned long long n = strtoull(text, &end, 10);
	*out = n;
	return errno == 0 && *end == '\0';
}

static bool
read_launcher(struct shard *out)
{
	for (size_t i = 0; i < N_ELEMENTS(launchers); i++) {
		if (!read_number(&out->index, getenv(launchers[i].index)))
			continue;
		if (launchers[i].count)
			(void)read_number(&out->count, getenv(launchers[i].count));
		return true;
	}
	return false;
}

enum err
shard_parse(struct shard *out, const char *text, struct why *why)
{
	struct shard s = {0};
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char index[24] = "";
	if (n < sizeof(index))
		memcpy(index, text, n);
	bool from_launcher = strcmp(index, "auto") == 0;
	if (from_launcher && !read_launcher(&s))
		return why_set(why, ERR_INPUT,
			       "--shard %s: none of OMPI_COMM_WORLD_RANK, SLURM_PROCID, "
			       "JOB_COMPLETION_INDEX is set",
			       text);
	if (!from_launcher && !read_number(&s.index, index))
		return why_set(why, ERR_INPUT, "--shard: '%s' is not of the form 0/4 or auto/4",
			       text);
	if (slash && !read_number(&s.count, slash + 1))
		return why_set(why, ERR_INPUT, "--shard: '%s': the number of shards is missing",
			       text);
	if (s.count == 0)
		return why_set(why, ERR_INPUT, "--shard: '%s': say how many there are, e.g. %s/4",
			       text, index);
	if (s.index >= s.count)
		return why_set(why, ERR_INPUT,
			       "--shard: there is no shard %llu of %llu (0 is the first)",
			       (unsigned long long)s.index, (unsigned long long)s.count);
	*out = s;
	return ERR_OK;
}
