// SPDX-License-Identifier: Apache-2.0
// What a device is told: answers of a bridge ('0' to '2': the dialect), of anything else in its
// place ('p'), and the addresses of its stack ('u', 'm', 'f', 'r').
#include "enroll_answer.h"
#include "fuzz.h"
#include "identity.h"

static void
read_answer(struct bytes body, enum dialect dialect)
{
	ENROLL_ANSWER_AUTO struct enroll_answer answer = {0};
	AUTO(tunnel_config_unref) struct tunnel_config *tunnel = NULL;
	struct why why = {0};
	enum err err = enroll_answer_parse(&answer, body, dialect, &why);
	FUZZ_CHECK_WHY(err, why);
	if (err)
		return;
	FUZZ_CHECK(answer.cert[0] && answer.ca_chain[0]);
	if (!answer.wg)
		return;
	err = tunnel_config_parse(&tunnel, BYTES_STR(answer.wg), &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err)
		(void)tunnel_server_address(tunnel);
}

static void
read_problem(struct bytes body)
{
	struct problem problem;
	char kind[64];
	problem_parse(&problem, body);
	FUZZ_CHECK(memchr(problem.type, '\0', sizeof(problem.type)));
	FUZZ_CHECK(memchr(problem.detail, '\0', sizeof(problem.detail)));
	problem_kind(kind, sizeof(kind), &problem, 503);
	FUZZ_CHECK(kind[0] && memchr(kind, '\0', sizeof(kind)));
}

static void
read_setting(uint8_t which, const char *text)
{
	struct sim_config config;
	struct why why = {0};
	enum err err = ERR_OK;
	sim_config_init(&config);
	if (which == 'u')
		err = sim_config_set_url(&config.bridge, "bridge", text, &why);
	else if (which == 'm')
		err = sim_config_set_mqtt(&config, text, &why);
	else
		err = sim_config_set_fingerprint(&config, text, &why);
	FUZZ_CHECK_WHY(err, why);
	if (!err && which == 'f')
		FUZZ_CHECK(strlen(config.fingerprint) == FINGERPRINT_CHARS);
	if (!err && which == 'm')
		FUZZ_CHECK(config.mqtt_host && config.mqtt_host[0] && config.mqtt_port);
	sim_config_fini(&config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);
	uint8_t which = fuzz_take_u8(&in);
	AUTO(free) char *text = fuzz_text(in);
	switch (which) {
	case '0':
	case '1':
	case '2':
		read_answer(in, (enum dialect)(which - '0'));
		break;
	case 'u':
	case 'm':
	case 'f':
		read_setting(which, text);
		break;
	case 'r':
		(void)retry_after_ms(text);
		break;
	default:
		read_problem(in);
	}
	return 0;
}
