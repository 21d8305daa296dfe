// Prints the alerts of a capture: detect CAPTURE RULES...
#include <iostream>
#include <peregrine.hpp>

int main(int argc, char **argv)
{
	if (argc < 3) {
		std::cerr << "usage: " << argv[0] << " CAPTURE RULES...\n";
		return 2;
	}
	peregrine::ruleset_builder builder;
	for (int i = 2; i < argc; i++)
		if (auto added = builder.add_path(argv[i]); !added) {
			std::cerr << added.message() << '\n';
			return 1;
		}
	auto rules = builder.build();
	if (!rules) {
		std::cerr << builder.report();
		return 1;
	}
	auto engine = peregrine::engine::create(rules.value());
	if (!engine) {
		std::cerr << engine.message() << '\n';
		return 1;
	}
	auto inspector = peregrine::inspector::open_file(argv[1]);
	if (!inspector) {
		std::cerr << inspector.message() << '\n';
		return 1;
	}
	auto format = peregrine::alert::default_format();
	format.time_format_iso_8601 = true;
	while (auto event = inspector.value().next())
		engine.value().process(event.value(),
				       [&](const peregrine::alert &alert) { std::cout << alert.json(format) << '\n'; });
	return 0;
}
