#include "test.h"

/* The folder of the plugins that the tests build. */
static const char *plugin(const char *name)
{
	static char path[4096];
	const char *folder = getenv("PEREGRINE_TEST_PLUGINS");
	CHECK(folder != NULL && snprintf(path, sizeof path, "%s/lib%s.so", folder, name) < (int)sizeof path);
	return path;
}

/* Without the feature there are no plugins, which is an error that says so. */
static bool absent(void)
{
	peregrine_plugins *plugins = NULL;

	if (peregrine_features() & PEREGRINE_FEATURE_PLUGINS)
		return false;
	CHECK_STATUS(peregrine_plugins_new(&plugins), PEREGRINE_STATUS_UNSUPPORTED);
	CHECK(plugins == NULL && strstr(peregrine_last_error(), "built without plugins") != NULL);
	peregrine_plugins_free(NULL);
	peregrine_plugin_source_free(NULL);
	return true;
}

static peregrine_plugins *load(const char *config, const char *params)
{
	peregrine_plugins *plugins = NULL;

	CHECK_OK(peregrine_plugins_new(&plugins));
	CHECK_OK(peregrine_plugins_add(plugins, plugin("counter"), NULL, params));
	CHECK_OK(peregrine_plugins_add(plugins, plugin("seen"), config, NULL));
	return plugins;
}

static const char RULES[] = "- required_plugin_versions:\n"
			    "  - name: counter\n"
			    "    version: 1.2.0\n"
			    "- rule: even\n"
			    "  desc: d\n"
			    "  condition: counter.even = true\n"
			    "  output: '%counter.value'\n"
			    "  priority: notice\n"
			    "  source: counter\n"
			    "- rule: exec\n"
			    "  desc: d\n"
			    "  condition: evt.type = execve and seen.value exists\n"
			    "  output: seen %seen.value\n"
			    "  priority: notice\n";

static peregrine_engine *build(const peregrine_plugins *plugins)
{
	peregrine_ruleset_builder *builder = NULL;

	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_set_plugins(builder, plugins));
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "r.yaml", (const uint8_t *)RULES, sizeof RULES - 1));
	return engine_of(builder);
}

static void describes(void)
{
	peregrine_plugin_info info = {.size = sizeof info};

	if (absent())
		return;
	peregrine_plugins *plugins = load(NULL, NULL);
	CHECK_OK(peregrine_plugins_info(plugins, 0, &info));
	CHECK(equals(info.name, "counter") && equals(info.description, "Counts.") && equals(info.source, "counter"));
	CHECK(info.version[0] == 1 && info.version[1] == 2 && info.version[2] == 3 && info.nfields == 10);
	CHECK_OK(peregrine_plugins_info(plugins, 1, &info));
	CHECK(equals(info.name, "seen") && info.source.len == 0 && info.nfields == 1);
	CHECK_STATUS(peregrine_plugins_info(plugins, 2, &info), PEREGRINE_STATUS_END);
	info.size = 0;
	CHECK_STATUS(peregrine_plugins_info(plugins, 0, &info), PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_plugins_free(plugins);
}

static void count(void *userdata, const peregrine_alert *alert)
{
	CHECK(equals(alert->rule, "even") && equals(alert->source, "counter"));
	++*(int *)userdata;
}

static void evaluates_their_events(void)
{
	static const char *payloads[] = {"1", "2", "3", "4", "5"};
	peregrine_plugin_source *source = NULL;
	peregrine_plugin_event event = {.size = sizeof event};
	peregrine_status status;
	peregrine_engine_stats stats = {.size = sizeof stats};
	int alerts = 0, events = 0;

	if (absent())
		return;
	peregrine_plugins *plugins = load(NULL, "5");
	peregrine_engine *engine = build(plugins);
	CHECK_OK(peregrine_plugin_source_open(plugins, "counter", &source));
	/* The others keep them. */
	peregrine_plugins_free(plugins);
	CHECK_STATUS(peregrine_engine_process_plugin(engine, source, count, &alerts), PEREGRINE_STATUS_MISSING);
	while ((status = peregrine_plugin_source_next(source, &event)) != PEREGRINE_STATUS_END) {
		if (status == PEREGRINE_STATUS_IDLE)
			continue;
		CHECK_STATUS(status, PEREGRINE_STATUS_OK);
		CHECK(event.number == (uint64_t)events + 1 && event.timestamp > 0 && !event.is_async);
		CHECK(equals(event.payload, payloads[events++]));
		CHECK_OK(peregrine_engine_process_plugin(engine, source, count, &alerts));
	}
	CHECK(events == 5 && alerts == 2);
	CHECK_STATUS(peregrine_engine_process_plugin(engine, source, count, &alerts), PEREGRINE_STATUS_MISSING);
	CHECK_OK(peregrine_engine_get_stats(engine, &stats));
	CHECK(stats.events == 5 && stats.alerts == 2);
	peregrine_plugin_source_free(source);
	peregrine_engine_free(engine);
}

static void extracts_fields_of_system_calls(void)
{
	peregrine_inspector_options options = {.size = sizeof options};
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	const peregrine_alert *alert = NULL;
	int alerts = 0;

	if (absent())
		return;
	peregrine_plugins *plugins = load(NULL, NULL);
	peregrine_engine *engine = build(plugins);
	options.plugins = plugins;
	CHECK_OK(peregrine_inspector_open_file(capture_path(), &options, &inspector));
	peregrine_plugins_free(plugins);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, NULL, NULL));
	for (; peregrine_engine_next_alert(engine, &alert) == PEREGRINE_STATUS_OK; alerts++)
		CHECK(equals(alert->rule, "exec"));
	CHECK(alerts > 0);
	peregrine_inspector_free(inspector);
	/* Without the plugins in the inspector their fields have no values. */
	inspector = open_capture();
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, NULL, NULL));
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
}

