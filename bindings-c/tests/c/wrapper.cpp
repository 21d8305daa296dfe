// The C++ wrapper over every object. Properties that the C tests check are not tested again.
#include <cerrno>
#include <cstdio>
#include <peregrine.hpp>
#include <type_traits>
#include <vector>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                 \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

static_assert(std::is_move_constructible_v<peregrine::inspector> && !std::is_copy_constructible_v<peregrine::inspector>);
static_assert(std::is_move_constructible_v<peregrine::engine> && !std::is_copy_constructible_v<peregrine::engine>);

static_assert(std::is_move_constructible_v<peregrine::plugins> && !std::is_copy_constructible_v<peregrine::plugins>);

static int with_plugins()
{
	auto plugins = peregrine::plugins::create();
	if (!(peregrine_features() & PEREGRINE_FEATURE_PLUGINS)) {
		CHECK(!plugins && plugins.status() == PEREGRINE_STATUS_UNSUPPORTED);
		return 0;
	}
	const char *folder = std::getenv("PEREGRINE_TEST_PLUGINS");
	CHECK(folder && plugins);
	CHECK(plugins.value().add(std::string(folder) + "/libcounter.so", "", "10"));
	CHECK(!plugins.value().add("/no/such/plugin.so"));
	CHECK(peregrine::view(plugins.value().info(0)->name) == "counter" && !plugins.value().info(1));

	peregrine::ruleset_builder builder;
	CHECK(builder.set_plugins(plugins.value()));
	CHECK(builder.add_text("rules", "- rule: even\n  desc: d\n  condition: counter.even = true\n"
				      "  output: '%counter.value'\n  priority: debug\n  source: counter\n"));
	auto rules = builder.build();
	CHECK(rules);
	auto engine = peregrine::engine::create(rules.value());
	CHECK(engine && !peregrine::plugin_source::open(plugins.value(), "nowhere"));
	auto source = peregrine::plugin_source::open(plugins.value(), "counter");
	CHECK(source);
	std::string values;
	uint64_t events = 0;
	for (;;) {
		auto next = source.value().next();
		if (next.status() == PEREGRINE_STATUS_IDLE)
			continue;
		if (!next)
			break;
		CHECK(next.value().number == ++events);
		CHECK(engine.value().process_plugin(source.value(), [&](const peregrine::alert &alert) {
			values += std::string(alert.message()) + ",";
		}) == PEREGRINE_STATUS_OK);
	}
	CHECK(events == 10 && values == "2,4,6,8,10,");
	return 0;
}

int main()
{
	const char *capture = std::getenv("PEREGRINE_TEST_CAPTURE");
	const char *containers = std::getenv("PEREGRINE_TEST_CONTAINERS");
	const char *folder = std::getenv("PEREGRINE_TEST_FOLDER");
	CHECK(capture && containers && folder);

	// Failures are values.
	CHECK(!peregrine::inspector::open_file("/no/such/file"));
	CHECK(peregrine::inspector::open_file("/no/such/file").status() == PEREGRINE_STATUS_IO);
	CHECK(peregrine::inspector::open_file("/no/such/file").code() == ENOENT);
	CHECK(!peregrine::field::create("proc.nose"));
	CHECK(!peregrine::filter::create("proc.nose = a"));
	CHECK(!peregrine::line::create("%proc.nose"));

	peregrine::ruleset_builder builder;
	CHECK(builder.add_text("rules", "- rule: one\n  desc: d\n  condition: evt.type = execve\n  output: o %proc.pid\n  priority: debug\n"
				      "- rule: two\n  desc: d\n  condition: evt.type = close\n  output: o\n  priority: debug\n"));
	CHECK(builder.enable("*", false) && builder.enable("one"));
	auto rules = builder.build();
	CHECK(rules && rules.value().rule(0)->priority == PEREGRINE_PRIORITY_DEBUG && !rules.value().rule(2));
	auto engine = peregrine::engine::create(rules.value());
	CHECK(engine && engine.value().set_ruleset(rules.value()) == PEREGRINE_STATUS_OK);

	auto opened = peregrine::inspector::open_file(capture);
	auto name = peregrine::field::create("proc.name");
	auto line = peregrine::line::create("*%proc.name");
	auto filter = peregrine::filter::create("evt.type = execve");
	CHECK(opened && name && line && filter);
	peregrine::inspector inspector = std::move(opened).value();
	CHECK(inspector.start_recording(std::string(folder) + "/wrapper.scap", true, true));
	size_t matched = 0, called = 0, named = 0, taken = 0, typed = 0;
	std::vector<peregrine::owned_alert> kept;
	while (auto next = inspector.next()) {
		const peregrine::event &event = next.value();
		if (filter.value().matches(event)) {
			matched++;
			CHECK(event.record() == PEREGRINE_STATUS_OK);
		}
		auto text = name.value().text(event);
		if (text && !text->empty()) {
			CHECK(line.value().text(event) == text && event.text("proc.name") == text);
			CHECK(event.thread() && inspector.thread(event.thread()->tid));
			named++;
		}
		CHECK(engine.value().process(event, [&](const peregrine::alert &alert) {
			called += alert.rule() == "one" && alert.text().find(alert.message()) != std::string_view::npos;
			auto pid = alert.field("proc.pid");
			typed += pid && pid->value.kind == PEREGRINE_VALUE_KIND_INT64 && alert.field(size_t{0})->has_value;
			if (kept.empty())
				kept.push_back(std::move(peregrine::owned_alert::create(alert)).value());
		}) == PEREGRINE_STATUS_OK);
		CHECK(engine.value().process(event) == PEREGRINE_STATUS_OK);
	}
	while (auto alert = engine.value().next_alert())
		taken += alert->rule() == "one";
	CHECK(typed == called && kept.size() == 1 && !kept[0].get().note(0) && kept[0].add_note("team", "ops"));
	CHECK(peregrine::view(kept[0].get().note(0)->name) == "team");
	CHECK(kept[0].get().json().find("\"team\":\"ops\"") != std::string_view::npos);
	CHECK(matched > 0 && matched == called && matched == taken && named > 1000);
	CHECK(engine.value().stats().alerts == 2 * matched && inspector.stats().delivered > 1000);
	CHECK(inspector.stop_recording());
	CHECK(!inspector.stop_recording());

	// A source of the caller's own, which starts with the state of another inspector.
	auto from = peregrine::inspector::open_file(capture);
	CHECK(from);
	auto relayed = peregrine::inspector::open_callback(
		[&](peregrine_raw_event &out) {
			auto next = from.value().next();
			return next ? peregrine_event_raw(next.value().raw(), &out) : next.status();
		},
		peregrine::inspector::defaults(), &from.value());
	CHECK(relayed);
	size_t forwarded = 0;
	while (auto next = relayed.value().next())
		forwarded += next.value().text("proc.name").has_value();
	CHECK(forwarded > 1000);

	auto contained = peregrine::inspector::open_file(containers);
	CHECK(contained);
	peregrine_container shop{};
	shop.size = sizeof shop;
	shop.id = "0123456789ab";
	shop.name = "shop";
	CHECK(contained.value().set_container_callback(
		[&](std::string_view id) { return id == shop.id ? &shop : nullptr; }));
	// The callback goes where the inspector goes.
	peregrine::inspector moved = std::move(contained).value();
	size_t shops = 0;
	while (auto next = moved.next())
		shops += next.value().text("container.name") == "shop";
	CHECK(shops == 4);
	CHECK(moved.remove_container("0123456789ab") && !moved.remove_container("0123456789ab"));
	CHECK(moved.insert_container(shop));
	return with_plugins();
}
