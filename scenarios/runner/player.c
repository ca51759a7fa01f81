// SPDX-License-Identifier: Apache-2.0
#include "runner/player.h"

#include "base/file.h"
#include "runner/mem.h"
#include "runner/tree.h"

static void
write_rerun(const struct player *p, const struct run *run, const char *dir)
{
	AUTO(free) char *path = mem_printf("%s/rerun", dir);
	AUTO(free)
	char *text = mem_printf("provsim run '%s' --only '%s' --seed %llu\n",
				run->instance->scenario->path, run->instance->name,
				(unsigned long long)run->seed);
	struct why why = {0};
	if (file_replace_nosync(path, BYTES_STR(text), 0644, &why) != ERR_OK)
		fprintf(p->err, "provsim: %s\n", why.text);
}

static void
on_step(void *ctx, const struct step_record *record)
{
	const struct player *p = ctx;
	report_text_step(&p->text, record);
}

void
player_play(const struct player *p, struct bench *bench, const struct turn *turn,
	    struct results *results)
{
	AUTO(free) char *dir = mem_printf("%s/%s", p->dir, turn->slug);
	struct run run;
	const struct run_listener listener = {on_step, (void *)(uintptr_t)p};
	const struct run_options o = {
		.bench = bench,
		.instance = turn->instance,
		.bin_dir = p->bin_dir,
		.dir = dir,
		.seed = turn->seed,
		.child_log_level = p->child_log_level,
		.given = p->given,
		.listener = &listener,
	};
	tree_remove(dir); // of an earlier run in the same folder
	report_text_begin(&p->text, turn->instance, turn->number, turn->total, o.seed);
	run_play(&run, &o);
	write_rerun(p, &run, dir);
	results_add(results, &run);
	report_text_end(&p->text, &results->items[results->n - 1]);
	bool keep =
		p->keep == KEEP_ALL || (p->keep == KEEP_FAILED && run.verdict != VERDICT_PASSED);
	run_fini(&run);
	if (!keep)
		tree_remove(dir);
}

static void
play_in_turn(const struct player *p, struct bench *bench, const struct turn *turns, size_t n,
	     struct results *results)
{
	for (size_t i = 0; i < n; i++) {
		bool failed =
			results->n && results->items[results->n - 1].verdict != VERDICT_PASSED;
		if (bench->interrupts)
			results_add_unplayed(results, turns[i].instance, VERDICT_SKIPPED,
					     "the run was interrupted before");
		else if (p->fail_fast && failed)
			results_add_unplayed(results, turns[i].instance, VERDICT_SKIPPED,
					     "an earlier scenario did not pass");
		else
			player_play(p, bench, &turns[i], results);
	}
}

void
player_play_all(const struct player *p, struct bench *bench, const struct turn *turns, size_t n,
		unsigned jobs, struct results *results)
{
	if (jobs > 1 && n > 1)
		jobs_play_all(p, bench, turns, n, jobs, results);
	else
		play_in_turn(p, bench, turns, n, results);
}

json_t *
result_to_json(const struct result *r)
{
	return json_pack("{s:s,s:s,s:s,s:i,s:i,s:s?,s:s,s:f,s:f,s:I}", "name", r->name, "slug",
			 r->slug, "path", r->path, "line", r->line, "verdict", (int)r->verdict,
			 "reason", r->reason, "transcript", r->transcript, "wall_ms", r->wall_ms,
			 "cpu_ms", r->cpu_ms, "seed", (json_int_t)r->seed);
}

enum err
result_from_json(struct result *out, const json_t *json)
{
	const char *name, *slug, *path, *transcript;
	int verdict;
	json_int_t seed;
	*out = (struct result){0};
	if (json_unpack((json_t *)(uintptr_t)json, "{s:s,s:s,s:s,s:i,s:i,s:s,s:F,s:F,s:I}", "name",
			&name, "slug", &slug, "path", &path, "line", &out->line, "verdict",
			&verdict, "transcript", &transcript, "wall_ms", &out->wall_ms, "cpu_ms",
			&out->cpu_ms, "seed", &seed) != 0 ||
	    verdict < 0 || verdict >= VERDICTS)
		return ERR_SYNTAX;
	out->name = mem_dup(name);
	out->slug = mem_dup(slug);
	out->path = mem_dup(path);
	const char *reason = json_string_value(json_object_get(json, "reason"));
	out->reason = reason ? mem_dup(reason) : NULL;
	out->transcript = mem_dup(transcript);
	out->verdict = (enum verdict)verdict;
	out->seed = (uint64_t)seed;
	return ERR_OK;
}
