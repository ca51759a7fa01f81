// SPDX-License-Identifier: Apache-2.0
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/config.h"

#define FINGERPRINT "8f82d97e4cbf535a4dcc4c07ac0cabe9c211058d2af0054283d4180df60838c0"
#define SERVER_KEY  "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="

// The variables of the runbook, and nothing else.
#define RUNBOOK                                                                                    \
	"STEP_CA_URL=https://tenant-step-ca:9000", "STEP_CA_FINGERPRINT=" FINGERPRINT,             \
		"STEP_CA_PROVISIONER_NAME=iot-bridge", "STEP_CA_PROVISIONER_PASSWORD=s3cret",      \
		"WG_SUBNET=10.8.0.0/24", "WG_SERVER_ENDPOINT=vpn.example.com:51820",               \
		"WG_SERVER_PUBLIC_KEY=" SERVER_KEY

static struct config config;
static struct buf problems;

static void
setup(void)
{
	buf_init(&problems, 64 * 1024);
}

static void
teardown(void)
{
	config_fini(&config);
	buf_fini(&problems);
}

TestSuite(config, .init = setup, .fini = teardown);

static const char *
said(void)
{
	return problems.data ? (const char *)problems.data : "";
}

Test(config, runbooks_variables_are_enough)
{
	static const char *const env[] = {RUNBOOK, "PATH=/bin", "HOME=/root", NULL};
	cr_assert(eq(sz, config_load(&config, env, &problems), 0), "%s", said());
	cr_expect(eq(str, config.step_ca_url, "https://tenant-step-ca:9000"));
	cr_expect(eq(uint, config.step_ca_timeout_ms, 10000));
	cr_expect(eq(int, config.tls, CONFIG_TLS_AUTO));
	cr_expect(eq(u32, config.wg_pool.network, 0x0a080000));
	cr_expect(eq(str, config.db_path, "/var/lib/iot-bridge/bridge.db"));
	cr_expect(config.hawkbit_url == NULL);
	cr_expect(secret_is_set(&config.admin_token) == false);
	cr_expect(eq(int, addr_port(&config.listen), 8443));
}

Test(config, every_problem_is_told_at_once)
{
	static const char *const env[] = {
		"STEP_CA_URL=http://ca:9000", "STEP_CA_FINGERPRINT=abc123", "WG_SUBNET=10.8.0.1/24",
		"WG_SERVER_ENDPOINT=vpn",     "WG_SERVER_PUBLIC_KEY=nokey", NULL,
	};
	cr_expect(eq(sz, config_load(&config, env, &problems), 6), "%s", said());
	static const char *const words[] = {
		"STEP_CA_URL", "STEP_CA_FINGERPRINT",	 "STEP_CA_PROVISIONER_PASSWORD is not set",
		"10.8.0.0/24", "WG_SERVER_ENDPOINT=vpn", "WG_SERVER_PUBLIC_KEY=nokey",
	};
	for (size_t i = 0; i < N_ELEMENTS(words); i++)
		cr_expect(strstr(said(), words[i]) != NULL, "%s is not in:\n%s", words[i], said());
}