static void says_what_is_wrong(void)
{
	peregrine_inspector_options options = {.size = sizeof options};
	peregrine_ruleset_builder *builder = NULL;
	peregrine_inspector *inspector = NULL;
	peregrine_plugin_source *source = NULL;
	peregrine_plugin_event event = {0};

	if (absent())
		return;
	peregrine_plugins *plugins = load("refuse", "x");
	CHECK_STATUS(peregrine_plugins_add(plugins, "/nonexistent.so", NULL, NULL), PEREGRINE_STATUS_PLUGIN);
	CHECK(strstr(peregrine_last_error(), "cannot load plugin /nonexistent.so") != NULL);
	CHECK_STATUS(peregrine_plugins_add(plugins, NULL, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_plugin_source_open(plugins, "nowhere", &source), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_plugin_source_open(plugins, "counter", &source), PEREGRINE_STATUS_PLUGIN);
	CHECK(strcmp(peregrine_last_error(), "plugin counter: `plugin_open` failed: cannot open x") == 0);
	CHECK_STATUS(peregrine_plugins_add(plugins, plugin("seen"), NULL, NULL), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK(strstr(peregrine_last_error(), "used already") != NULL);
	options.plugins = plugins;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_PLUGIN);
	CHECK(strstr(peregrine_last_error(), "plugin seen: `plugin_init` failed") != NULL);
	CHECK(source == NULL && inspector == NULL);
	peregrine_plugins_free(plugins);

	/* Two of one name; the builder stays usable. */
	CHECK_OK(peregrine_plugins_new(&plugins));
	CHECK_OK(peregrine_plugins_add(plugins, plugin("counter"), NULL, "2"));
	CHECK_OK(peregrine_plugins_add(plugins, plugin("counter"), NULL, "2"));
	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_STATUS(peregrine_ruleset_builder_set_plugins(builder, plugins), PEREGRINE_STATUS_PLUGIN);
	CHECK_STATUS(peregrine_ruleset_builder_set_plugins(builder, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_ruleset_builder_free(builder);
	peregrine_plugins_free(plugins);

	plugins = load(NULL, "1");
	peregrine_plugins *others = load(NULL, "1");
	peregrine_engine *engine = build(others);
	CHECK_OK(peregrine_plugin_source_open(plugins, "counter", &source));
	CHECK_STATUS(peregrine_plugin_source_next(source, &event), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_engine_process_plugin(engine, source, NULL, NULL), PEREGRINE_STATUS_PLUGIN);
	CHECK(strstr(peregrine_last_error(), "plugins other than those") != NULL);
	CHECK_STATUS(peregrine_plugin_source_next(NULL, &event), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_plugin_source_next(source, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_plugin_source_free(source);
	peregrine_engine_free(engine);
	peregrine_plugins_free(others);
	peregrine_plugins_free(plugins);
}

RUN({"describes", describes}, {"evaluates_their_events", evaluates_their_events},
    {"extracts_fields_of_system_calls", extracts_fields_of_system_calls}, {"says_what_is_wrong", says_what_is_wrong})
