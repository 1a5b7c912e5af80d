// Result: a value, or an Error that says what to do next. No exception crosses a folder.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "hal/base/reason.h"

namespace base {

// What the caller can do about it.
enum class Code : std::uint8_t {
  Invalid,      // the request is wrong: mend it
  NotFound,     // there is no such thing
  NotMine,      // sound, but another's: try the next
  Unavailable,  // not now: wait or try later
  Unsupported,  // never, here
  Timeout,      // the deadline passed
  Io,           // the device or the file system failed
  Corrupt,      // what was read is damaged
  Denied,       // refused: right, PIN or key
  Conflict,     // already there, or changed under us
  Internal,     // a defect of ours
};

struct Error {
  Code code = Code::Internal;
  std::string what;  // for the operator; may be logged, so it never holds a secret
  Reason reason = Reason::None;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & noexcept { return *value(); }
  const T& operator*() const& noexcept { return *value(); }
  T&& operator*() && noexcept { return std::move(*value()); }
  T* operator->() noexcept { return value(); }
  const T* operator->() const noexcept { return value(); }

  // REQUIRES: !*this.
  const Error& error() const& noexcept { return *failure(); }
  Error&& error() && noexcept { return std::move(*failure()); }

 private:
  T* value() noexcept {
    assert(state_.index() == 0);
    return std::get_if<0>(&state_);
  }
  const T* value() const noexcept {
    assert(state_.index() == 0);
    return std::get_if<0>(&state_);
  }
  Error* failure() noexcept {
    assert(state_.index() == 1);
    return std::get_if<1>(&state_);
  }
  const Error* failure() const noexcept {
    assert(state_.index() == 1);
    return std::get_if<1>(&state_);
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const noexcept { return !error_; }
  // REQUIRES: !*this.
  const Error& error() const& noexcept { return *error_; }
  Error&& error() && noexcept { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace base
