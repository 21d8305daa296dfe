/*
 * Peregrine for C++17: ownership by scope over peregrine.h, and nothing else to link.
 *
 * Every class owns one handle: it moves, it does not copy, and gives the handle back at the end of its scope. Calls that
 * can fail give a peregrine::result, which is a value or a status with a message. With PEREGRINE_EXCEPTIONS defined,
 * result::value() of a failure throws peregrine::error; otherwise it aborts, so look first.
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

/* Why a call failed. */
struct failure {
	peregrine_status status = PEREGRINE_STATUS_OK;
	std::string message;
};

#ifdef PEREGRINE_EXCEPTIONS
struct error : std::runtime_error {
	explicit error(failure why) : std::runtime_error(why.message), status(why.status) {}
	peregrine_status status;
};
#endif

/* A value, or why there is none. */
template <typename T> class result {
public:
	result(T value) : value_(std::move(value)) {}
	result(failure why) : why_(std::move(why)) {}

	explicit operator bool() const { return value_.has_value(); }
	peregrine_status status() const { return why_.status; }
	const std::string &message() const { return why_.message; }

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
	return {status, peregrine_last_error()};
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

/* An event, lent by its inspector until the next one is asked for. */
class event {
public:
	explicit event(peregrine_event raw) : raw_(raw) {}

	peregrine_event raw() const { return raw_; }

	peregrine_event_info info() const
	{
		peregrine_event_info info{};
		info.size = sizeof info;
		if (peregrine_event_describe(raw_, &info) != PEREGRINE_STATUS_OK)
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

	/* A field by its name, as text; for one asked of every event, see peregrine::field. */
	std::optional<std::string_view> text(const std::string &field) const
	{
		peregrine_bytes bytes;
		if (peregrine_event_text_by_name(raw_, field.c_str(), &bytes) != PEREGRINE_STATUS_OK)
			return std::nullopt;
		return view(bytes);
	}

	/* Chooses the event for a recording that keeps chosen events. */
	peregrine_status dump() const { return peregrine_event_dump(raw_); }

private:
	peregrine_event raw_;
};

namespace detail {
/* Whether a call was done. */
inline result<bool> done(peregrine_status status)
{
	if (status != PEREGRINE_STATUS_OK)
		return last_failure(status);
	return true;
}
} // namespace detail

/* Events of a source with the state of the machine. */
class inspector {
public:
	static result<inspector> open_file(const std::string &path)
	{
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_file(path.c_str(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	static result<inspector> open_memory(std::string_view data)
	{
		peregrine_inspector *handle = nullptr;
		auto bytes = reinterpret_cast<const uint8_t *>(data.data());
		peregrine_status status = peregrine_inspector_open_memory(bytes, data.size(), &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* This machine as it runs; everything by the defaults unless options say what. */
	static result<inspector> open_live(const peregrine_live_options *options = nullptr)
	{
		peregrine_inspector *handle = nullptr;
		peregrine_status status = peregrine_inspector_open_live(options, &handle);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return inspector(handle);
	}

	/* The next event; an empty result has the status END, IDLE or an error. */
	result<event> next()
	{
		peregrine_event raw;
		peregrine_status status = peregrine_inspector_next(handle_.get(), &raw);
		if (status == PEREGRINE_STATUS_OK)
			return event(raw);
		if (status == PEREGRINE_STATUS_END || status == PEREGRINE_STATUS_IDLE)
			return failure{status, {}};
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

	peregrine_stats stats() const
	{
		peregrine_stats stats{};
		stats.size = sizeof stats;
		if (peregrine_inspector_stats(handle_.get(), &stats) != PEREGRINE_STATUS_OK)
			stats = {};
		return stats;
	}

	/* Records what is read from the next event on, until dump_end() or the end of the inspector. */
	result<bool> dump_begin(const std::string &path, bool gzip = false, bool chosen = false)
	{
		peregrine_dump_options options{};
		options.size = sizeof options;
		options.gzip = gzip;
		options.chosen = chosen;
		return detail::done(peregrine_inspector_dump_begin(handle_.get(), path.c_str(), &options));
	}

	/* Ends the recording; gives how many events were written. */
	result<uint64_t> dump_end()
	{
		uint64_t events = 0;
		peregrine_status status = peregrine_inspector_dump_end(handle_.get(), &events);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return events;
	}

	/* The current event is void after these three. */
	result<bool> insert_container(const peregrine_container &container)
	{
		return detail::done(peregrine_inspector_insert_container(handle_.get(), &container));
	}

	result<bool> remove_container(std::string_view id)
	{
		auto bytes = reinterpret_cast<const uint8_t *>(id.data());
		return detail::done(peregrine_inspector_remove_container(handle_.get(), bytes, id.size()));
	}

	/* Asks `ask(std::string_view id)` for a `const peregrine_container *`, NULL if it knows nothing (yet). */
	result<bool> set_container_callback(std::function<const peregrine_container *(std::string_view)> ask)
	{
		auto call = [](void *userdata, peregrine_bytes id) {
			return (*static_cast<std::function<const peregrine_container *(std::string_view)> *>(userdata))(view(id));
		};
		auto kept = std::make_unique<std::function<const peregrine_container *(std::string_view)>>(std::move(ask));
		auto set = detail::done(peregrine_inspector_set_container_callback(handle_.get(), call, kept.get()));
		if (set)
			ask_ = std::move(kept);
		return set;
	}

	peregrine_inspector *get() const { return handle_.get(); }

private:
	explicit inspector(peregrine_inspector *handle) : handle_(handle) {}
	/* Outlives the handle, which calls it. */
	std::unique_ptr<std::function<const peregrine_container *(std::string_view)>> ask_;
	detail::owner<peregrine_inspector, peregrine_inspector_free> handle_;
};

/* A field, resolved once and asked many times. */
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

/* A condition, compiled. */
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

/* Rules at work. */
class engine {
public:
	/* Falco's defaults, to be changed. */
	static peregrine_engine_options defaults()
	{
		peregrine_engine_options options{};
		options.size = sizeof options;
		return options;
	}

	explicit engine(peregrine_engine *handle) : handle_(handle) {}

	/* Calls `alert(const peregrine_alert &)` for every alert of an event, before it returns. */
	template <typename F> peregrine_status process(const event &event, F &&alert)
	{
		auto call = [](void *userdata, const peregrine_alert *found) {
			(*static_cast<std::remove_reference_t<F> *>(userdata))(*found);
		};
		return peregrine_engine_process(handle_.get(), event.raw(), call, const_cast<void *>(pointer(alert)));
	}

	/* Without a call: alerts wait to be taken with next_alert(). */
	peregrine_status process(const event &event)
	{
		return peregrine_engine_process(handle_.get(), event.raw(), nullptr, nullptr);
	}

	/* The oldest alert that waits, lent until the next is taken; NULL if none does. */
	const peregrine_alert *next_alert()
	{
		const peregrine_alert *alert = nullptr;
		return peregrine_engine_next_alert(handle_.get(), &alert) == PEREGRINE_STATUS_OK ? alert : nullptr;
	}

	peregrine_alert_stats stats() const
	{
		peregrine_alert_stats stats{};
		stats.size = sizeof stats;
		if (peregrine_engine_stats(handle_.get(), &stats) != PEREGRINE_STATUS_OK)
			stats = {};
		return stats;
	}

	/* The same for a JSON record of a source. */
	template <typename F>
	peregrine_status process_json(const std::string &source, std::string_view json, uint64_t timestamp, F &&alert)
	{
		auto call = [](void *userdata, const peregrine_alert *found) {
			(*static_cast<std::remove_reference_t<F> *>(userdata))(*found);
		};
		auto data = reinterpret_cast<const uint8_t *>(json.data());
		return peregrine_engine_process_json(handle_.get(), source.c_str(), data, json.size(), timestamp, call,
						     const_cast<void *>(pointer(alert)));
	}

	peregrine_engine *get() const { return handle_.get(); }

private:
	template <typename F> static const void *pointer(F &alert) { return std::addressof(alert); }

	detail::owner<peregrine_engine, peregrine_engine_free> handle_;
};

/* Rule files on their way to an engine. */
class rules {
public:
	rules()
	{
		peregrine_rules *handle = nullptr;
		if (peregrine_rules_new(&handle) != PEREGRINE_STATUS_OK)
			std::abort();
		handle_.reset(handle);
	}

	result<bool> add_path(const std::string &path)
	{
		return detail::done(peregrine_rules_add_path(handle_.get(), path.c_str()));
	}

	result<bool> add_text(const std::string &name, std::string_view yaml)
	{
		auto data = reinterpret_cast<const uint8_t *>(yaml.data());
		return detail::done(peregrine_rules_add_text(handle_.get(), name.c_str(), data, yaml.size()));
	}

	result<bool> add_json_source(const std::string &name)
	{
		return detail::done(peregrine_rules_add_json_source(handle_.get(), name.c_str()));
	}

	result<bool> enable(const std::string &pattern) { return switch_to(pattern, true); }
	result<bool> disable(const std::string &pattern) { return switch_to(pattern, false); }

	result<engine> load(const peregrine_engine_options &options = engine::defaults())
	{
		peregrine_engine *loaded = nullptr;
		peregrine_status status = peregrine_rules_load(handle_.get(), &options, &loaded);
		if (status != PEREGRINE_STATUS_OK)
			return last_failure(status);
		return engine(loaded);
	}

	/* Errors and warnings of the last load, for people. */
	std::string_view report() const
	{
		peregrine_bytes text;
		if (peregrine_rules_report_text(handle_.get(), &text) != PEREGRINE_STATUS_OK)
			return {};
		return view(text);
	}

private:
	result<bool> switch_to(const std::string &pattern, bool on)
	{
		return detail::done(peregrine_rules_switch(handle_.get(), pattern.c_str(), on));
	}

	detail::owner<peregrine_rules, peregrine_rules_free> handle_;
};

} // namespace peregrine

#endif
