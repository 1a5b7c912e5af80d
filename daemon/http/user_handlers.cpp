#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/http/answers.h"
#include "daemon/http/handlers.h"
#include "daemon/http/requests.h"
#include "daemon/http/target.h"

namespace kmsd::http {
namespace {

using base::Code;
using base::Error;
using base::Reason;

kms::Reply<kms::User> userReply(const Respond& respond, int status) {
  return [respond, status](base::Result<kms::User> user) {
    respondWith(respond, [&] {
      if (!user) return problem(user.error());
      Response response = jsonResponse(userJson(*user), status);
      if (status == 201) response.headers.emplace_back("Location", "/v1/users/" + escapeTarget(user->name));
      return response;
    });
  };
}

constexpr std::size_t kLimitMost = 1000;

}  // namespace

base::Result<PageQuery> pageQuery(const Request& request, std::span<const std::string_view> known) {
  PageQuery out;
  for (const auto& [name, value] : request.query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Error{Code::Invalid, "unknown query parameter \"" + name.substr(0, 64) + "\"",
                   Reason::UnknownField};
    }
    if (name == "user") out.user = value;
    if (name == "after") out.after = value;
    if (name != "limit") continue;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), out.limit);
    if (failed != std::errc() || end != value.data() + value.size() || out.limit < 1 ||
        out.limit > kLimitMost) {
      return Error{Code::Invalid, "\"limit\" must be a whole number from 1 to 1000"};
    }
  }
  return out;
}

bool mayLookAt(Call& call, const std::string& user) {
  if (call.actor.role >= kms::Role::Issuer) return true;
  if (!call.actor.user || user.empty()) return false;
  const auto shown = call.api.users->show(user);
  return shown && shown->id == *call.actor.user;
}

void postUser(Call& call, const Respond& respond) {
  auto user = parseNewUser(base::view(call.request.body));
  if (!user) return respond(problem(user.error()));
  call.api.users->add(call.actor, std::move(user->name), std::move(user->fields), userReply(respond, 201));
}

void getUsers(Call& call, const Respond& respond) {
  static constexpr std::array<std::string_view, 2> kKnown = {"after", "limit"};
  const auto query = pageQuery(call.request, kKnown);
  if (!query) return respond(problem(query.error()));
  respond(listResponse(
      query->limit, [&](std::size_t limit) { return call.api.users->list(query->after, limit); }, usersJson));
}

void getUser(Call& call, const Respond& respond) {
  if (!mayLookAt(call, call.name)) {
    return respond(problem(Error{Code::Denied, "only issuers may look at other users", Reason::Forbidden}));
  }
  const auto user = call.api.users->show(call.name);
  respond(user ? jsonResponse(userJson(*user)) : problem(user.error()));
}

void patchUser(Call& call, const Respond& respond) {
  auto fields = parseUserChange(base::view(call.request.body));
  if (!fields) return respond(problem(fields.error()));
  call.api.users->change(call.actor, call.name, *std::move(fields), userReply(respond, 200));
}

}  // namespace kmsd::http
