// SPDX-License-Identifier: Apache-2.0
// The systems under a scenario: started, watched, stopped. Each is a child of ours or an address
// that was given from outside (facts).
#pragma once

#include "base/secret.h"
#include "loop/child.h"
#include "runner/bench.h"
#include "runner/facts.h"
#include "runner/node.h"
#include "runner/notify.h"

enum service_id {
	SERVICE_STEP_CA,
	SERVICE_HAWKBIT,
	SERVICE_WIREGUARD,
	SERVICE_THINGSBOARD,
	SERVICE_BRIDGE,
	SERVICE_SIMDEVICE,
	SERVICES
};

enum service_state {
	SERVICE_OFF,	  // not part of this stack
	SERVICE_EXTERNAL, // somebody else runs it
	SERVICE_STARTING,
	SERVICE_READY,
	SERVICE_PAUSED, // SIGSTOP
	SERVICE_ENDED,
};

struct stack;
struct stepca;
struct tls_client;

// One row a service (service.c).
struct service_spec {
	const char *name;	 // in scenarios
	const char *program;	 // beside our own executable
	const char *url_fact;	 // given from outside = external; NULL = never
	const char *admin_fact;	 // base URL of the mock's admin API; NULL = none
	const char *options_key; // in the scenario's stack map; NULL = none
	bool notifies;		 // says READY=1
	bool under_test;	 // its death is the target's failure, not the bench's
	// Appends arguments (behind argv[0]) and environment.
	void (*command)(struct stack *s, struct words *argv, struct words *env);
	// Turns what it announced into facts. May be NULL.
	void (*learn)(struct stack *s, const json_t *announced);
};

struct service {
	const struct service_spec *spec;
	struct stack *stack;
	enum service_state state;
	struct child *child;   // NULL unless running
	struct notify *notify; // made at first start
	json_t *announced;     // of the first start: a restarted child gets its old addresses
	char *log_path;
	int starts;
	bool end_expected;	  // we end it
	bool ended_by_stack;	  // it ran until stack_stop, which asked it to end
	struct child_status last; // of the child that ended last
	double cpu_s;		  // of all ended children
	long peak_kib;		  // resident set
};

struct stack_secrets {
	char *provisioner_password;
	char *admin_token;
	char *webhook_token;
	char *hawkbit_password;
	char *thingsboard_password;
};

struct stack {
	struct bench *bench;
	const struct node *config; // the scenario's stack map, or NULL; borrowed
	const char *bin_dir;	   // borrowed
	char *dir;		   // logs/ devices/ state/: kept
	char *private_dir;	   // keys and sockets, mode 0700, short path: removed at the end
	uint64_t seed;
	const char *child_log_level; // borrowed
	struct words facts;
	struct stack_secrets secrets;
	struct service services[SERVICES];
	int control_fd; // our end of simdevice's socketpair; -1 = none
	struct stepca *ca;
	struct secret ca_password;
	char *root_pem;
	struct tls_client *tls; // trusts root_pem
	char *trouble;		// what went wrong, several lines; NULL = nothing
};

struct stack_options {
	struct bench *bench;
	const struct node *config;
	const char *bin_dir;
	const char *dir;
	uint64_t seed;
	const char *child_log_level;
	const struct words *given; // facts from outside
};

enum err ERR_MUST_CHECK stack_new(struct stack **out, const struct stack_options *o,
				  struct why *why);
// Starts everything. On error stack->trouble says which child, how it ended, and its last log
// lines.
enum err ERR_MUST_CHECK stack_start(struct stack *s);
// TERM, grace, KILL for all that runs. Returns when none is left.
void stack_stop(struct stack *s);
// Stops what runs, removes private_dir.
void stack_free(struct stack *s);

struct service *stack_service(struct stack *s, const char *name); // NULL: no such name
const char *stack_fact(const struct stack *s, const char *name);  // NULL: unknown
// The trust for an https URL; NULL for plain http, as the HTTP client wants it.
struct tls_client *stack_tls_for(const struct stack *s, const char *url);
void stack_set_fact(struct stack *s, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Adds a paragraph to trouble.
void stack_trouble(struct stack *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
// A child that ended although nobody ended it; NULL = all well.
struct service *stack_find_dead(struct stack *s);
// A child that stack_stop asked to end and that did so badly (exit code, signal, had to be killed),
// from *at on; NULL = no (more).
const struct service *stack_find_unclean(const struct stack *s, size_t *at);
// What to say about it: status and last log lines. Heap.
char *service_obituary(const struct service *service);

// supervise.c
// Starts the child and waits until it is ready.
enum err ERR_MUST_CHECK service_start(struct service *service);
// The same in two halves, so that several can start at a time.
enum err ERR_MUST_CHECK service_launch(struct service *service);
enum err ERR_MUST_CHECK service_await(struct service *service);
// Ends the child (TERM, grace, KILL, or signum at once) and waits until it has ended.
void service_end(struct service *service, int signum);
void service_pause(struct service *service);
void service_resume(struct service *service);
void service_fini(struct service *service);
// CPU seconds of the running and all former children.
double service_cpu_s(const struct service *service);
long service_peak_kib(const struct service *service);

// service.c
const struct service_spec *service_specs(void); // SERVICES rows

// trust.c
// Root by fingerprint; stack->tls and root_pem.
enum err ERR_MUST_CHECK trust_load(struct stack *s, struct why *why);
// A server certificate for the broker, signed by step-ca: broker.crt, broker.key, devices-ca.pem in
// private_dir.
enum err ERR_MUST_CHECK trust_issue_broker(struct stack *s, struct why *why);
