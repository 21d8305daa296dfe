/* Included by every C test: checks that report where they failed, and a main that runs the test named on the command line,
 * or all. */
#ifndef TEST_H
#define TEST_H

#define _GNU_SOURCE

#include <peregrine.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: not true: %s (last error: %s)\n", __FILE__, __LINE__, #condition,     \
				peregrine_last_error());                                                               \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define CHECK_STATUS(call, expected)                                                                                   \
	do {                                                                                                           \
		peregrine_status status_ = (call);                                                                     \
		if (status_ != (expected)) {                                                                           \
			fprintf(stderr, "%s:%d: %s gave %s (%s)\n", __FILE__, __LINE__, #call,                        \
				peregrine_status_name(status_), peregrine_last_error());                               \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#define CHECK_OK(call) CHECK_STATUS(call, PEREGRINE_STATUS_OK)

struct test {
	const char *name;
	void (*run)(void);
};

#define RUN(...)                                                                                                       \
	int main(int argc, char **argv)                                                                                \
	{                                                                                                              \
		static const struct test tests[] = {__VA_ARGS__};                                                      \
		size_t run = 0;                                                                                        \
		for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)                                              \
			if (argc < 2 || strcmp(argv[1], tests[i].name) == 0) {                                         \
				tests[i].run();                                                                        \
				run++;                                                                                 \
			}                                                                                              \
		if (run == 0)                                                                                          \
			fprintf(stderr, "no test of that name\n");                                                     \
		return run == 0;                                                                                       \
	}

/* The engine of a builder with its rules, which ends with this. The engine keeps the ruleset alive. */
static inline peregrine_engine *engine_of(peregrine_ruleset_builder *builder)
{
	peregrine_ruleset *ruleset = NULL;
	peregrine_engine *engine = NULL;

	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	CHECK_OK(peregrine_engine_new(ruleset, &engine));
	peregrine_ruleset_builder_free(builder);
	peregrine_ruleset_free(ruleset);
	return engine;
}

/* The capture that the tests read. */
static inline const char *capture_path(void)
{
	const char *path = getenv("PEREGRINE_TEST_CAPTURE");
	if (path == NULL) {
		fprintf(stderr, "PEREGRINE_TEST_CAPTURE is not set\n");
		exit(1);
	}
	return path;
}

/* A folder for files of this run. */
static inline const char *scratch(void)
{
	const char *path = getenv("PEREGRINE_TEST_FOLDER");
	if (path == NULL) {
		fprintf(stderr, "PEREGRINE_TEST_FOLDER is not set\n");
		exit(1);
	}
	return path;
}

/* Limits the size of files from here on, as on a full disk. */
static inline void fill_the_disk(uint64_t bytes)
{
	struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static inline peregrine_inspector *open_capture(void)
{
	peregrine_inspector *inspector = NULL;
	CHECK_OK(peregrine_inspector_open_file(capture_path(), NULL, &inspector));
	CHECK(inspector != NULL);
	return inspector;
}

static inline bool equals(peregrine_bytes bytes, const char *text)
{
	return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static inline bool contains(peregrine_bytes bytes, const char *text)
{
	return memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
}

#endif
