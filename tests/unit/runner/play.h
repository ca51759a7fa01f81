// SPDX-License-Identifier: Apache-2.0
// Runs the built provsim as a person would and keeps what it said.
#pragma once

#include "base/buf.h"

struct played {
	int code;	 // exit code, -1 when a signal ended it
	char *output;	 // stdout and stderr together
	char folder[64]; // the run folder, gone after played_fini
	double seconds;
};

// arguments: NULL-terminated, behind `provsim COMMAND --out FOLDER` for run and up, behind
// `provsim` otherwise. signal_after: send SIGINT once this text was printed; NULL = never.
void play(struct played *out, const char *const *arguments, const char *signal_after);
void played_fini(struct played *p);
// Number of processes whose arguments or environment name the folder.
int count_processes_of(const struct played *p);
