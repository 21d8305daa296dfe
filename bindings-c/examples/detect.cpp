// Prints the alerts of a capture: detect CAPTURE RULES...
#include <iostream>
#include <peregrine.hpp>

int main(int argc, char **argv)
{
	if (argc < 3) {
		std::cerr << "usage: " << argv[0] << " CAPTURE RULES...\n";
		return 2;
	}
	peregrine::rules rules;
	for (int i = 2; i < argc; i++)
		if (auto added = rules.add_path(argv[i]); !added) {
			std::cerr << added.message() << '\n';
			return 1;
		}
	auto options = peregrine::engine::defaults();
	options.json_output = true;
	options.time_format_iso_8601 = true;
	auto engine = rules.load(options);
	if (!engine) {
		std::cerr << rules.report();
		return 1;
	}
	auto inspector = peregrine::inspector::open_file(argv[1]);
	if (!inspector) {
		std::cerr << inspector.message() << '\n';
		return 1;
	}
	while (auto event = inspector.value().next())
		engine.value().process(event.value(),
				       [](const peregrine_alert &alert) { std::cout << peregrine::view(alert.text) << '\n'; });
	return 0;
}
