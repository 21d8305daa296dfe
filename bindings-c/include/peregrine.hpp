/*
 * Peregrine for C++17: ownership by scope over peregrine.h, and nothing else to link.
 *
 * Every class owns one handle: it can be moved, not copied, and frees the handle at the end of its scope. Calls that can fail
 * return a peregrine::result: a value, or a status with a message. With PEREGRINE_EXCEPTIONS defined, result::value() of a
 * failure throws peregrine::error; otherwise it aborts, so test the result first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef PEREGRINE_HPP
#define PEREGRINE_HPP

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#ifdef PEREGRINE_EXCEPTIONS
#include <stdexcept>
#endif

#include "peregrine.h"

namespace peregrine {

/* The reason why a call failed. */
struct failure {
	peregrine_status status = PEREGRINE_STATUS_OK;
	std::string message;
	/* The errno of the system call that failed; 0 if none did. */
	int code = 0;
};

#ifdef PEREGRINE_EXCEPTIONS
struct error : std::runtime_error {
	explicit error(failure why) : std::runtime_error(why.message), status(why.status) {}
	peregrine_status status;
};
#endif

/* A value, or the reason why there is none. */
template <typename T> class result {
public:
	result(T value) : value_(std::move(value)) {}
	result(failure why) : why_(std::move(why)) {}

	explicit operator bool() const { return value_.has_value(); }
	peregrine_status status() const { return why_.status; }
	const std::string &message() const { return why_.message; }
	int code() const { return why_.code; }

	T &value() &
	{
		check();
		return *value_;
	}

	T &&value() &&
	{
		check();
		return std::move(*value_);
	}

private:
	void check() const
	{
		if (value_)
			return;
#ifdef PEREGRINE_EXCEPTIONS
		throw error(why_);
#else
		std::abort();
#endif
	}

	std::optional<T> value_;
	failure why_;
};

inline failure last_failure(peregrine_status status)
{
	return {status, peregrine_last_error(), peregrine_last_errno()};
}

inline std::string_view view(peregrine_bytes bytes)
{
	return {reinterpret_cast<const char *>(bytes.data), bytes.len};
}

namespace detail {
template <typename T, void (*Free)(T *)> struct deleter {
	void operator()(T *handle) const { Free(handle); }
};
template <typename T, void (*Free)(T *)> using owner = std::unique_ptr<T, deleter<T, Free>>;
} // namespace detail

/* An event, valid until the next one is requested from its inspector. */
class event {
public:
	explicit event(peregrine_event raw) : raw_(raw) {}

	peregrine_event raw() const { return raw_; }

	peregrine_event_info info() const
	{
		peregrine_event_info info{};
		info.size = sizeof info;
		if (peregrine_event_get_info(raw_, &info) != PEREGRINE_STATUS_OK)
			info.name = {reinterpret_cast<const uint8_t *>(""), 0};
		return info;
	}

	std::string_view name() const { return view(info().name); }