Test(config, bad_values_are_refused_by_name)
{
	static const struct {
		const char *entry;
		const char *words;
	} rows[] = {
		{"BRIDGE_LISTEN=nowhere",		  "BRIDGE_LISTEN=nowhere"		 },
		{"BRIDGE_TLS=on",			  "auto, off or files:"		       },
		{"BRIDGE_TLS=files:a.pem",		   "files:CERT,KEY"			   },
		{"BRIDGE_DB=postgresql://db/x?colour=1",	 "BRIDGE_DB=postgresql://db/x"	      },
		{"BRIDGE_DB_FILE=/no/such/file",		 "BRIDGE_DB_FILE: "		   },
		{"BRIDGE_DB=mysql://db",			 "BRIDGE_DB=mysql://db"	       },
		{"WG_SERVER=/run/wg0.sock",		    "must be one of uapi:/path"	       },
		{"WG_SERVER=uapi:wg0",		       "must be uapi:/path"		   },
		{"WG_SERVER=wg:",			  "WG_SERVER=wg:: must be wg:INTERFACE"},
		{"WG_SERVER=wg:a/b",			     "must be wg:INTERFACE"		   },
		{"WG_SERVER=wg:a234567890123456",	  "a name of 1 to 15"		     },
		{"WG_SERVER=wg:all",			     "is a word of wg(8)"		 },
		{"WG_SERVER=wg:-x",			    "must be wg:INTERFACE"		  },
		{"WG_SERVER=file:wg0.conf",		    "must be file:/path"			},
		{"WG_SERVER=file:/etc/wireguard/",	   "must be file:/path"		       },
		{"STEP_CA_TIMEOUT=0",		      "from 1 to 300"			     },
		{"STEP_CA_TIMEOUT=10s",			"from 1 to 300"		       },
		{"ENROLL_RATE=many",			     "from 0 to 100000"		       },
		{"HAWKBIT_URL=hawkbit:8080",		     "https://host:port"			},
		{"HAWKBIT_URL=http://u:p@hawkbit",	   "without user"			 },
		{"WEBHOOK_UNKNOWN_DEVICES=maybe",	  "provision or ignore"		       },
		{"ENROLL_REENROLL=never",		  "allow or deny"			 },
		{"BRIDGE_LISTNE=127.0.0.1:1",	      "did you mean BRIDGE_LISTEN?"	   },
		{"WG_SERVER_PUBLICKEY=x",		  "did you mean WG_SERVER_PUBLIC_KEY?" },
		{"ENROLL_COLOUR_OF_THE_CASE=red",	  "not a variable of the bridge"	},
		{"BRIDGE_LISTEN_FILE=/x",		  "not a variable of the bridge"	},
		{"BRIDGE_ADMIN_TOKEN_FILE=/no/such/file", "BRIDGE_ADMIN_TOKEN_FILE"		   },
	};
	for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
		const char *env[] = {RUNBOOK, "HAWKBIT_USER=admin", "HAWKBIT_PASSWORD=admin",
				     rows[i].entry, NULL};
		buf_clear(&problems);
		cr_expect(eq(sz, config_load(&config, env, &problems), 1), "%s", rows[i].entry);
		cr_expect(strstr(said(), rows[i].words) != NULL, "%s: %s", rows[i].entry, said());
		config_fini(&config);
	}
}

