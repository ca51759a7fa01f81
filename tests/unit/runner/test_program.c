// SPDX-License-Identifier: Apache-2.0
// The program as a whole, over the real stack: what it must not let pass, and how it ends when
// things go wrong.
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "play.h"
#include "runner/mem.h"

#define SCENARIOS SOURCE_DIR "/scenarios/"

struct verdict {
	const char *file;
	int code;
	const char *says;
};

static const struct verdict must_fail[] = {
	{"bad-file",		     3, "unknown step 'enrol'; did you mean 'enroll'?" },
	{"bridge-killed",		  1, "Connection refused"				 },
	{"bridge-refuses-environment", 5, "WG_SUBNET=10.8.0.0/99"			 },
	{"broken-invariant",	     1, "invariant target-has-device"		     },
	{"device-step-fails",	      1, "the answer was 422: Invalid CSR"		  },
	{"did-not-fail",		 1, "it was to fail, and succeeded"		   },
	{"failed-otherwise",	     1, "- expected 503\n               + actual   422"},
	{"happened-anyway",	    1, "and was never to happen"			},
	{"never-happens",		  1, "not within 300 ms"				},
	{"threshold",		      1, "- expected p99 < 0ms"			       },
	{"timeout",		    1, "the scenario's timeout is over"	       },
	{"unfired-fault",		  4, "fault 'ca' never fired"			     },
	{"unknown-fault",		  3, "unknown \"on\" \"sing\""		      },
	{"unknown-path",		 3, "nothing is called 'hawkbitt'"		  },
	{"wrong-status",		 1, "+ actual   200"				    },
};

static void
play_file(struct played *p, const char *name)
{
	AUTO(free) char *path = mem_printf(SCENARIOS "must_fail/%s.yaml", name);
	const char *const arguments[] = {"run", path, NULL};
	play(p, arguments, NULL);
}

Test(program, fails_every_file_that_must_fail_for_its_own_reason, .timeout = 110)
{
	for (size_t i = 0; i < N_ELEMENTS(must_fail); i++) {
		struct played p;
		play_file(&p, must_fail[i].file);
		cr_expect(eq(int, p.code, must_fail[i].code), "%s: %s", must_fail[i].file,
			  p.output);
		cr_expect(strstr(p.output, must_fail[i].says) != NULL, "%s: '%s' in: %s",
			  must_fail[i].file, must_fail[i].says, p.output);
		cr_expect(eq(int, count_processes_of(&p), 0), "%s left a process",
			  must_fail[i].file);
		played_fini(&p);
	}
}

Test(program, every_file_that_must_fail_is_in_the_table)
{
	DIR *dir = opendir(SCENARIOS "must_fail");
	const struct dirent *entry;
	cr_assert(dir != NULL);
	while ((entry = readdir(dir))) {
		bool known = entry->d_name[0] == '.';
		for (size_t i = 0; i < N_ELEMENTS(must_fail); i++) {
			AUTO(free) char *name = mem_printf("%s.yaml", must_fail[i].file);
			known |= strcmp(name, entry->d_name) == 0;
		}
		cr_expect(known, "%s", entry->d_name);
	}
	closedir(dir);
}

Test(program, plays_the_lifecycle_and_leaves_a_whole_run_folder)
{
	static const char *const files[] = {"junit.xml",
					    "a-device-s-whole-life/scenario.yaml",
					    "a-device-s-whole-life/rerun",
					    "a-device-s-whole-life/logs/bridge.log",
					    "a-device-s-whole-life/logs/step-ca.log",
					    "a-device-s-whole-life/devices/dev-1/device.crt"};
	const char *const arguments[] = {"run", SCENARIOS "lifecycle.yaml", NULL};
	struct played p;
	play(&p, arguments, NULL);
	cr_expect(eq(int, p.code, 0), "%s", p.output);
	cr_expect(strstr(p.output, "\n1 passed, 0 failed, 0 skipped\n") != NULL, "%s", p.output);
	for (size_t i = 0; i < N_ELEMENTS(files); i++) {
		AUTO(free) char *path = mem_printf("%s/%s", p.folder, files[i]);
		cr_expect(access(path, R_OK) == 0, "%s", files[i]);
	}
	played_fini(&p);
}

