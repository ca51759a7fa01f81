// SPDX-License-Identifier: Apache-2.0
#include "runner/schema.h"

#define REQ	 SCHEMA_REQUIRED
#define SHORT	 SCHEMA_SHORTHAND
#define VERB	 SCHEMA_VERB
#define HOUR	 3600000.0
#define SERVICES "step-ca|hawkbit|wireguard|thingsboard|bridge"

// clang-format off
static const struct schema_key keys[] = {
	// object, key, type, of, flags, min, max, default, since, doc
	{"scenario", "scenario", SCHEMA_TEXT, NULL, REQ, 0, 0, NULL, "0.1", "What this scenario shows, in a few words; its name in every report"},
	{"scenario", "about", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "Why it is here and what to look at, for a reader"},
	{"scenario", "tags", SCHEMA_TEXTS, NULL, 0, 0, 0, NULL, "0.1", "Words to select by: provsim run --tag 'smoke and not load'"},
	{"scenario", "seed", SCHEMA_INT, NULL, 0, 0, 9007199254740991.0, NULL, "0.1", "Seed of all dice; drawn and printed when absent, --seed overrides"},
	{"scenario", "timeout", SCHEMA_DURATION, NULL, 0, 100, HOUR, "60s", "0.1", "The whole scenario, start of the stack included; it fails when it takes longer"},
	{"scenario", "stack", SCHEMA_OBJECT, "stack", 0, 0, 0, NULL, "0.1", "What differs from the standard stack of bridge and mocks"},
	{"scenario", "matrix", SCHEMA_MATRIX, NULL, 0, 0, 0, NULL, "0.1", "Names and their values; the scenario runs once for every combination, {name} stands for the value"},
	{"scenario", "steps", SCHEMA_LIST, "step", 0, 0, 0, NULL, "0.1", "What happens, one after the other"},
	{"scenario", "load", SCHEMA_OBJECT, "load", 0, 0, 0, NULL, "0.1", "A fleet of simulated devices instead of (or after) single steps"},
	{"scenario", "thresholds", SCHEMA_THRESHOLDS, NULL, 0, 0, 0, NULL, "0.1", "List of `metric: condition` that a load run must meet, e.g. `enroll.latency: p99 < 800ms`"},
	{"scenario", "generator", SCHEMA_THRESHOLDS, NULL, 0, 0, 0, NULL, "0.1", "List like thresholds about the load generator itself; when one is broken the run is inconclusive, not failed. Without it: late-starts: rate < 1%"},
	{"scenario", "skip-invariants", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Invariants that this scenario breaks on purpose, each with the reason"},

	{"stack", "use", SCHEMA_TEXT, NULL, SHORT, 0, 0, NULL, "0.1", "A file with these same keys, relative to the scenario file; keys given here win"},
	{"stack", "without", SCHEMA_TEXTS, NULL, 0, 0, 0, NULL, "0.1", "Services that are not started: " SERVICES},
	{"stack", "bridge.env", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Environment variables of the bridge, over those that the runner sets; {keys.other.public} is a fresh WireGuard public key"},
	{"stack", "step-ca.options", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Command line options of mock-step-ca without the dashes"},
	{"stack", "hawkbit.options", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Command line options of mock-hawkbit"},
	{"stack", "wireguard.options", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Command line options of mock-wireguard"},
	{"stack", "thingsboard.options", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Command line options of mock-thingsboard"},

	{"step", "say", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "What this step is for; shown in place of the generated text"},
	{"step", "save", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Names and paths: later steps use the value as {name}"},
	{"step", "fails", SCHEMA_OBJECT, "fails", 0, 0, 0, NULL, "0.1", "The step must fail, and in this way"},
	{"step", "enroll", SCHEMA_OBJECT, "enroll", VERB, 0, 0, NULL, "0.1", "The device makes key and CSR and enrolls at the bridge; a device with the flag `enrolled` does nothing"},
	{"step", "re-enroll", SCHEMA_OBJECT, "enroll", VERB, 0, 0, NULL, "0.1", "Deletes the flag `enrolled`, then enrolls with a new key (runbook: Re-Enrollment)"},
	{"step", "renew", SCHEMA_OBJECT, "device-only", VERB, 0, 0, NULL, "0.1", "The device renews its certificate at step-ca with its old one"},
	{"step", "mqtt.connect", SCHEMA_OBJECT, "mqtt-connect", VERB, 0, 0, NULL, "0.1", "MQTT CONNECT over mutual TLS"},
	{"step", "mqtt.publish", SCHEMA_OBJECT, "mqtt-publish", VERB, 0, 0, NULL, "0.1", "Publishes one message"},
	{"step", "mqtt.disconnect", SCHEMA_OBJECT, "device-only", VERB, 0, 0, NULL, "0.1", "MQTT DISCONNECT"},
	{"step", "wireguard.up", SCHEMA_OBJECT, "wireguard-up", VERB, 0, 0, NULL, "0.1", "Brings the tunnel of wg0.conf up: a full handshake"},
	{"step", "wireguard.down", SCHEMA_OBJECT, "device-only", VERB, 0, 0, NULL, "0.1", "Takes the tunnel down"},
	{"step", "ping", SCHEMA_OBJECT, "ping", VERB, 0, 0, NULL, "0.1", "ICMP echo through the tunnel to the server's tunnel address"},
	{"step", "decommission", SCHEMA_OBJECT, "decommission", VERB, 0, 0, NULL, "0.1", "DELETE /devices/{id} at the bridge: the five steps of the runbook"},
	{"step", "request", SCHEMA_OBJECT, "request", VERB, 0, 0, NULL, "0.1", "A plain HTTP request; its answer is reply.status and reply.body"},
	{"step", "fault", SCHEMA_OBJECT, "fault", VERB, 0, 0, NULL, "0.1", "Arms a fault at a mock; one that never fires makes the run inconclusive"},
	{"step", "heal", SCHEMA_TEXT, NULL, VERB, 0, 0, NULL, "0.1", "Removes a fault by its name"},
	{"step", "kill", SCHEMA_ENUM, SERVICES, VERB, 0, 0, NULL, "0.1", "SIGKILL: the port is closed, state on disk stays"},
	{"step", "stop", SCHEMA_ENUM, SERVICES, VERB, 0, 0, NULL, "0.1", "SIGSTOP: the kernel still accepts connections, nobody answers"},
	{"step", "cont", SCHEMA_ENUM, SERVICES, VERB, 0, 0, NULL, "0.1", "SIGCONT after stop"},
	{"step", "restart", SCHEMA_ENUM, SERVICES, VERB, 0, 0, NULL, "0.1", "Stops the service if it runs and starts it again on its old port with its state"},
	{"step", "expect", SCHEMA_MATCHERS, NULL, VERB, 0, 0, NULL, "0.1", "All of this holds now; paths begin with reply, the last device's result, devices.<id>, bridge, thingsboard, hawkbit, wireguard, step-ca, traces.<id> or a saved name"},
	{"step", "eventually", SCHEMA_OBJECT, "eventually", VERB, 0, 0, NULL, "0.1", "All of this holds within some time"},
	{"step", "never", SCHEMA_OBJECT, "never", VERB, 0, 0, NULL, "0.1", "None of this holds at any moment of some time"},

	{"fails", "layer", SCHEMA_ENUM, "http|tls|mqtt|wireguard|flash|usage", 0, 0, 0, NULL, "0.1", "Where it fails"},
	{"fails", "kind", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "How it fails, e.g. connack, alert, timeout, status"},
	{"fails", "status", SCHEMA_INT, NULL, 0, 100, 599, NULL, "0.1", "HTTP status of the answer"},
	{"fails", "type", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "Type of the problem document, e.g. urn:provsim:invalid-csr"},
	{"fails", "detail", SCHEMA_ANY, NULL, 0, 0, 0, NULL, "0.1", "Matcher for the `detail` of the answer"},
	{"fails", "connack", SCHEMA_INT, NULL, 0, 1, 255, NULL, "0.1", "CONNACK code"},
	{"fails", "alert", SCHEMA_INT, NULL, 0, 0, 255, NULL, "0.1", "Number of the TLS alert, e.g. 48 unknown_ca"},
	{"fails", "text", SCHEMA_ANY, NULL, 0, 0, 0, NULL, "0.1", "Matcher for the words of the error"},
	{"fails", "within", SCHEMA_DURATION, NULL, 0, 1, HOUR, NULL, "0.1", "It fails no later than this"},

	{"device-only", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list: they act at the same time"},

	{"enroll", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list: they act at the same time"},
	{"enroll", "csr", SCHEMA_ENUM, "normal|not-pem|truncated|bad-signature|wrong-cn|empty", 0, 0, 0, "normal", "0.1", "What the CSR is like"},
	{"enroll", "cn", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "Common name in the CSR; the device id when absent"},
	{"enroll", "wg-key", SCHEMA_ENUM, "device|bridge", 0, 0, 0, "device", "0.1", "Who makes the WireGuard key pair"},
	{"enroll", "dialect", SCHEMA_ENUM, "runbook|cdm|native", 0, 0, 0, "runbook", "0.1", "Form of request and answer"},
	{"enroll", "power-cut-after", SCHEMA_ENUM, "none|device.key|device.crt|ca-chain.crt|wg0.conf|enrolled", 0, 0, 0, "none", "0.1", "Power goes after this file was written; the device then starts again"},
	{"enroll", "retries", SCHEMA_INT, NULL, 0, 0, 1000, "0", "0.1", "How often the device tries again after an error that is worth it"},

	{"mqtt-connect", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list: they act at the same time"},
	{"mqtt-connect", "chain", SCHEMA_ENUM, "full|leaf-only|reversed|none", 0, 0, 0, "full", "0.1", "Which certificates the device presents"},
	{"mqtt-connect", "cert", SCHEMA_ENUM, "own|other-root|expired|not-yet-valid|self-signed", 0, 0, 0, "own", "0.1", "Which certificate the device presents"},
	{"mqtt-connect", "keep-session", SCHEMA_BOOL, NULL, 0, 0, 0, "false", "0.1", "The broker shall keep the session after a disconnect"},
	{"mqtt-connect", "protocol", SCHEMA_ENUM, "3.1.1|5", 0, 0, 0, "3.1.1", "0.1", "MQTT version"},

	{"mqtt-publish", "device", SCHEMA_DEVICE, NULL, REQ, 0, 0, NULL, "0.1", "Device id"},
	{"mqtt-publish", "topic", SCHEMA_TEXT, NULL, 0, 0, 0, "v1/devices/me/telemetry", "0.1", "Topic"},
	{"mqtt-publish", "payload", SCHEMA_ANY, NULL, REQ, 0, 0, NULL, "0.1", "A text, or a map that is sent as JSON"},
	{"mqtt-publish", "qos", SCHEMA_INT, NULL, 0, 0, 2, "1", "0.1", "Quality of service"},

	{"wireguard-up", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list: they act at the same time"},
	{"wireguard-up", "timeout", SCHEMA_DURATION, NULL, 0, 1, HOUR, "5s", "0.1", "How long the device waits for the handshake"},

	{"ping", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list: they act at the same time"},
	{"ping", "count", SCHEMA_INT, NULL, 0, 1, 10000, "1", "0.1", "How many echo requests"},
	{"ping", "timeout", SCHEMA_DURATION, NULL, 0, 1, HOUR, "2s", "0.1", "How long the device waits for each reply"},

	{"decommission", "device", SCHEMA_DEVICE, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Device id, or a list"},
	{"decommission", "force", SCHEMA_BOOL, NULL, 0, 0, 0, "false", "0.1", "Give up on systems that stay unreachable"},

	{"request", "to", SCHEMA_ENUM, SERVICES, 0, 0, 0, "bridge", "0.1", "Which service"},
	{"request", "method", SCHEMA_ENUM, "GET|HEAD|POST|PUT|PATCH|DELETE", 0, 0, 0, "GET", "0.1", "HTTP method"},
	{"request", "path", SCHEMA_TEXT, NULL, REQ | SHORT, 0, 0, NULL, "0.1", "Path and query, e.g. /devices/dev-1/enroll"},
	{"request", "body", SCHEMA_ANY, NULL, 0, 0, 0, NULL, "0.1", "A text that is sent as it is, or a map or list that is sent as JSON"},
	{"request", "content-type", SCHEMA_TEXT, NULL, 0, 0, 0, "application/json", "0.1", "Media type of the body"},
	{"request", "authorization", SCHEMA_ENUM, "none|admin|webhook|hawkbit|wrong", 0, 0, 0, "none", "0.1", "Bearer token of the bridge's admin API, of its webhook, hawkBit's user and password, a wrong token, or none"},

	{"fault", "name", SCHEMA_TEXT, NULL, REQ, 0, 0, NULL, "0.1", "A name for heal and the report"},
	{"fault", "on", SCHEMA_ENUM, "step-ca|hawkbit|wireguard|thingsboard", REQ, 0, 0, NULL, "0.1", "The mock that misbehaves"},
	{"fault", "at", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "Route or message type (sign, login, CONNECT, initiation, ...); any when absent"},
	{"fault", "device", SCHEMA_TEXT, NULL, 0, 0, 0, NULL, "0.1", "Only for this device"},
	{"fault", "phase", SCHEMA_ENUM, "request|effect", 0, 0, 0, "request", "0.1", "request: before the mock acts; effect: it acted and does not answer as it should"},
	{"fault", "when", SCHEMA_OBJECT, "fault-when", 0, 0, 0, NULL, "0.1", "Which of the matching messages; all when absent"},
	{"fault", "do", SCHEMA_OBJECT, "fault-do", REQ, 0, 0, NULL, "0.1", "What goes wrong"},

	{"fault-when", "nth", SCHEMA_INT, NULL, 0, 1, 1e9, NULL, "0.1", "Only the n-th"},
	{"fault-when", "first", SCHEMA_INT, NULL, 0, 1, 1e9, NULL, "0.1", "The first n"},
	{"fault-when", "every", SCHEMA_INT, NULL, 0, 1, 1e9, NULL, "0.1", "Every n-th"},
	{"fault-when", "probability", SCHEMA_NUMBER, NULL, 0, 0, 1, NULL, "0.1", "Each with this probability, by the seed"},

	{"fault-do", "semantic", SCHEMA_TEXT, NULL, SHORT, 0, 0, NULL, "0.1", "A misbehaviour from the mock's own list; `reset`, `close`, `hang` and `drop` are understood too"},
	{"fault-do", "status", SCHEMA_INT, NULL, 0, 1, 599, NULL, "0.1", "Answer with this HTTP status or CONNACK code"},
	{"fault-do", "body", SCHEMA_ANY, NULL, 0, 0, 0, NULL, "0.1", "With status: the body to send"},
	{"fault-do", "delay", SCHEMA_DURATION, NULL, 0, 0, HOUR, NULL, "0.1", "Go on after this time"},
	{"fault-do", "reset", SCHEMA_BOOL, NULL, 0, 0, 0, NULL, "0.1", "End the connection with RST"},
	{"fault-do", "close", SCHEMA_BOOL, NULL, 0, 0, 0, NULL, "0.1", "End the connection cleanly without an answer"},
	{"fault-do", "hang", SCHEMA_BOOL, NULL, 0, 0, 0, NULL, "0.1", "Never answer"},
	{"fault-do", "drop", SCHEMA_BOOL, NULL, 0, 0, 0, NULL, "0.1", "Throw the datagram away"},
	{"fault-do", "with", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Settings of a semantic fault"},

	{"eventually", "within", SCHEMA_DURATION, NULL, 0, 1, HOUR, "5s", "0.1", "How long to wait at most"},
	{"eventually", "that", SCHEMA_MATCHERS, NULL, REQ, 0, 0, NULL, "0.1", "As in expect"},

	{"never", "for", SCHEMA_DURATION, NULL, REQ, 1, HOUR, NULL, "0.1", "How long to watch"},
	{"never", "that", SCHEMA_MATCHERS, NULL, REQ, 0, 0, NULL, "0.1", "As in expect; the step fails as soon as all of it holds"},

	{"load", "devices", SCHEMA_INT, NULL, REQ | SHORT, 1, 1000000, NULL, "0.1", "How many devices"},
	{"load", "phases", SCHEMA_TEXTS, NULL, 0, 0, 0, NULL, "0.1", "What each device does, in order: enroll, mqtt, publish, wireguard, renew, decommission"},
	{"load", "rate", SCHEMA_NUMBER, NULL, 0, 0.001, 1e6, "10", "0.1", "Arrivals a second (open model): starts are planned in advance and do not wait for answers"},
	{"load", "arrivals", SCHEMA_ENUM, "constant|poisson|ramp", 0, 0, 0, "poisson", "0.1", "How the starts are spread"},
	{"load", "in-flight", SCHEMA_INT, NULL, 0, 1, 1000000, NULL, "0.1", "At most so many devices at a time; starts beyond that are held back and counted"},
	{"load", "workers", SCHEMA_INT, NULL, 0, 1, 256, NULL, "0.1", "Threads of the generator"},
	{"load", "retries", SCHEMA_INT, NULL, 0, 0, 1000, NULL, "0.1", "Further tries of a device after failures that may pass"},
	{"load", "hold", SCHEMA_DURATION, NULL, 0, 0, 24 * HOUR, NULL, "0.1", "Sessions and tunnels stay up this long before the end"},
	{"load", "timeout", SCHEMA_DURATION, NULL, 0, 100, 24 * HOUR, "60s", "0.1", "The fleet has finished by then"},
	{"load", "options", SCHEMA_VALUES, NULL, 0, 0, 0, NULL, "0.1", "Further options of `simdevice fleet` without the dashes"},
};
// clang-format on

const struct schema_key *
schema_keys(size_t *n)
{
	*n = N_ELEMENTS(keys);
	return keys;
}
