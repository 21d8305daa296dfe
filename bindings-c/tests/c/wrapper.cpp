// The C++ wrapper over every object: what C tests prove of the library is not proved again.
#include <cstdio>
#include <peregrine.hpp>
#include <type_traits>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);                 \
			return 1;                                                                                      \
		}                                                                                                      \
	} while (0)

static_assert(std::is_move_constructible_v<peregrine::inspector> && !std::is_copy_constructible_v<peregrine::inspector>);
static_assert(std::is_move_constructible_v<peregrine::engine> && !std::is_copy_constructible_v<peregrine::engine>);

int main()
{
	const char *capture = std::getenv("PEREGRINE_TEST_CAPTURE");
	const char *containers = std::getenv("PEREGRINE_TEST_CONTAINERS");
	const char *folder = std::getenv("PEREGRINE_TEST_FOLDER");
	CHECK(capture && containers && folder);

	// Failures are values.
	CHECK(!peregrine::inspector::open_file("/no/such/file"));
	CHECK(peregrine::inspector::open_file("/no/such/file").status() == PEREGRINE_STATUS_IO);
	CHECK(!peregrine::field::create("proc.nose"));
	CHECK(!peregrine::filter::create("proc.nose = a"));
	CHECK(!peregrine::line::create("%proc.nose"));

	peregrine::rules rules;
	CHECK(rules.add_text("rules", "- rule: one\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: debug\n"
				      "- rule: two\n  desc: d\n  condition: evt.type = close\n  output: o\n  priority: debug\n"));
	CHECK(rules.disable("*") && rules.enable("one"));
	auto engine = rules.load();
	CHECK(engine);

	auto opened = peregrine::inspector::open_file(capture);
	auto name = peregrine::field::create("proc.name");
	auto line = peregrine::line::create("*%proc.name");
	auto filter = peregrine::filter::create("evt.type = execve");
	CHECK(opened && name && line && filter);
	peregrine::inspector inspector = std::move(opened).value();
	CHECK(inspector.dump_begin(std::string(folder) + "/wrapper.scap", true, true));
	size_t matched = 0, called = 0, named = 0, taken = 0;
	while (auto next = inspector.next()) {
		const peregrine::event &event = next.value();
		if (filter.value().matches(event)) {
			matched++;
			CHECK(event.dump() == PEREGRINE_STATUS_OK);
		}
		auto text = name.value().text(event);
		if (text && !text->empty()) {
			CHECK(line.value().text(event) == text && event.text("proc.name") == text);
			CHECK(event.thread() && inspector.thread(event.thread()->tid));
			named++;
		}
		CHECK(engine.value().process(event, [&](const peregrine_alert &alert) {
			called += peregrine::view(alert.rule) == "one";
		}) == PEREGRINE_STATUS_OK);
		CHECK(engine.value().process(event) == PEREGRINE_STATUS_OK);
	}
	while (const peregrine_alert *alert = engine.value().next_alert())
		taken += peregrine::view(alert->rule) == "one";
	CHECK(matched > 0 && matched == called && matched == taken && named > 1000);
	CHECK(engine.value().stats().alerts == 2 * matched && inspector.stats().delivered > 1000);
	CHECK(inspector.dump_end());
	CHECK(!inspector.dump_end());

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
	return 0;
}