	std::optional<peregrine_param> param(uint32_t index) const
	{
		peregrine_param param{};
		param.size = sizeof param;
		if (peregrine_event_param(raw_, index, &param) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return param;
	}

	std::optional<peregrine_thread> thread() const
	{
		peregrine_thread thread{};
		thread.size = sizeof thread;
		if (peregrine_event_thread(raw_, &thread) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return thread;
	}

	/* A field by its name, as text. For a field that is read from many events, use peregrine::field. */
	std::optional<std::string_view> text(const std::string &field) const
	{
		peregrine_bytes bytes;
		if (peregrine_event_text_by_name(raw_, field.c_str(), &bytes) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return view(bytes);
	}

	/* Selects the event for a recording that keeps selected events only. */
	peregrine_status record() const { return peregrine_event_record(raw_); }

private:
	peregrine_event raw_;
};

namespace detail {
/* Converts the status of a call without a value. */
inline result<bool> done(peregrine_status status)
{
	if (status != PEREGRINE_STATUS_OK)
		return last_failure(status);
	return true;
}
} // namespace detail

/* Events of a source with the state of the host. */
class inspector {
public:
	/* Options of an inspector, all defaults. */
	static peregrine_inspector_options defaults()
	{
		peregrine_inspector_options options{};
		options.size = sizeof options;
		return options;
	}

	static result<inspector> open_file(const std::string &path, const peregrine_inspector_options &options = defaults())
	{
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_file(path.c_str(), &options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* The file descriptor is duplicated. */
	static result<inspector> open_fd(int fd, const peregrine_inspector_options &options = defaults())
	{
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_fd(fd, &options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	static result<inspector> open_memory(std::string_view data, const peregrine_inspector_options &options = defaults())
	{
		peregrine_inspector *handle = nullptr;
		auto bytes = reinterpret_cast<const uint8_t *>(data.data());
		peregrine_status status = peregrine_inspector_open_memory(bytes, data.size(), &options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* A source of the caller's own. `next(peregrine_raw_event &)` returns a peregrine_status; see peregrine_next_callback. It is
	 * destroyed with the inspector. */
	static result<inspector> open_callback(std::function<peregrine_status(peregrine_raw_event &)> next,
					       const peregrine_inspector_options &options = defaults(),
					       const inspector *initial_state = nullptr)
	{
		using function = std::function<peregrine_status(peregrine_raw_event &)>;
		peregrine_callback_source source{};
		source.size = sizeof source;
		source.next = [](void *userdata, peregrine_raw_event *event) -> int32_t {
			return (*static_cast<function *>(userdata))(*event);
		};
		source.release = [](void *userdata) { delete static_cast<function *>(userdata); };
		source.initial_state = initial_state ? initial_state->get() : nullptr;
		source.userdata = new function(std::move(next));
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_callback(&source, &options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* Live capture on this host. */
	static result<inspector> open_live(const peregrine_live_options *live = nullptr,
					   const peregrine_inspector_options &options = defaults())
	{
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_live(live, &options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* The next event. An empty result has the status END, IDLE or an error. */
	result<event> next()
	{
		peregrine_event raw;
		peregrine_status status = peregrine_inspector_next(handle_.get(), &raw);
		if (status == PEREGRINE_STATUS_OK)
			return event(raw);
		if (status == PEREGRINE_STATUS_END || status == PEREGRINE_STATUS_IDLE)
			return failure{status, {}, 0};
		return last_failure(status);
	}

	std::optional<peregrine_thread> thread(int64_t tid) const
	{
		peregrine_thread thread{};
		thread.size = sizeof thread;
		if (peregrine_inspector_thread(handle_.get(), tid, &thread) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return thread;
	}

	peregrine_inspector_stats stats() const
	{
		peregrine_inspector_stats stats{};
		stats.size = sizeof stats;
		if (peregrine_inspector_get_stats(handle_.get(), &stats) != PEREGRINE_STATUS_OK)
			stats = {};
		return stats;
	}

	/* Records what is read from the next event on, until stop_recording() or the end of the inspector. */
	result<bool> start_recording(const std::string &path, bool gzip = false, bool selected_only = false)
	{
		peregrine_recording_options options{};
		options.size = sizeof options;
		options.gzip = gzip;
		options.selected_only = selected_only;
		return detail::done(peregrine_inspector_start_recording(handle_.get(), path.c_str(), &options));
	}

	/* Stops the recording; returns the number of events written. */
	result<uint64_t> stop_recording()
	{
		uint64_t events = 0;
		peregrine_status status = peregrine_inspector_stop_recording(handle_.get(), &events);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return events;
	}

	/* The current event is stale after these three. */
	result<bool> insert_container(const peregrine_container &container)
	{
		return detail::done(peregrine_inspector_insert_container(handle_.get(), &container));
	}

	result<bool> remove_container(std::string_view id)
	{
		auto bytes = reinterpret_cast<const uint8_t *>(id.data());
		return detail::done(peregrine_inspector_remove_container(handle_.get(), bytes, id.size()));
	}

	/* `callback(std::string_view id)` returns a `const peregrine_container *`, NULL if nothing is known (yet). */
	result<bool> set_container_callback(std::function<const peregrine_container *(std::string_view)> callback)
	{
		auto call = [](void *userdata, peregrine_bytes id) {
			return (*static_cast<std::function<const peregrine_container *(std::string_view)> *>(userdata))(view(id));
		};
		auto kept = std::make_unique<std::function<const peregrine_container *(std::string_view)>>(std::move(callback));
		auto set = detail::done(peregrine_inspector_set_container_callback(handle_.get(), call, kept.get()));
		if (set)
			container_callback_ = std::move(kept);
		return set;
	}

	peregrine_inspector *get() const { return handle_.get(); }

private:
	explicit inspector(peregrine_inspector *handle) : handle_(handle) {}
	/* Declared before the handle, which calls it, and so destroyed after it. */
	std::unique_ptr<std::function<const peregrine_container *(std::string_view)>> container_callback_;
	detail::owner<peregrine_inspector, peregrine_inspector_free> handle_;
};

/* A field, resolved once and read from many events. */
class field {
public:
	static result<field> create(const std::string &name)
	{
		peregrine_field *handle = nullptr;
		peregrine_status status = peregrine_field_new(name.c_str(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return field(handle);
	}

	std::optional<peregrine_value> value(const event &event) const
	{
		peregrine_value value;
		if (peregrine_event_value(event.raw(), handle_.get(), &value) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return value;
	}

	std::optional<std::string_view> text(const event &event) const
	{
		peregrine_bytes bytes;
		if (peregrine_event_text(event.raw(), handle_.get(), &bytes) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return view(bytes);
	}

private:
	explicit field(peregrine_field *handle) : handle_(handle) {}
	detail::owner<peregrine_field, peregrine_field_free> handle_;
};

/* A line of output, such as "%evt.time %proc.name". */
class line {
public:
	static result<line> create(const std::string &format)
	{
		peregrine_template *handle = nullptr;
		peregrine_status status = peregrine_template_new(format.c_str(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return line(handle);
	}

	std::optional<std::string_view> text(const event &event) const
	{
		peregrine_bytes bytes;
		if (peregrine_event_format(event.raw(), handle_.get(), &bytes) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return view(bytes);
	}

	std::optional<std::string_view> json(const event &event) const
	{
		peregrine_bytes bytes;
		if (peregrine_event_format_json(event.raw(), handle_.get(), &bytes) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return view(bytes);
	}

private:
	explicit line(peregrine_template *handle) : handle_(handle) {}
	detail::owner<peregrine_template, peregrine_template_free> handle_;
};

/* A compiled condition. */
class filter {
public:
	static result<filter> create(const std::string &condition)
	{
		peregrine_filter *handle = nullptr;
		peregrine_status status = peregrine_filter_new(condition.c_str(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return filter(handle);
	}

	bool matches(const event &event)
	{
		bool matches = false;
		return peregrine_filter_matches(handle_.get(), event.raw(), &matches) == PEREGRINE_STATUS_OK && matches;
	}

private:
	explicit filter(peregrine_filter *handle) : handle_(handle) {}
	detail::owner<peregrine_filter, peregrine_filter_free> handle_;
};

/* Compiled rules: immutable, and shared by copies of the object and by engines in any thread. */
class ruleset {
public:
	explicit ruleset(peregrine_ruleset *handle) : handle_(handle, peregrine_ruleset_free) {}

	/* A rule in the order of evaluation; nothing behind the last. */
	std::optional<peregrine_rule_info> rule(size_t index) const
	{
		peregrine_rule_info info{};
		info.size = sizeof info;
		if (peregrine_ruleset_rule(handle_.get(), index, &info) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return info;
	}

	const peregrine_ruleset *get() const { return handle_.get(); }

private:
	std::shared_ptr<peregrine_ruleset> handle_;
};

/* An alert, valid until the callback that received it returns; see owned_alert. */
class alert {
public:
	explicit alert(const peregrine_alert *raw) : raw_(raw) {}

	/* The format of Falco, to be changed. */
	static peregrine_format default_format()
	{
		peregrine_format format{};
		format.size = sizeof format;
		return format;
	}

	std::string_view rule() const { return view(raw_->rule); }
	std::string_view source() const { return view(raw_->source); }
	peregrine_priority priority() const { return raw_->priority; }
	peregrine_alert_kind kind() const { return raw_->kind; }
	uint64_t timestamp() const { return raw_->timestamp; }
	uint64_t event_number() const { return raw_->event_number; }

	std::string_view text(const peregrine_format &format = default_format()) const
	{
		peregrine_bytes bytes;
		return peregrine_alert_text(raw_, &format, &bytes) == PEREGRINE_STATUS_OK ? view(bytes) : std::string_view{};
	}

	std::string_view json(const peregrine_format &format = default_format()) const
	{
		peregrine_bytes bytes;
		return peregrine_alert_json(raw_, &format, &bytes) == PEREGRINE_STATUS_OK ? view(bytes) : std::string_view{};
	}

	/* The text without time and priority. */
	std::string_view message() const
	{
		peregrine_bytes bytes;
		return peregrine_alert_message(raw_, &bytes) == PEREGRINE_STATUS_OK ? view(bytes) : std::string_view{};
	}

	size_t field_count() const { return peregrine_alert_field_count(raw_); }

	/* A field by its index, in the order of the output. */
	std::optional<peregrine_named_value> field(size_t index) const
	{
		peregrine_named_value field{};
		field.size = sizeof field;
		if (peregrine_alert_field(raw_, index, &field) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return field;
	}

	std::optional<peregrine_named_value> field(const std::string &name) const
	{
		peregrine_named_value field{};
		field.size = sizeof field;
		if (peregrine_alert_field_by_name(raw_, name.c_str(), &field) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return field;
	}

	std::optional<peregrine_named_value> note(size_t index) const
	{
		peregrine_named_value note{};
		note.size = sizeof note;
		if (peregrine_alert_note(raw_, index, &note) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return note;
	}

	/* The responses that the rule requests; proposals, nothing is done. */
	size_t response_count() const { return peregrine_alert_response_count(raw_); }

	std::optional<peregrine_response> response(size_t index) const
	{
		peregrine_response response{};
		response.size = sizeof response;
		if (peregrine_alert_response(raw_, index, &response) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return response;
	}

	/* The process that the responses are about. */
	std::optional<peregrine_process> process() const
	{
		peregrine_process process{};
		process.size = sizeof process;
		if (peregrine_alert_process(raw_, &process) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return process;
	}

	const peregrine_alert *get() const { return raw_; }

private:
	const peregrine_alert *raw_;
};

/* A copy of an alert, for queues and other threads. */
class owned_alert {
public:
	static result<owned_alert> create(const alert &from)
	{
		peregrine_alert *handle = nullptr;
		peregrine_status status = peregrine_alert_clone(from.get(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return owned_alert(handle);
	}

	alert get() const { return alert(handle_.get()); }

	/* Adds a note; what was read of the alert before is invalid. */
	result<bool> add_note(const std::string &name, std::string_view text)
	{
		peregrine_value value{};
		value.kind = PEREGRINE_VALUE_KIND_BYTES;
		value.as.bytes = {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
		return detail::done(peregrine_alert_add_note(handle_.get(), name.c_str(), &value));
	}

private:
	explicit owned_alert(peregrine_alert *handle) : handle_(handle) {}
	detail::owner<peregrine_alert, peregrine_alert_free> handle_;
};

/* Loaded plugins, for rulesets, inspectors and sources, which go on when these are gone. */
class plugins {
public:
	/* Fails with the status UNSUPPORTED if the library was built without plugins. */
	static result<plugins> create()
	{
		peregrine_plugins *handle = nullptr;
		peregrine_status status = peregrine_plugins_new(&handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return plugins(handle);
	}

	/* Loads a plugin, whose code runs in this process with all of its privileges. */
	result<bool> add(const std::string &path, const std::string &init_config = {}, const std::string &open_params = {})
	{
		return detail::done(
			peregrine_plugins_add(handle_.get(), path.c_str(), init_config.c_str(), open_params.c_str()));
	}

	/* The description of a plugin, in the order in which they were added; nothing behind the last. */
	std::optional<peregrine_plugin_info> info(size_t index) const
	{
		peregrine_plugin_info info{};
		info.size = sizeof info;
		if (peregrine_plugins_info(handle_.get(), index, &info) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return info;
	}

	/* For `plugins` of the options of an inspector. */
	const peregrine_plugins *get() const { return handle_.get(); }

private:
	explicit plugins(peregrine_plugins *handle) : handle_(handle) {}
	detail::owner<peregrine_plugins, peregrine_plugins_free> handle_;
};

/* The events of a source that a plugin provides. */
class plugin_source {
public:
	static result<plugin_source> open(const plugins &plugins, const std::string &name)
	{
		peregrine_plugin_source *handle = nullptr;
		peregrine_status status = peregrine_plugin_source_open(plugins.get(), name.c_str(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return plugin_source(handle);
	}

	/* The next event, valid until the one after it. An empty result has the status END, IDLE or an error. */
	result<peregrine_plugin_event> next()
	{
		peregrine_plugin_event event{};
		event.size = sizeof event;
		peregrine_status status = peregrine_plugin_source_next(handle_.get(), &event);
		if (status == PEREGRINE_STATUS_OK)
			return event;
		if (status == PEREGRINE_STATUS_END || status == PEREGRINE_STATUS_IDLE)
			return failure{status, {}, 0};
		return last_failure(status);
	}

	const peregrine_plugin_source *get() const { return handle_.get(); }

private:
	explicit plugin_source(peregrine_plugin_source *handle) : handle_(handle) {}
	detail::owner<peregrine_plugin_source, peregrine_plugin_source_free> handle_;
};

/* Evaluates a ruleset; one for each thread. */
class engine {
public:
	static result<engine> create(const ruleset &rules)
	{
		peregrine_engine *handle = nullptr;
		peregrine_status status = peregrine_engine_new(rules.get(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return engine(handle);
	}

	explicit engine(peregrine_engine *handle) : handle_(handle) {}

	/* Replaces the rules from the next event on. */
	peregrine_status set_ruleset(const ruleset &rules)
	{
		return peregrine_engine_set_ruleset(handle_.get(), rules.get());
	}

	/* Calls `callback(const alert &)` for every alert of an event before it returns. */
	template <typename F> peregrine_status process(const event &event, F &&callback)
	{
		auto call = [](void *userdata, const peregrine_alert *found) {
			(*static_cast<std::remove_reference_t<F> *>(userdata))(alert(found));
		};
		return peregrine_engine_process(handle_.get(), event.raw(), call, const_cast<void *>(pointer(callback)));
	}

	/* Calls `callback(const alert &)` for every alert of the last event of a plugin's source. */
	template <typename F> peregrine_status process_plugin(const plugin_source &source, F &&callback)
	{
		auto call = [](void *userdata, const peregrine_alert *found) {
			(*static_cast<std::remove_reference_t<F> *>(userdata))(alert(found));
		};
		return peregrine_engine_process_plugin(handle_.get(), source.get(), call,
						       const_cast<void *>(pointer(callback)));
	}

	/* Without a callback: alerts are queued for next_alert(). */
	peregrine_status process(const event &event)
	{
		return peregrine_engine_process(handle_.get(), event.raw(), nullptr, nullptr);
	}

	/* The oldest queued alert, valid until the next is taken; nothing if there is none. */
	std::optional<alert> next_alert()
	{
		const peregrine_alert *found = nullptr;
		if (peregrine_engine_next_alert(handle_.get(), &found) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return alert(found);
	}

	peregrine_engine_stats stats() const
	{
		peregrine_engine_stats stats{};
		stats.size = sizeof stats;
		if (peregrine_engine_get_stats(handle_.get(), &stats) != PEREGRINE_STATUS_OK)
			stats = {};
		return stats;
	}

	/* Evaluates a JSON record of a source. */
	template <typename F>
	peregrine_status process_json(const std::string &source, std::string_view json, uint64_t timestamp, F &&callback)
	{
		auto call = [](void *userdata, const peregrine_alert *found) {
			(*static_cast<std::remove_reference_t<F> *>(userdata))(alert(found));
		};
		auto data = reinterpret_cast<const uint8_t *>(json.data());
		return peregrine_engine_process_json(handle_.get(), source.c_str(), data, json.size(), timestamp, call,
						     const_cast<void *>(pointer(callback)));
	}

	peregrine_engine *get() const { return handle_.get(); }

private:
	template <typename F> static const void *pointer(F &callback) { return std::addressof(callback); }

	detail::owner<peregrine_engine, peregrine_engine_free> handle_;
};

/* Builds a ruleset from rule files. */
class ruleset_builder {
public:
	ruleset_builder()
	{
		peregrine_ruleset_builder *handle = nullptr;
		if (peregrine_ruleset_builder_new(&handle) != PEREGRINE_STATUS_OK)
			std::abort();
		handle_.reset(handle);
	}

	/* The defaults of Falco. */
	static peregrine_ruleset_options defaults()
	{
		peregrine_ruleset_options options{};
		options.size = sizeof options;
		return options;
	}

	result<bool> add_path(const std::string &path)
	{
		return detail::done(peregrine_ruleset_builder_add_path(handle_.get(), path.c_str()));
	}

	result<bool> add_text(const std::string &name, std::string_view yaml)
	{
		auto data = reinterpret_cast<const uint8_t *>(yaml.data());
		return detail::done(peregrine_ruleset_builder_add_text(handle_.get(), name.c_str(), data, yaml.size()));
	}

	result<bool> add_json_source(const std::string &name)
	{
		return detail::done(peregrine_ruleset_builder_add_json_source(handle_.get(), name.c_str()));
	}

	/* The plugins of the rules, in place of those that were set before. */
	result<bool> set_plugins(const plugins &plugins)
	{
		return detail::done(peregrine_ruleset_builder_set_plugins(handle_.get(), plugins.get()));
	}

	/* Enables or disables rules by name; `*` matches any number of characters. */
	result<bool> enable(const std::string &pattern, bool enable = true)
	{
		return detail::done(peregrine_ruleset_builder_enable(handle_.get(), pattern.c_str(), enable));
	}

	result<bool> enable_tag(const std::string &tag, bool enable = true)
	{
		return detail::done(peregrine_ruleset_builder_enable_tag(handle_.get(), tag.c_str(), enable));
	}

	result<ruleset> build(const peregrine_ruleset_options &options = defaults())
	{
		peregrine_ruleset *built = nullptr;
		peregrine_status status = peregrine_ruleset_builder_build(handle_.get(), &options, &built);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return ruleset(built);
	}

	/* Errors and warnings of the last build, for people. */
	std::string_view report() const
	{
		peregrine_bytes text;
		if (peregrine_ruleset_builder_report_text(handle_.get(), &text) != PEREGRINE_STATUS_OK)
			return {};
		return view(text);
	}

private:
	detail::owner<peregrine_ruleset_builder, peregrine_ruleset_builder_free> handle_;
};

} // namespace peregrine

#endif