static const char *
shown(void)
{
	static char text[8192];
	FILE *f = tmpfile();
	cr_assert(f != NULL);
	config_print_values(f, &config);
	rewind(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

Test(config, the_password_of_the_database_is_never_shown)
{
	const char *env[] = {RUNBOOK, "BRIDGE_DB=postgresql://bridge:geheim@db:6432/iot", NULL};
	cr_assert(eq(sz, config_load(&config, env, &problems), 0), "%s", said());
	cr_expect_str_eq(config.db_path, "postgresql://bridge:geheim@db:6432/iot");
	cr_expect(strstr(shown(), "BRIDGE_DB=postgresql://bridge@db:6432/iot\n") != NULL, "%s",
		  shown());
	cr_expect(strstr(shown(), "geheim") == NULL);
	config_fini(&config);
	static const char *const bad[] = {
		"BRIDGE_DB=postgresql://bridge:ge%heim@db/iot",
		"BRIDGE_DB=postgresql://bridge:geheim@db/iot?sslmod=require",
		"BRIDGE_DB=postgre://bridge:geheim@db/iot",
		"BRIDGE_DB=postgresql://db/iot?password=geheim&colour=1",
	};
	for (size_t i = 0; i < N_ELEMENTS(bad); i++) {
		const char *broken[] = {RUNBOOK, bad[i], NULL};
		buf_clear(&problems);
		cr_expect(eq(sz, config_load(&config, broken, &problems), 1), "%s", bad[i]);
		cr_expect(strstr(said(), "BRIDGE_DB: ") != NULL, "%s", said());
		cr_expect(strstr(said(), "heim") == NULL, "%s", said());
		config_fini(&config);
	}
}

Test(config, url_of_another_system_needs_its_credentials)
{
	static const char *const env[] = {RUNBOOK, "THINGSBOARD_URL=http://tb:8080/", NULL};
	cr_expect(eq(sz, config_load(&config, env, &problems), 2), "%s", said());
	cr_expect(strstr(said(), "THINGSBOARD_USER") != NULL);
	cr_expect(strstr(said(), "THINGSBOARD_PASSWORD") != NULL);
	cr_expect(eq(str, config.thingsboard_url, "http://tb:8080"));
}

Test(config, empty_value_counts_as_unset)
{
	static const char *const env[] = {RUNBOOK, "HAWKBIT_URL=", "BRIDGE_LISTEN=", NULL};
	cr_expect(eq(sz, config_load(&config, env, &problems), 0), "%s", said());
	cr_expect(config.hawkbit_url == NULL);
	cr_expect(eq(str, config.listen_text, "127.0.0.1:8443"));
}

Test(config, fingerprint_is_taken_as_tools_print_it)
{
	static const char *const env[] = {
		"STEP_CA_FINGERPRINT=8F:82:D9:7E:4C:BF:53:5A:4D:CC:4C:07:AC:0C:AB:E9:C2:11:05:8D:2A:F0:05:42:"
		"83:D4:18:0D:F6:08:38:C0",
		"STEP_CA_URL=https://ca",
		"STEP_CA_PROVISIONER_PASSWORD=x",
		"WG_SUBNET=10.0.0.0/8",
		"WG_SERVER_ENDPOINT=[fd00::1]:51820",
		"WG_SERVER_PUBLIC_KEY=" SERVER_KEY,
		NULL};
	cr_expect(eq(sz, config_load(&config, env, &problems), 0), "%s", said());
	cr_expect(eq(str, config.step_ca_fingerprint, FINGERPRINT));
}

Test(config, secret_comes_from_a_file_but_not_from_two_places)
{
	char path[] = "/tmp/test_config_XXXXXX";
	int fd = mkstemp(path);
	cr_assert(fd >= 0);
	cr_assert(write(fd, "from-file\nrest\n", 15) == 15);
	close(fd);
	char entry[128];
	snprintf(entry, sizeof(entry), "BRIDGE_ADMIN_TOKEN_FILE=%s", path);
	const char *one[] = {RUNBOOK, entry, NULL};
	cr_expect(eq(sz, config_load(&config, one, &problems), 0), "%s", said());
	cr_expect(secret_equal(&config.admin_token, BYTES_STR("from-file")));
	config_fini(&config);
	const char *two[] = {RUNBOOK, entry, "BRIDGE_ADMIN_TOKEN=direct", NULL};
	cr_expect(eq(sz, config_load(&config, two, &problems), 1));
	cr_expect(strstr(said(), "both set") != NULL, "%s", said());
	unlink(path);
}

// Whatever is printed for people must not hold a secret.
Test(config, no_secret_is_ever_shown)
{
	static const char *const env[] = {RUNBOOK,
					  "BRIDGE_ADMIN_TOKEN=t0psecret1",
					  "BRIDGE_WEBHOOK_TOKEN=t0psecret2",
					  "HAWKBIT_URL=http://h",
					  "HAWKBIT_USER=admin",
					  "HAWKBIT_PASSWORD=t0psecret3",
					  "WG_SERVER=bad",
					  NULL};
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	cr_expect(eq(sz, config_load(&config, env, &problems), 1));
	config_print_values(out, &config);
	config_print_help(out);
	fclose(out);
	cr_expect(strstr(text, "BRIDGE_ADMIN_TOKEN=(set)") != NULL, "%s", text);
	cr_expect(strstr(text, "HAWKBIT_USER=admin") != NULL);
	cr_expect(strstr(text, "t0psecret") == NULL);
	cr_expect(strstr(text, "s3cret") == NULL);
	cr_expect(strstr(said(), "s3cret") == NULL);
	free(text);
}