Test(program, interrupted_in_mid_run_stops_all_and_says_so)
{
	AUTO(free) char *path = mem_dup("/tmp/provsim-slow-XXXXXX.yaml");
	int fd = mkstemps(path, 5);
	static const char text[] =
		"scenario: slow\nsteps:\n  - enroll: dev-1\n"
		"  - never: { for: 50s, that: { wireguard.peers.dev-1: absent } }\n";
	cr_assert(eq(int, (int)write(fd, text, sizeof(text) - 1), (int)sizeof(text) - 1));
	close(fd);
	const char *const arguments[] = {"run", path, path, NULL};
	struct played p;
	play(&p, arguments, "enroll dev-1");
	cr_expect(eq(int, p.code, 130), "%s", p.output);
	cr_expect(strstr(p.output, "interrupted; everything that was started is stopped") != NULL,
		  "%s", p.output);
	cr_expect(strstr(p.output, "0 passed, 0 failed, 1 skipped, 1 interrupted\n") != NULL, "%s",
		  p.output);
	cr_expect(eq(int, count_processes_of(&p), 0));
	BUF_AUTO struct buf junit;
	AUTO(free) char *junit_path = mem_printf("%s/junit.xml", p.folder);
	buf_init(&junit, 1 << 20);
	cr_assert(eq(int, (int)file_read(&junit, junit_path, NULL), ERR_OK));
	cr_expect(strstr((char *)junit.data, "</testsuites>") != NULL, "the report is whole");
	played_fini(&p);
	unlink(path);
}

Test(program, jobs_run_side_by_side_and_report_in_order)
{
	const char *const arguments[] = {"run",
					 SCENARIOS "must_fail/unfired-fault.yaml",
					 SCENARIOS "lifecycle.yaml",
					 SCENARIOS "must_fail/wrong-status.yaml",
					 "--jobs=3",
					 NULL};
	struct played p;
	play(&p, arguments, NULL);
	cr_expect(eq(int, p.code, 1), "%s", p.output);
	cr_expect(strstr(p.output, "\n1 passed, 1 failed, 0 skipped, 1 inconclusive\n") != NULL,
		  "%s", p.output);
	BUF_AUTO struct buf junit;
	AUTO(free) char *path = mem_printf("%s/junit.xml", p.folder);
	buf_init(&junit, 1 << 20);
	cr_assert(eq(int, (int)file_read(&junit, path, NULL), ERR_OK));
	const char *first = strstr((char *)junit.data, "name=\"a fault that never fires\"");
	const char *second = strstr((char *)junit.data, "name=\"a device's whole life\"");
	const char *third = strstr((char *)junit.data, "name=\"expects the wrong status\"");
	cr_expect(first && second && third && first < second && second < third);
	cr_expect(eq(int, count_processes_of(&p), 0));
	played_fini(&p);
}

Test(program, stack_that_is_up_can_be_run_against_and_ends_with_a_clean_exit)
{
	const char *const up[] = {"up", NULL};
	struct played p;
	play(&p, up, "Ctrl-C stops everything.");
	cr_expect(eq(int, p.code, 0), "%s", p.output);
	cr_expect(eq(int, count_processes_of(&p), 0));
	AUTO(free) char *env = mem_printf("%s/env", p.folder);
	struct stat st;
	cr_assert(eq(int, stat(env, &st), 0));
	cr_expect(eq(int, (int)(st.st_mode & 077), 0), "it holds passwords");
	played_fini(&p);
}

Test(program, wrong_usage_is_two_and_says_what_is_wrong)
{
	static const struct {
		const char *arguments[5];
		const char *says;
	} rows[] = {
		{{"frobnicate"},			 "there is no command 'frobnicate'" },
		{{"run"},			      "which scenarios?"		    },
		{{"run", "/nonexistent"},		  "/nonexistent: no such file"	      },
		{{"run", SCENARIOS, "--tag", "a and"}, "the tag expression lacks a tag"   },
		{{"run", SCENARIOS, "--keep", "some"}, "'some' is not all, failed or none"},
		{{"run", SCENARIOS, "--seed", "-1"},   "'-1' is not a whole number"	 },
		{{"lint"},			     "which files?"			 },
		{{"explain", "enrol"},		       "there is no key 'enrol'"		},
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		struct played p;
		play(&p, rows[i].arguments, NULL);
		cr_expect(eq(int, p.code, 2), "%s %s", rows[i].arguments[0], p.output);
		cr_expect(strstr(p.output, rows[i].says) != NULL, "%s: %s", rows[i].says, p.output);
		played_fini(&p);
	}
}

Test(program, schema_in_the_tree_is_the_programs_own)
{
	const char *const arguments[] = {"schema", NULL};
	struct played p;
	BUF_AUTO struct buf file;
	buf_init(&file, 1 << 20);
	play(&p, arguments, NULL);
	cr_assert(eq(int, (int)file_read(&file, SCENARIOS "scenario.schema.json", NULL), ERR_OK));
	cr_expect(strcmp(p.output, (char *)file.data) == 0,
		  "provsim schema > scenarios/scenario.schema.json brings it up to date");
	played_fini(&p);
}
